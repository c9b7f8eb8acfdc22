# ruff: noqa: E501 - one app a line reads best
"""Handlers that change what all users share: each fault beside its correct twin."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.evidence import AppSource, SharedWrite
from tests.probes.source_apps import read_app

APP = """
import asyncio, threading
from collections import defaultdict, deque
import gradio as gr
{code}
with gr.Blocks() as demo:
    box = gr.Textbox()
    btn = gr.Button()
    state = gr.State([])
    {listener}
demo.{queue}launch()
"""
CLICK = "btn.click(handle, [box, state], [box, state])"


def read(tmp_path: Path, code: str, listener: str = CLICK, queue: str = "", files: dict[str, str] | None = None) -> AppSource:
    return read_app(tmp_path, APP.format(code=code, listener=listener, queue=queue), files)


def told(source: AppSource) -> list[tuple[str, str]]:
    """What there is to tell: name and kind, without what is filled once only."""
    return [(w.name, w.kind) for w in source.shared if w.kind != "once"]


SHARED: dict[str, list[tuple[str, str]]] = {
    "history = []\ndef handle(x):\n    history.append(x)\n    return history": [("history", "content")],
    "history: list[str] = []\ndef handle(x):\n    history.extend([x])\n    return history": [("history", "content")],
    "history = []\ndef handle(x):\n    global history\n    history += [x]\n    return history": [("history", "content")],
    "seen = set()\ndef handle(x):\n    seen.add(x)\n    return len(seen)": [("seen", "content")],
    "log = deque()\ndef handle(x):\n    line = x.upper()\n    log.appendleft(line)\n    return list(log)": [("log", "content")],
    "def handle(x):\n    note(x)\n    return notes\nnotes = []\ndef note(y):\n    notes.append(y)": [("notes", "content")],
    "total = 0\ndef handle(x):\n    global total\n    total += 1\n    return total": [("total", "update")],
    "total = 0\ndef handle(x):\n    global total\n    total = total + len(x)\n    return total": [("total", "update")],
    "stats = {'n': 0}\ndef handle(x):\n    stats['n'] += 1\n    return stats": [("stats", "update")],
    "stats = {'n': 0}\ndef handle(x):\n    stats['n'] = stats['n'] + 1\n    return stats": [("stats", "update")],
    "last = ''\ndef handle(x):\n    global last\n    last = x\n    return other()\ndef other():\n    return last":
        [("last", "replace")],
    "config = {}\ndef handle(x):\n    config['user'] = x\n    return config": [("config", "replace")],
    "class Bot:\n    def __init__(self):\n        self.turns = []\n    def ask(self, x):\n        self.turns.append(x)\n"
    "        return self.turns\nbot = Bot()\nhandle = bot.ask": [("turns", "content")],
    "class Bot:\n    turns = []\n    def ask(self, x):\n        self.turns.append(x)\n        return self.turns\n"
    "def handle(x):\n    return Bot().ask(x)": [("turns", "content")],
    "class Bot:\n    count = 0\ndef handle(x):\n    Bot.count += 1\n    return Bot.count": [("count", "update")],
    "import shared\ndef handle(x):\n    shared.items.append(x)\n    return shared.items": [("items", "content")],
    "from shared import items\ndef handle(x):\n    items.append(x)\n    return items": [("items", "content")],
    "import shared\ndef handle(x):\n    return shared.keep(x)": [("items", "content")],
    "def add(x, items=[]):\n    items.append(x)\n    return items\ndef handle(x):\n    return add(x)": [("items", "content")],
    "def add(x, *, items={}):\n    items['last'] = x\n    return items\ndef handle(x):\n    return add(x)":
        [("items", "replace")],
    "def make():\n    seen = []\n    def inner(x):\n        seen.append(x)\n        return seen\n    return inner\nhandle = make()":
        [("seen", "content")],
    "def make():\n    n = 0\n    def inner(x):\n        nonlocal n\n        n += 1\n        return n\n    return inner\n"
    "handle = make()": [("n", "update")],
}
SIBLING = {"shared.py": "items = []\n\ndef keep(value):\n    items.append(value)\n    return items\n"}


@pytest.mark.parametrize(("code", "expected"), SHARED.items())
def test_what_all_users_share(code: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    source = read(tmp_path, code, files=SIBLING)
    assert told(source) == expected, source.unread
    write = source.shared[0]
    assert write.read
    assert write.handlers
    for place in (write.location, write.defined):
        assert Path(place.file).read_text().splitlines()[place.line - 1].strip() == place.text
    assert write.name in write.defined.text


FINE: dict[str, str] = {
    "gr.State": "def handle(x, history):\n    history.append(x)\n    return x, history",
    "local": "def handle(x):\n    history = []\n    history.append(x)\n    return history",
    "same name, local": "history = []\ndef handle(x):\n    history = [x]\n    history.append(x)\n    return history",
    "by session": "users = {}\ndef handle(x, request: gr.Request):\n    users[request.session_hash] = x\n    return users",
    "by user": "users = defaultdict(list)\ndef handle(x):\n    users[x].append(x)\n    return users",
    "by user, made": "users = {}\ndef handle(x):\n    users.setdefault(x, []).append(x)\n    return users",
    "a cache": "cache = {}\ndef handle(x):\n    if x not in cache:\n        cache[x] = len(x)\n    return cache[x]",
    "under a lock": "lock = threading.Lock()\ntotal = 0\ndef handle(x):\n    global total\n    with lock:\n        total += 1\n"
                    "    return total",
    "under a lock of another name": "guard = threading.RLock()\nn = []\ndef handle(x):\n    with guard:\n        n.append(x)\n"
                                    "    return n",
    "locked by hand": "lock = threading.Lock()\ntotal = 0\ndef handle(x):\n    global total\n    lock.acquire()\n    try:\n"
                      "        total += 1\n    finally:\n        lock.release()\n    return total",
    "locked by the caller": "lock = threading.Lock()\nn = []\ndef add(x):\n    n.append(x)\ndef handle(x):\n    with lock:\n"
                            "        add(x)\n    return n",
    "locked by a decorator": "lock = threading.Lock()\ndef one_at_a_time(f):\n    def inner(*a):\n        with lock:\n"
                             "            return f(*a)\n    return inner\nn = []\n@one_at_a_time\ndef handle(x):\n"
                             "    n.append(x)\n    return n",
    "in self's lock": "class Bot:\n    def __init__(self):\n        self.lock = threading.Lock()\n        self.n = 0\n"
                      "    def ask(self, x):\n        with self.lock:\n            self.n += 1\n        return self.n\n"
                      "handle = Bot().ask",
    "an object per call": "class Bot:\n    def __init__(self):\n        self.turns = []\n    def ask(self, x):\n"
                          "        self.turns.append(x)\n        return self.turns\ndef handle(x):\n    return Bot().ask(x)",
    "an object per session": "class Bot:\n    def __init__(self):\n        self.turns = []\n    def ask(self, x):\n"
                             "        self.turns.append(x)\n        return self.turns\nkept = gr.State(Bot())\n"
                             "def handle(x, bot: Bot):\n    return bot.ask(x)",
    "nothing a user sent": "events = []\ndef handle(x):\n    events.append(1)\n    return events",
    "set back": "total = 5\ndef handle(x):\n    global total\n    total = 0\n    return total",
    "at start-up only": "total = 0\ndef prepare():\n    global total\n    total += 1\nprepare()\ndef handle(x):\n    return total",
    "not a container": "import logging\nlog = logging.getLogger()\ndef handle(x):\n    log.append(x)\n    return log",
    "a parameter of that name": "history = []\ndef add(history, x):\n    history.append(x)\ndef handle(x):\n    add([], x)\n"
                                "    return history",
    "a default that is given": "def add(x, items=[]):\n    items.append(x)\n    return items\ndef handle(x):\n"
                               "    return add(x, [])",
    "a default that is replaced": "def add(x, items=[]):\n    items = list(items)\n    items.append(x)\n    return items\n"
                                  "def handle(x):\n    return add(x)",
    "a default of None": "def add(x, items=None):\n    items = items or []\n    items.append(x)\n    return items\n"
                         "def handle(x):\n    return add(x)",
    "Gradio's own": "class Bot:\n    def ask(self, x, progress=gr.Progress()):\n        self.progress = progress\n"
                    "        return self.progress\nhandle = Bot().ask",
    "a closure of a rendered part": "@gr.render()\ndef show():\n    seen = []\n    def inner(x):\n        seen.append(x)\n"
                                    "        return seen\n    gr.Button().click(inner, gr.Textbox())\ndef handle(x):\n    return x",
}


@pytest.mark.parametrize("code", FINE.values(), ids=FINE)
def test_what_is_nobody_elses(code: str, tmp_path: Path) -> None:
    source = read(tmp_path, code)
    assert source.handlers
    assert told(source) == []


@pytest.mark.parametrize("code", [
    "model = None\ndef handle(x):\n    global model\n    if model is None:\n        model = len\n    return model(x)",
    "model = None\ndef get():\n    global model\n    if not model:\n        model = open('m')\n    return model\n"
    "def handle(x):\n    return get()",
    "model = None\ndef get():\n    global model\n    if model is not None:\n        return model\n    model = object()\n"
    "    return model\ndef handle(x):\n    return get()",
    "last_cache = None\ndef handle(x):\n    global last_cache\n    last_cache = x\n    return last_cache",
])
def test_what_is_filled_once_is_told_apart(code: str, tmp_path: Path) -> None:
    assert {w.kind for w in read(tmp_path, code).shared} == {"once"}


COUNTER = "total = 0\ndef handle(x):\n    global total\n    total += 1\n    return total\ndef second(x):\n    return handle(x)"
TWO = "btn.click(handle, box); box.submit(second, box)"


@pytest.mark.parametrize(("listener", "queue", "concurrent"), [
    ("btn.click(handle, box)", "", False),  # Gradio runs a function once at a time unless told otherwise
    ("btn.click(handle, box); box.submit(handle, box)", "", False),  # its events share the one place
    (TWO, "", True),
    ("btn.click(handle, box, concurrency_limit=4)", "", True),
    ("btn.click(handle, box, concurrency_limit=None)", "", True),
    ("btn.click(handle, box, concurrency_limit=1)", "queue(default_concurrency_limit=8).", False),
    ("btn.click(handle, box, concurrency_limit='default')", "queue(default_concurrency_limit=8).", True),
    ("btn.click(handle, box)", "queue(default_concurrency_limit=8).", True),
    ("btn.click(handle, box)", "queue(default_concurrency_limit=1).", False),
    ("btn.click(handle, box)", "queue(concurrency_count=3).", True),
    ("btn.click(handle, box)", "queue(max_size=3).", False),
    ("btn.click(handle, box, queue=False)", "", True),
    ("btn.click(handle, box, queue=True)", "", False),
])
def test_whether_it_may_run_at_once(listener: str, queue: str, concurrent: bool, tmp_path: Path) -> None:
    writes = read(tmp_path, COUNTER, listener, queue).shared
    assert [w.concurrent for w in writes] == [concurrent]


def test_the_event_loop_runs_one_at_a_time(tmp_path: Path) -> None:
    code = COUNTER.replace("def ", "async def ").replace("return handle(x)", "return await handle(x)")
    assert [w.concurrent for w in read(tmp_path, code, TWO).shared] == [False]


def test_a_route_has_threads_of_its_own(tmp_path: Path) -> None:
    code = "from fastapi import FastAPI\napi = FastAPI()\nn = 0\n@api.get('/')\ndef count():\n    global n\n    n += 1\n    return n"
    writes: tuple[SharedWrite, ...] = read(tmp_path, code, "pass").shared
    assert [(w.name, w.concurrent) for w in writes] == [("n", True)]


def test_handlers_that_come_to_it_are_named(tmp_path: Path) -> None:
    writes = read(tmp_path, COUNTER, TWO).shared
    assert sorted({h.name for h in writes[0].handlers}) == ["handle", "second"]
    assert writes[0].location.function == "handle"


def test_what_nobody_reads_is_told_apart(tmp_path: Path) -> None:
    source = read(tmp_path, "log = []\ndef handle(x):\n    log.append(x)\n    return x")
    assert [(w.kind, w.read) for w in source.shared] == [("content", False)]


@pytest.mark.parametrize(("lock", "expected"), [("with lock:", []), ("if True:", [("n", "content")])])
def test_a_lock_in_the_wrapper_of_a_handler(lock: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    code = f"lock = threading.Lock()\ndef wrap(f):\n    def inner(*a):\n        {lock}\n            return f(*a)\n    return inner\n"
    code += "n = []\ndef handle(x):\n    n.append(x)\n    return n"
    assert told(read(tmp_path, code, "btn.click(wrap(handle), box, box)")) == expected
