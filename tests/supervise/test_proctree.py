"""The process tree as /proc shows it, and signals that hit nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gradio_doctor.supervise.proctree import Stat, descendants, read_stat, send_signal

Eventually = Callable[[Callable[[], bool], float], None]


def test_signals_reach_nobody_else() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as other:
        try:
            stat = read_stat(other.pid)
            assert stat is not None
            assert (stat.pid, stat.started) in [(p.pid, p.started) for p in descendants(os.getpid())]
            earlier = stat._replace(started=stat.started - 1)  # another process that had the pid before
            assert not send_signal(earlier, signal.SIGKILL)
            assert other.poll() is None
            assert send_signal(stat, signal.SIGKILL)
            assert other.wait(5) == -signal.SIGKILL
        finally:
            other.kill()
    assert not send_signal(stat, signal.SIGKILL)


def test_signals_without_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", refuse)
    test_signals_reach_nobody_else()


def test_names_with_brackets_do_not_confuse(tmp_path: Path) -> None:
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([odd, "600"]) as process:
        time.sleep(0.1)
        stat = read_stat(process.pid)
        assert stat is not None and stat.parent == os.getpid()
        process.kill()


def test_descendants_of_all_generations(eventually: Eventually) -> None:
    code = "import subprocess, sys; e, n, c = sys.executable, int(sys.argv[1]), sys.argv[2]; "
    code += "subprocess.run([e, '-c', c, str(n - 1), c]) if n else __import__('time').sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code, "3", code]) as top:
        try:
            eventually(lambda: len(descendants(top.pid)) == 3, 10)
            below = descendants(top.pid)
            assert [p.parent for p in below] == [top.pid, below[0].pid, below[1].pid]  # nearest first
            assert top.pid not in [p.pid for p in below]
            assert {p.pid for p in below} < {p.pid for p in descendants(os.getpid())}
        finally:
            for process in [*descendants(top.pid), *descendants(os.getpid())]:
                if process.pid == top.pid or process in below:
                    send_signal(process, signal.SIGKILL)


def test_the_dead_are_left_out(eventually: Eventually) -> None:
    with subprocess.Popen(["true"]) as process:
        eventually(lambda: (read_stat(process.pid) or Stat(0, 0, "", 0)).state == "Z", 5)
        assert process.pid not in [p.pid for p in descendants(os.getpid())]


def test_states(eventually: Eventually) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        os.kill(process.pid, signal.SIGSTOP)
        eventually(lambda: (read_stat(process.pid) or Stat(0, 0, "", 0)).state == "T", 5)
        stat = read_stat(process.pid)
        assert stat is not None
        assert send_signal(stat, signal.SIGTERM)
        assert send_signal(stat, signal.SIGCONT)
        assert process.wait(5) == -signal.SIGTERM


def test_start_times_tell_processes_apart() -> None:
    me = read_stat(os.getpid())
    with subprocess.Popen(["sleep", "600"]) as process:
        child = read_stat(process.pid)
        process.kill()
    assert me is not None and child is not None
    assert child.started >= me.started > 0
    assert child.parent == me.pid


@pytest.mark.parametrize("pid", [2**22 + 1, -1, 0])
def test_no_such_process(pid: int) -> None:
    assert read_stat(pid) is None
    assert descendants(pid) == [] or pid == 0  # the kernel's own processes descend from 0


@pytest.mark.parametrize("pid", [1, 2])
def test_another_owners_process_can_be_read(pid: int) -> None:
    stat = read_stat(pid)
    assert stat is None or stat.parent == 0  # a container may have no second process
