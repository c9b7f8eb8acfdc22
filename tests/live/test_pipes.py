"""Children that cannot go on printing because their parent does not read: told by what the kernel shows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradio_doctor.evidence import Resource, StackFrame
from gradio_doctor.live.model import ProcessView, ThreadView, Wait
from gradio_doctor.live.outside import judge_outside
from gradio_doctor.probes.threads_pipes import chokes_on
from tests.lab.harness import until

TALKS = "import sys\nwhile True: sys.{stream}.write('x' * 9000); sys.{stream}.flush()"
RESTS = "import time; print('x', flush=True); time.sleep(60)"


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_child_that_chokes(children: list[subprocess.Popen[bytes]], stream: str) -> None:
    pipes = {stream: subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", TALKS.format(stream=stream)], **pipes)  # type: ignore[call-overload]
    children.append(child)
    until(lambda: chokes_on(child.pid, os.getpid()), 20, "it does not choke")
    assert not chokes_on(child.pid, 1)  # somebody else's to read


def test_a_child_that_rests(children: list[subprocess.Popen[bytes]]) -> None:
    child = subprocess.Popen([sys.executable, "-c", RESTS], stdout=subprocess.PIPE)
    children.append(child)
    assert child.stdout is not None
    child.stdout.read(1)
    assert not chokes_on(child.pid, os.getpid())


def test_nothing_to_see(tmp_path: Path) -> None:
    assert not chokes_on(2**22 + 1, os.getpid())
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "wchan").write_text("pipe_write")
    assert not chokes_on(7, 8, tmp_path)


@pytest.mark.parametrize(("full", "kinds"), [(True, ["child-chokes"]), (False, [])])
def test_judged(full: bool, kinds: list[str]) -> None:
    frame = StackFrame("convert", "/srv/app.py", 5, own=True, text="child.wait()")
    wait = Wait("child", Resource("process", name="77", full=full), endless=True)
    view = ThreadView(1, 3, "worker", "waiting", wait, frames=(frame,), steady=True)
    loop = ThreadView(1, 2, "loop", "idle", serves=True)
    found = list(judge_outside(ProcessView(1, (loop, view), complete=True)))
    assert [j.kind for j in found] == kinds
    assert not found or (found[0].facts["child"] == "77" and found[0].location is not None)
