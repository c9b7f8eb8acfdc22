# ruff: noqa: E501 - one app a line reads best
"""The way from a handler to the call that waits, through the user's own functions, classes and modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.evidence import AppSource, SlowCall
from tests.probes.source_apps import read_app

MAIN = """
import asyncio, functools, threading
import gradio as gr
{imports}
{code}
with gr.Blocks() as demo:
    box = gr.Textbox()
    btn = gr.Button()
    {listener}
demo.launch()
"""
HELPERS = """
import time
import requests

def fetch(url):
    return parse(requests.get(url))

def parse(answer):
    time.sleep(1)
    return answer.text

class Store:
    def __init__(self):
        self.session = requests.Session()

    def load(self, key):
        return self.read(key)

    def read(self, key):
        return self.session.get(key)

store = Store()

def forth(n): return back(n)
def back(n): return forth(n)
"""


def read(tmp_path: Path, code: str, listener: str = "btn.click(handle, box, box)", imports: str = "",
         files: dict[str, str] | None = None) -> AppSource:
    main = MAIN.format(imports=imports, code=code, listener=listener)
    return read_app(tmp_path, main, {"helpers.py": HELPERS, **(files or {})})


def on_loop(source: AppSource) -> list[SlowCall]:
    return [c for c in source.slow if c.on_loop and not c.weak]


def way(call: SlowCall) -> list[str]:
    """The chain as function:file."""
    return [f"{p.function}:{p.file.rpartition('/')[2]}" for p in call.chain]


WAYS: dict[str, tuple[str, list[str]]] = {
    "from helpers import fetch": ("return fetch(x)", ["handle:app.py", "fetch:helpers.py"]),
    "import helpers": ("return helpers.fetch(x)", ["handle:app.py", "fetch:helpers.py"]),
    "import helpers as h": ("return h.fetch(x)", ["handle:app.py", "fetch:helpers.py"]),
    "from helpers import *": ("return fetch(x)", ["handle:app.py", "fetch:helpers.py"]),
    "from helpers import Store": ("return Store().load(x)", ["handle:app.py", "load:helpers.py", "read:helpers.py"]),
    "from helpers import store": ("return store.load(x)", ["handle:app.py", "load:helpers.py", "read:helpers.py"]),
    "from pkg.web import fetch": ("return fetch(x)", ["handle:app.py", "fetch:web.py", "get:low.py"]),
    "import pkg.web": ("return pkg.web.fetch(x)", ["handle:app.py", "fetch:web.py", "get:low.py"]),
    "from pkg import fetch": ("return fetch(x)", ["handle:app.py", "fetch:web.py", "get:low.py"]),
    "from pkg import web": ("return web.fetch(x)", ["handle:app.py", "fetch:web.py", "get:low.py"]),
}
PACKAGE = {
    "pkg/__init__.py": "from .web import fetch\nfrom . import web\n",
    "pkg/web.py": "from . import low\n\ndef fetch(url):\n    return low.get(url)\n",
    "pkg/low.py": "from requests import get as fetch_it\n\ndef get(url):\n    return fetch_it(url)\n",
}


@pytest.mark.parametrize("imports", WAYS)
def test_through_modules(imports: str, tmp_path: Path) -> None:
    body, expected = WAYS[imports]
    source = read(tmp_path, f"async def handle(x):\n    {body}", imports=imports, files=PACKAGE)
    assert way(on_loop(source)[0]) == expected
    assert on_loop(source)[0].kind == "network"


def test_each_step_names_its_line_and_text(tmp_path: Path) -> None:
    source = read(tmp_path, "async def handle(x):\n    y = 1\n    return fetch(x)", imports="from helpers import fetch")
    network, sleep = on_loop(source)
    assert [p.text for p in network.chain] == ["return fetch(x)", "return parse(requests.get(url))"]
    assert [p.text for p in sleep.chain] == ["return fetch(x)", "return parse(requests.get(url))", "time.sleep(1)"]
    assert sleep.seconds == 1
    assert (sleep.what, network.what) == ("time.sleep", "requests.get")
    for place in sleep.chain:
        assert Path(place.file).read_text().splitlines()[place.line - 1].strip() == place.text


CODE: dict[str, str] = {
    "async helper": "async def mid(x):\n    return fetch(x)\nasync def handle(x):\n    return await mid(x)",
    "gathered": "async def mid(x):\n    return fetch(x)\nasync def handle(x):\n    await asyncio.gather(mid(x), mid(x))",
    "task": "async def mid(x):\n    return fetch(x)\nasync def handle(x):\n    asyncio.create_task(mid(x))",
    "nested": "async def handle(x):\n    def inner():\n        return fetch(x)\n    return inner()",
    "method": "class Bot:\n    async def ask(self, x):\n        return self._ask(x)\n    def _ask(self, x):\n"
              "        return fetch(x)\nbot = Bot()\nhandle = bot.ask",
    "inherited": "class Base:\n    def _ask(self, x):\n        return fetch(x)\nclass Bot(Base):\n"
                 "    async def ask(self, x):\n        return self._ask(x)\nhandle = Bot().ask",
    "super is not followed, self is": "class Bot:\n    def __init__(self):\n        self.get = fetch\n"
                                      "    async def ask(self, x):\n        return self.get(x)\nhandle = Bot().ask",
    "constructor": "class Page:\n    def __init__(self, x):\n        self.text = fetch(x)\nasync def handle(x):\n"
                   "    return Page(x).text",
    "callable": "class Page:\n    def __call__(self, x):\n        return fetch(x)\npage = Page()\nasync def handle(x):\n"
                "    return page(x)",
    "annotated": "class Bot:\n    def ask(self, x):\n        return fetch(x)\ndef use(bot: Bot, x):\n    return bot.ask(x)\n"
                 "async def handle(x):\n    return use(Bot(), x)",
    "partial": "def mid(a, b):\n    return fetch(b)\nasync def handle(x):\n    return functools.partial(mid, 1)(x)",
    "generator": "async def handle(x):\n    for part in parts(x):\n        yield part\ndef parts(x):\n    yield fetch(x)",
    "comprehension": "def one(x):\n    return fetch(x)\nasync def handle(x):\n    return [one(y) for y in x]",
    "timed by a decorator": "def timed(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return f(*a)\n"
                            "    return inner\n@timed\ndef mid(x):\n    return fetch(x)\nasync def handle(x):\n"
                            "    return mid(x)",
    "a decorated handler": "def logged(f):\n    async def inner(*a):\n        print(a)\n        return await f(*a)\n"
                           "    return inner\n@logged\nasync def handle(x):\n    return fetch(x)",
    "a plain function made async": "def made_async(f):\n    async def inner(*a):\n        return f(*a)\n    return inner\n"
                                   "@made_async\ndef handle(x):\n    return fetch(x)",
    "cached": "@functools.lru_cache\ndef mid(x):\n    return fetch(x)\nasync def handle(x):\n    return mid(x)",
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_through_functions_and_classes(code: str, tmp_path: Path) -> None:
    source = read(tmp_path, code, imports="from helpers import fetch")
    found = on_loop(source)
    assert found, source.unread
    assert found[0].location.function == "fetch"
    assert found[0].handler is not None
    assert found[0].chain[0].file.endswith("app.py")


AWAY: dict[str, str] = {
    "to a thread": "async def handle(x):\n    return await asyncio.to_thread(fetch, x)",
    "lambda to a thread": "async def handle(x):\n    return await asyncio.to_thread(lambda: fetch(x))",
    "nested to a thread": "async def handle(x):\n    def inner():\n        return fetch(x)\n"
                          "    return await asyncio.to_thread(inner)",
    "executor": "async def handle(x):\n    loop = asyncio.get_running_loop()\n"
                "    return await loop.run_in_executor(None, functools.partial(fetch, x))",
    "own loop in a thread": "async def mid(x):\n    return fetch(x)\nasync def handle(x):\n"
                            "    threading.Thread(target=asyncio.run, args=(mid(x),)).start()",
    "decorated into a thread": "def threaded(f):\n    async def inner(*a):\n        return await asyncio.to_thread(f, *a)\n"
                               "    return inner\n@threaded\ndef mid(x):\n    return fetch(x)\n"
                               "async def handle(x):\n    return await mid(x)",
    "decorated by a library": "from asgiref.sync import sync_to_async\n@sync_to_async\ndef mid(x):\n    return fetch(x)\n"
                              "async def handle(x):\n    return await mid(x)",
    "a handler decorated into a thread": "def threaded(f):\n    async def inner(*a):\n"
                                         "        return await asyncio.to_thread(f, *a)\n    return inner\n"
                                         "@threaded\ndef handle(x):\n    return fetch(x)",
    "a handler wrapped into a thread": "def threaded(f):\n    async def inner(*a):\n"
                                       "        return await asyncio.to_thread(f, *a)\n    return inner\n"
                                       "def plain(x):\n    return fetch(x)\nhandle = threaded(plain)",
    "never called": "async def handle(x):\n    return fetch",
    "only defined": "async def handle(x):\n    def inner():\n        return fetch(x)\n    return x",
    "handed in": "async def handle(x, f=None):\n    return f(x)",
    "another of that name": "def use(fetch):\n    return fetch(1)\nasync def handle(x):\n    return use(len)",
    "a cycle": "from helpers import forth\nasync def handle(x):\n    return forth(x)",
    "a cycle with itself": "async def handle(x):\n    return await handle(x)",
}


@pytest.mark.parametrize("code", AWAY.values(), ids=AWAY)
def test_what_does_not_run_on_the_loop(code: str, tmp_path: Path) -> None:
    source = read(tmp_path, code, imports="from helpers import fetch")
    assert [h.is_async for h in source.handlers] == [True]
    assert on_loop(source) == []


def test_the_shortest_way_is_told_and_every_handler_has_its_own(tmp_path: Path) -> None:
    code = ("def near(x):\n    return far(x)\ndef far(x):\n    return fetch(x)\n"
            "async def one(x):\n    near(x)\n    return far(x)\nasync def two(x):\n    return near(x)")
    source = read(tmp_path, code, "btn.click(one, box); btn.click(two, box)", "from helpers import fetch")
    ways = {c.handler.name: way(c)[:-1] for c in on_loop(source) if c.handler and c.kind == "network"}
    assert ways == {"one": ["one:app.py", "far:app.py"], "two": ["two:app.py", "near:app.py", "far:app.py"]}


def test_one_function_for_many_events_is_told_once(tmp_path: Path) -> None:
    code = "async def handle(x):\n    return fetch(x)"
    listener = "btn.click(handle, box); box.submit(handle, box); box.change(handle, box)"
    source = read(tmp_path, code, listener, "from helpers import fetch")
    assert len(source.handlers) == 3
    assert len([c for c in on_loop(source) if c.kind == "network"]) == 1


def test_a_frame_of_a_stack_finds_its_handler_and_its_call(tmp_path: Path) -> None:
    source = read(tmp_path, "async def handle(x):\n    y = 1\n    return fetch(x)", imports="from helpers import fetch")
    call = on_loop(source)[0]
    inside, below = call.chain
    assert [h.name for h in source.handlers_at(inside.file, inside.line)] == ["handle"]
    assert source.handlers_at(inside.file, inside.line + 20) == ()
    assert source.handlers_at(below.file, below.line) == ()
    assert source.slow_at(below.file, below.line)[0] == call
    assert call in source.slow_at(inside.file, inside.line)
    assert source.slow_at(below.file, 1) == ()


@pytest.mark.parametrize("count", [1200])
def test_a_long_way_is_bounded(count: int, tmp_path: Path) -> None:
    steps = "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(count))
    source = read(tmp_path, steps + f"def f{count}(x):\n    return fetch(x)\nasync def handle(x):\n    return f0(x)",
                  imports="from helpers import fetch")
    assert on_loop(source) == []  # 500 functions are followed from a handler


def test_many_calls_of_one_handler_are_bounded(tmp_path: Path) -> None:
    body = "\n".join(f"    fetch({i})" for i in range(300))
    source = read(tmp_path, f"async def handle(x):\n{body}\n" + "    time.sleep(1)\n" * 300, imports="import time\nfrom helpers import fetch")
    assert 0 < len(source.slow) <= 40


@pytest.mark.parametrize(("wrap", "expected"), [
    ("async def inner(*a):\n        return await f(*a)", True),
    ("async def inner(*a):\n        return await asyncio.to_thread(f, *a)", False),
    ("def inner(*a):\n        return f(*a)", False),
])
def test_a_handler_wrapped_where_it_is_registered(wrap: str, expected: bool, tmp_path: Path) -> None:
    code = f"def wrap(f):\n    {wrap}\n    return inner\nasync def ask(x):\n    return fetch(x)"
    source = read(tmp_path, code, "btn.click(wrap(ask), box, box)", "from helpers import fetch")
    assert bool(on_loop(source)) is expected
    assert [c.kind for c in source.slow if c.handler][:1] == ([] if "to_thread" in wrap else ["network"])
