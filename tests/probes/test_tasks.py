"""What `python -m asyncio pstree` prints, read; and who is not asked."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradio_doctor.evidence import Absent, AsyncTask, Instances, Process, Processes, Target, Tasks
from gradio_doctor.probes import tasks
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.bounded_process import Finished
from gradio_doctor.probes.own_interpreter import own_interpreter
from gradio_doctor.probes.tasks import parse_tree, probe_tasks

if TYPE_CHECKING:
    from tests.probes.conftest import FakeContext, Lab

SITE = "/srv/venv/lib/python3.15/site-packages"
# As Python 3.15.2 prints it (shortened): a task that ticks, one that waits for two others, a handler in a user's file.
TREE = f"""└── (T) Task-1
    └──  Server.main_loop {SITE}/uvicorn/server.py:248
        └──  sleep /usr/lib/python3.15/asyncio/tasks.py:725
└── (T) Task-7
    └──  gather_all {{app}}:9
        ├── (T) first
        │   └──  one {{app}}:2
        │       └──  sleep /usr/lib/python3.15/asyncio/tasks.py:725
        └── (T) second
            └──  two {{app}}:3
└── (T) 5f_0<gradio-sep>e1
    └──  Queue.process_events {SITE}/gradio/queueing.py:870
        └──  function_wrapper.<locals>.async_wrapper {SITE}/gradio/utils.py:1083
            └──  wait {{app}}:5
                └──  Lock.acquire /usr/lib/python3.15/asyncio/locks.py:110
"""
APP = "a\nb\nc\nd\n    await lock.acquire()\n"


@pytest.fixture
def me(lab: Lab) -> Process:
    """A Python that rests, and was started a minute from now, so that files written by then can be trusted."""
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    child = lab.start(*command)
    return Process(child.pid, os.getpid(), "python", command, "me", time.time() + 60, "sleeping", cwd="/",
                   exe=sys.executable)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "my app.py"
    path.write_text(APP)
    return path


def read(text: str, process: Process) -> list[AsyncTask]:
    return list(parse_tree(text, process))


def test_the_tree(me: Process, app: Path) -> None:
    ticks, one, two, held = read(TREE.format(app=app), me)
    assert [f.name for f in ticks.frames] == ["sleep", "main_loop"] and ticks.own is None
    assert [f.name for f in one.frames] == ["sleep", "one", "gather_all"] and one.name == two.name == "Task-7"
    assert [(f.name, f.line) for f in two.frames] == [("two", 3), ("gather_all", 9)]
    assert held.own is not None and (held.own.file, held.own.line) == (str(app), 5)
    assert held.own.text.strip() == "await lock.acquire()"
    assert [f.own for f in held.frames] == [False, True, False, False]


@pytest.mark.parametrize("text", [
    "", "no tree\n", "ERROR: await-graph contains cycles - cannot print a tree!\n", "\0\x1b[31m└──\n",
    "└── (T) \n", "── ── ──\n" * 50, "└── (T) x\n    └──  f nowhere\n",
])
def test_what_is_no_tree(text: str, me: Process) -> None:
    assert all(not t.frames for t in read(text, me))


def test_bounded(me: Process) -> None:
    text = "".join(f"└── (T) Task-{n}\n    └──  f /a.py:1\n" for n in range(5000))
    assert len(read(text, me)) == 2000
    deep = "".join(f"{' ' * 4 * n}└──  f /a.py:1\n" for n in range(3000))
    assert all(len(t.frames) <= 201 for t in read(deep, me))
    assert "\x1b" not in repr(read("└── (T) \x1b[31mx\n    └──  f\x1b[1m /a\x1b.py:1\n", me)[0].frames)


def asked(context: FakeContext, monkeypatch: pytest.MonkeyPatch, answers: Sequence[Finished]) -> Tasks | Absent:
    left = list(answers)
    monkeypatch.setattr(tasks, "python_minor", lambda _pid: 15)
    monkeypatch.setattr(tasks, "own_interpreter", lambda _pid: "/usr/bin/python3.15")
    monkeypatch.setattr(tasks, "run_bounded", lambda *_, **__: left.pop(0))
    monkeypatch.setattr(tasks, "PATIENCE", 0.01)
    return probe_tasks(context)


@pytest.fixture
def running(make_context: Callable[..., FakeContext], me: Process) -> FakeContext:
    known = {Processes: Processes({me.pid: me}, 10.0), Instances: Instances("app.py", (me,))}
    return make_context(Target("process", "", pid=me.pid), known)


def tree(name: str, line: int) -> Finished:
    return Finished(0, f"""└── (T) {name}
    └──  Queue.process_events {SITE}/gradio/queueing.py:870
        └──  wait /srv/app.py:{line}
            └──  Lock.acquire /usr/lib/python3.15/asyncio/locks.py:110
""".encode(), b"")


def test_a_handler_that_stands_is_looked_at_twice(running: FakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(running, monkeypatch, [tree("a", 5), tree("a", 5)])
    assert isinstance(found, Tasks) and found.tasks[0].seconds > 0
    moved = asked(running, monkeypatch, [tree("a", 5), tree("b", 5)])
    assert isinstance(moved, Tasks) and moved.tasks[0].seconds == 0


def test_the_interpreter_refuses(running: FakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(running, monkeypatch, [Finished(1, b"", b"Traceback\nRuntimeError: cannot\x1b[1m read")])
    assert isinstance(found, Absent) and "cannot" in found.why and "\x1b" not in found.why


def test_an_older_python(running: FakeContext) -> None:
    found = probe_tasks(running)
    assert isinstance(found, Absent) and "3.14" in found.why


def test_not_without_leave(running: FakeContext) -> None:
    running.options = Options(invasive="probe")
    found = probe_tasks(running)
    assert isinstance(found, Absent) and "--invasive sample" in found.unlock


def test_the_program_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_interpreter(os.getpid()) == os.path.realpath(sys.executable)
    assert isinstance(own_interpreter(2**22 + 1), Absent)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    owner = Path(sys.executable).resolve().stat().st_uid
    assert isinstance(own_interpreter(os.getpid()), Absent) == (owner != 0)
