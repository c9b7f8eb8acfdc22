"""The look that goes on by itself, at a real process: its length, its levels, and that it is one look for all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.evidence import Absent, Instances, Process, Processes, Stacks, Target, Threads
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.processes import probe_processes, read_process
from gradio_doctor.probes.stacks_pyspy import find_pyspy
from gradio_doctor.probes.threads_sockets import Neighbours
from gradio_doctor.probes.watching import Watching, begin_watching, probe_stacks, probe_threads
from tests.probes.network_lab import Given, eventually

SLEEPER = "import time\nopen('up', 'w').close()\ntime.sleep(60)\n"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    (tmp_path / "app.py").write_text(SLEEPER)
    process = subprocess.Popen([sys.executable, "app.py"], cwd=tmp_path)
    try:
        eventually((tmp_path / "up").exists)
        seen = read_process(process.pid)
        assert seen is not None
        yield seen
    finally:
        process.kill()
        process.wait(10)


class Closing(Given):
    """A context that keeps what is to be run at the end."""

    closers: list[Callable[[], None]]
    kept: Watching | Absent | None = None

    def on_close(self, clean_up: Callable[[], None]) -> None:
        self.closers = [clean_up]

    def get(self, kind: type[Any]) -> Any:
        if kind is Watching:
            self.kept = self.kept or begin_watching(self)
            return self.kept
        return probe_threads(self) if kind is Threads else super().get(kind)


def context(process: Process, **options: Any) -> Closing:
    table = probe_processes(Given())
    assert isinstance(table, Processes)
    evidence = (table, Instances(process.script, (process,)))
    return Closing(Target("process", "x", pid=process.pid), Options(**options), evidence)


def test_a_hurried_look_at_a_real_process_is_shorter(sleeper: Process) -> None:
    """Two looks instead of four and two instead of three; both see the same process."""
    assert find_pyspy()
    times, counts = [], []
    for hurry in (False, True):
        looked, started = Watching((sleeper,), Neighbours()), time.monotonic()
        if hurry:
            looked.hurry.set()
        looked.begin()
        threads, stacks = looked.threads(), looked.stacks()
        times.append(time.monotonic() - started)
        assert isinstance(threads, Threads) and isinstance(stacks, Stacks)
        counts.append((len(threads.processes[0].threads[0].samples), len(stacks.processes[0].samples)))
    assert counts == [(4, 3), (2, 2)]
    assert times[1] < times[0]


def test_one_look_serves_both_kinds_of_evidence(sleeper: Process) -> None:
    given = context(sleeper)
    stacks, threads = probe_stacks(given), probe_threads(given)
    assert isinstance(stacks, Stacks) and isinstance(threads, Threads)
    assert stacks.processes[0].samples[0].threads[0].frames[0].text == "time.sleep(60)"
    assert isinstance(given.kept, Watching) and given.closers == [given.kept.end]


@pytest.mark.parametrize(("level", "stacks"), [("read", False), ("probe", False), ("sample", True)])
def test_levels(sleeper: Process, level: str, stacks: bool) -> None:
    found = probe_stacks(context(sleeper, invasive=level))
    assert isinstance(found, Stacks) is stacks
    assert stacks or (isinstance(found, Absent) and found.unlock == "gradio-doctor diagnose --invasive sample")


def switches(pid: int) -> int:
    """How often the process has run, whatever woke it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def test_the_end_comes_before_the_context_is_left(sleeper: Process) -> None:
    """After its end nothing touches the app any more: a sleeping process is not woken once."""
    given = context(sleeper)
    assert isinstance(given.get(Watching), Watching)
    given.closers[0]()
    before = switches(sleeper.pid)
    time.sleep(0.6)
    assert switches(sleeper.pid) == before
    status = Path(f"/proc/{sleeper.pid}/status").read_text()
    assert "TracerPid:\t0\n" in status and "State:\tS" in status


def test_a_look_without_stacks_never_wakes_the_process(sleeper: Process) -> None:
    """What needs no privilege leaves no trace, not even in the counters that it reads."""
    before = switches(sleeper.pid)
    assert isinstance(probe_threads(context(sleeper, invasive="probe")), Threads)
    assert switches(sleeper.pid) == before


def test_a_process_that_ends_during_the_look(sleeper: Process) -> None:
    """Both looks come to an end at once, and neither has anything healthy to say."""
    given = context(sleeper)
    watching = given.get(Watching)
    os.kill(sleeper.pid, signal.SIGKILL)
    started = time.monotonic()
    stacks = watching.stacks()
    assert time.monotonic() - started < 5
    assert isinstance(stacks, Absent) and str(sleeper.pid) in stacks.why
