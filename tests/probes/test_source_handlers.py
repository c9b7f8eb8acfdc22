"""Which functions Gradio calls on which events, and whether they run on the event loop."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from gradio_doctor.probes.source import read_source
from tests.probes.source_apps import by_name, events, read_app

HEAD = """
import functools
from functools import partial
import gradio as gr
with gr.Blocks() as demo:
    btn = gr.Button()
    box = gr.Textbox()
def plain(x): return x
def steps(x): yield x
async def on_loop(x): return x
async def loop_steps(x): yield x
class Tool:
    def method(self, x): ...
    async def loop_method(self, x): ...
    async def __call__(self, x): ...
    @staticmethod
    async def static(x): ...
    @classmethod
    def make(cls): return cls()
tool = Tool()
def wrap(f):
    @functools.wraps(f)
    def inner(*a): return f(*a)
    return inner
def wrap_async(f):
    async def inner(*a): return f(*a)
    return inner
def wrap_with(n):
    def outer(f):
        def inner(*a): return f(*a)
        return inner
    return outer
@wrap
async def wrapped(x): ...
@wrap_async
def made_async(x): ...
@wrap_with(3)
async def wrapped_with(x): ...
@functools.lru_cache
def cached(x): ...
with demo:
"""

FORMS: dict[str, list[tuple[str, str, bool]]] = {
    "btn.click(plain, box, box)": [("plain", "click", False)],
    "btn.click(fn=plain, inputs=box)": [("plain", "click", False)],
    "btn.click(on_loop)": [("on_loop", "click", True)],
    "btn.click(steps)": [("steps", "click", False)],
    "btn.click(loop_steps)": [("loop_steps", "click", True)],
    "btn.click(lambda: 1)": [("<lambda>", "click", False)],
    "btn.click(lambda x: on_loop(x))": [("<lambda>", "click", False)],
    "btn.click(partial(on_loop, 1))": [("on_loop", "click", True)],
    "btn.click(functools.partial(plain, 1))": [("plain", "click", False)],
    "btn.click(tool)": [("Tool.__call__", "click", False)],
    "btn.click(Tool())": [("Tool.__call__", "click", False)],
    "btn.click(tool.method)": [("method", "click", False)],
    "btn.click(tool.loop_method)": [("loop_method", "click", True)],
    "btn.click(Tool().loop_method)": [("loop_method", "click", True)],
    "btn.click(Tool.static)": [("static", "click", True)],
    "btn.click(Tool.make().method)": [("method", "click", False)],
    "btn.click(wrapped)": [("wrapped", "click", False)],
    "btn.click(wrapped_with)": [("wrapped_with", "click", False)],
    "btn.click(made_async)": [("made_async", "click", True)],
    "btn.click(wrap(on_loop))": [("inner", "click", False)],
    "btn.click(cached)": [("cached", "click", False)],
    "btn.click(plain if demo else on_loop)": [("plain", "click", False), ("on_loop", "click", True)],
    "btn.click(None, js='x')": [],
    "btn.click(fn=None, inputs=box)": [],
    "btn.click(js='x')": [],
    "btn.click(plain).then(on_loop).success(steps)": [
        ("plain", "click", False), ("on_loop", "then", True), ("steps", "success", False)],
    "box.submit(plain)": [("plain", "submit", False)],
    "box.change(plain)": [("plain", "change", False)],
    "demo.load(plain)": [("plain", "load", False)],
    "demo.unload(plain)": [("plain", "unload", False)],
    "gr.Timer(1).tick(plain)": [("plain", "tick", False)],
    "gr.on([btn.click, box.submit], plain)": [("plain", "on", False)],
    "gr.on(triggers=[btn.click], fn=on_loop)": [("on_loop", "on", True)],
    "gr.api(plain)": [("plain", "api", False)],
    "gr.Interface(plain, 'text', 'text')": [("plain", "Interface", False)],
    "gr.Interface(fn=on_loop, inputs='text', outputs='text')": [("on_loop", "Interface", True)],
    "gr.Interface([plain, steps], 'text', 'text')": [("plain", "Interface", False), ("steps", "Interface", False)],
    "gr.ChatInterface(loop_steps)": [("loop_steps", "ChatInterface", True)],
    "gr.Examples([], [box], [box], plain)": [("plain", "Examples", False)],
    "gr.Examples([], [box])": [],
    "gr.Textbox(value=plain, every=1)": [("plain", "load", False)],
    "gr.Textbox(lambda: 1)": [("<lambda>", "load", False)],
    "gr.Textbox('text')": [],
    "for b in [btn]: b.click(plain, inputs=box)": [("plain", "click", False)],
    "[b.click(plain, [box], [box]) for b in (btn,)]": [("plain", "click", False)],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str, tmp_path: Path) -> None:
    source = read_app(tmp_path, f"{HEAD}    {form}\n")
    assert source.fault is None
    assert events(source) == FORMS[form]
    assert source.unread == ()


DECORATED = {
    "@btn.click(inputs=box)\n    def f(x): ...": ("f", "click", False),
    "@btn.click\n    async def f(x): ...": ("f", "click", True),
    "@gr.on([btn.click])\n    async def f(x): ...": ("f", "on", True),
    "@gr.on(triggers=[box.submit], inputs=box)\n    def f(x): ...": ("f", "on", False),
    "@gr.render(inputs=box)\n    def f(x): ...": ("f", "render", False),
    "@gr.render()\n    async def f(x): ...": ("f", "render", True),
    "@demo.load(outputs=box)\n    def f(): ...": ("f", "load", False),
    "@box.change(inputs=box)\n    @wrap\n    async def f(x): ...": ("f", "change", False),
    "@gr.api(api_name='x')\n    def f(): ...": ("f", "api", False),
}


@pytest.mark.parametrize("form", DECORATED)
def test_decorators(form: str, tmp_path: Path) -> None:
    assert events(read_app(tmp_path, f"{HEAD}    {form}\n")) == [DECORATED[form]]


@pytest.mark.parametrize("code", [
    "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor()\npool.submit(plain, 1)",
    "import torch\ntorch.load(plain)",
    "import json\njson.load(open('x'))",
    "def f(pool):\n    pool.submit(plain, 1)",
    "def f(frame):\n    frame.apply(plain)",
    "def f(df):\n    df.select(plain)",
    "import gradio_client\ngradio_client.Client('x').submit(plain, api_name='/x')",
    "gr.load('models/x')",
    "class Own:\n    def click(self, fn): ...\nOwn().click(plain)",
    "[].copy()",
    "raise SystemExit\nbtn.click(plain)",
    "import asyncio\nasyncio.get_event_loop().stop(plain)",
])
def test_others_are_left_out(code: str, tmp_path: Path) -> None:
    assert events(read_app(tmp_path, f"{HEAD}    pass\n{code}\n")) == []


@pytest.mark.parametrize(("fn", "why"), [
    ("random.random", "which is not in the app's own files"), ("given", "which could not be followed"),
    ("table['x']", "which could not be followed"), ("fn", "a parameter"),
])
def test_handlers_that_cannot_be_followed_are_noted(fn: str, why: str, tmp_path: Path) -> None:
    code = f"import random\nimport gradio as gr\ntable = {{}}\ndef build(fn):\n    gr.Button().click({fn})\n"
    source = read_app(tmp_path, code)
    assert source.handlers == ()
    assert source.unread == (f"app.py:5: the handler of click is {fn}, {why}",)


def test_handlers_in_other_files(tmp_path: Path) -> None:
    source = read_app(
        tmp_path,
        "import gradio as gr\nfrom work import jobs\nfrom work.jobs import run as go, Model\nm = Model()\n"
        "with gr.Blocks() as demo:\n    b = gr.Button()\n    b.click(jobs.slow)\n"
        "    b.click(go)\n    b.click(m.predict)\n",
        {"work/jobs.py": "\nasync def slow(): ...\n\ndef run(): ...\nclass Model:\n    async def predict(self): ...\n"},
    )
    assert [(h.name, h.line, h.is_async) for h in source.handlers] == [
        ("slow", 2, True), ("run", 4, False), ("predict", 6, True)]
    assert {h.file for h in source.handlers} == {str(tmp_path / "work/jobs.py")}


def test_bound_methods_of_the_app_class(tmp_path: Path) -> None:
    source = read_app(tmp_path, """
        import gradio as gr
        class Base:
            async def stream(self): ...
        class App(Base):
            def __init__(self, model):
                self.button = gr.Button()
                self.model = model
                self.helper = Helper()
            def build(self):
                self.button.click(self.run).then(self.stream)
                self.button.click(self.helper.work)
                self.button.click(self.model.predict)
            def run(self): ...
        class Helper:
            async def work(self): ...
        App(None).build()
    """)
    assert events(source) == [("run", "click", False), ("stream", "then", True), ("work", "click", True)]
    assert [u.partition(": ")[2] for u in source.unread] == [
        "the handler of click is self.model.predict, which could not be followed"]


def test_line_is_where_the_function_is_defined(tmp_path: Path) -> None:
    source = read_app(tmp_path, "import gradio as gr\n\n@wraps\n@more\ndef f(): ...\ngr.Interface(f, 'text', 'text')\n")
    assert by_name(source, "f").line == 5


def test_one_function_on_two_events_is_two_handlers_and_on_one_event_twice_is_one(tmp_path: Path) -> None:
    code = "import gradio as gr\ndef f(): ...\nb = gr.Button()\nb.click(f)\nb.click(f)\ngr.Textbox().submit(f)\n"
    assert events(read_app(tmp_path, code)) == [("f", "click", False), ("f", "submit", False)]


def test_is_async_agrees_with_gradio_itself() -> None:
    """What this file's own functions are to Gradio (inspect.iscoroutinefunction, or an async generator)."""
    seen = {h.name: h.is_async for h in read_source(__file__).handlers}
    real: dict[str, Callable[..., Any]] = {
        "loop_fn": functools.partial(loop_fn, 1), "Thing.__call__": Thing(), "loop_generator": loop_generator,
        "thread_fn": thread_fn, "bound": Thing().bound, "<lambda>": lambda x: loop_fn(x), "hidden": hidden,
    }
    assert seen == {name: _runs_on_the_loop(fn) for name, fn in real.items()}


def _runs_on_the_loop(fn: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn)


def sync_wrapper(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def call(*values: object) -> object:
        return asyncio.run(fn(*values))

    return call


async def loop_fn(x: object) -> object:
    return x


async def loop_generator(x: object) -> Any:
    yield x


def thread_fn(x: object) -> object:
    return x


@sync_wrapper
async def hidden(x: object) -> object:
    return x


class Thing:
    async def __call__(self, x: object) -> object:
        return x

    async def bound(self, x: object) -> object:
        return x


def never_called() -> None:
    """An app that only the source probe reads."""
    button, thing = gr.Button(), Thing()
    button.click(functools.partial(loop_fn, 1))
    button.click(thing)
    button.click(loop_generator)
    button.click(thread_fn)
    button.click(thing.bound)
    button.click(lambda x: loop_fn(x))
    button.click(hidden)
