"""Running other programs within bounds."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from gradio_doctor.probes.bounded_process import run_bounded
from tests.probes.network_lab import eventually


def run(code: str, *, seconds: float = 5.0, limit: int = 10_000) -> tuple[int, bytes, bytes]:
    done = run_bounded([sys.executable, "-S", "-c", code], seconds=seconds, limit=limit)
    return done.code, done.output, done.errors


def test_output_errors_and_exit_status() -> None:
    assert run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)") == (7, b"out\n", b"err\n")


def test_stdin_is_empty_and_not_ours() -> None:
    assert run("import sys; print(repr(sys.stdin.read()))")[1] == b"''\n"


def test_directory_and_environment(tmp_path: Path) -> None:
    done = run_bounded(["/bin/sh", "-c", "pwd; echo $MINE$HOME"], seconds=5, limit=9999, directory=str(tmp_path),
                       environment={"MINE": "x"})
    assert done.output.decode().splitlines() == [str(tmp_path), "x"]


def test_a_signal_shows_as_a_negative_status() -> None:
    assert run("import os; os.kill(os.getpid(), 9)")[0] == -9


@pytest.mark.parametrize("first", ["pass", "os.close(1); os.close(2)"])
def test_the_time_is_bounded_whether_it_keeps_its_output_open_or_not(first: str) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"0\.5 s"):
        run(f"import os, time; {first}; time.sleep(60)", seconds=0.5)
    assert time.monotonic() - started < 300


def test_the_output_is_bounded_and_the_program_ended() -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="5000"):
        run("while True: print('y' * 1000)", limit=5000)
    assert time.monotonic() - started < 30


def test_endless_errors_do_not_hang_or_fill_us() -> None:
    with pytest.raises(TimeoutError):
        run("import sys\nwhile True: sys.stderr.write('y' * 1000)", seconds=0.5)


def test_children_left_behind_are_ended_too(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    run_bounded(["/bin/sh", "-c", f"sleep 62.5 >/dev/null 2>&1 & echo $! >{pid_file}"], seconds=5, limit=100)
    pid = int(pid_file.read_text())
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 3)


def test_a_child_that_keeps_the_output_open_costs_nothing() -> None:
    started = time.monotonic()
    done = run_bounded(["/bin/sh", "-c", "echo told; sleep 63.5 & exit 3"], seconds=50, limit=100)
    assert (done.code, done.output) == (3, b"told\n") and time.monotonic() - started < 30


def test_a_program_that_cannot_be_started() -> None:
    with pytest.raises(FileNotFoundError):
        run_bounded(["/nowhere/python"], seconds=1, limit=100)
    with pytest.raises(PermissionError):
        run_bounded(["/etc/passwd"], seconds=1, limit=100)


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    run("print('x')")
    eventually(lambda: threading.active_count() <= before, 2)
