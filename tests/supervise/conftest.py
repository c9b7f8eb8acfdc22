"""Starting real apps under supervision, and making sure that nothing of them is left."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradio_doctor.supervise.app import SupervisedApp
from gradio_doctor.supervise.proctree import DEAD_STATES, read_stat
from tests.ports import free_ports

Write = Callable[[str], Path]
Supervise = Callable[[str], SupervisedApp]


@pytest.fixture
def port() -> int:
    """A free port whose neighbour is free too (server-side rendering takes two)."""
    return free_ports(2)[0]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an app with that source, its name unlike any other on this machine."""

    def write_app(source: str) -> Path:
        script = tmp_path / f"app_{uuid.uuid4().hex}.py"
        script.write_text(textwrap.dedent(source), encoding="utf-8")
        return script

    return write_app


@pytest.fixture
def supervise(write: Write) -> Iterator[Supervise]:
    """Makes a supervised app of a source; stops it, and fails when a process of it is left afterwards."""
    apps: list[SupervisedApp] = []

    def make(source: str) -> SupervisedApp:
        script = write(source)
        apps.append(SupervisedApp((sys.executable, script.name), str(script.parent)))
        return apps[-1]

    yield make
    for app in apps:
        app.stop()
        shutil.rmtree(app.capture.path.parent)
        assert running(app.process.command[1]) == []


def running(script: str) -> list[int]:
    """The pids of living processes with that script among their arguments."""
    pids = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
    return [pid for pid in pids if _runs(pid, script)]


def _runs(pid: int, script: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    # the guard has it among its arguments as well, and has to be gone too
    return script.encode() in words and (stat := read_stat(pid)) is not None and stat.state not in DEAD_STATES


@pytest.fixture(name="running")
def running_fixture() -> Callable[[str], list[int]]:
    """The pids of living processes with a script among their arguments."""
    return running


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool], float], None]:
    """Waits until something holds, at most that many seconds, and fails when it never does."""

    def wait(condition: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "it never came true"
            time.sleep(0.02)

    return wait
