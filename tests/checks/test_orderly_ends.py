"""Ends that were asked for: gunicorn told to stop, stacks dumped on request. Neither is a crash or short of memory."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradio_doctor.evidence import LogEvents
from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab
from tests.checks.said import named

TIME = "[2026-11-22 14:17:{second:02} +0000] [9878] "
STOP = TIME + "[INFO] Handling signal: term\n"
KILL = {
    "20": TIME + "[WARNING] Worker with pid 9916 was terminated due to signal 9\n",
    "21": TIME + "[ERROR] Worker (pid:9916) was sent SIGKILL! Perhaps out of memory?\n",
}
TIMEOUT = TIME + "[CRITICAL] WORKER TIMEOUT (pid:9916)\n"
START = TIME + "[INFO] Starting gunicorn 21.2.0\n"


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("ends"))


def log(*lines: str) -> str:
    """Lines a second apart."""
    return "".join(line.format(second=n) for n, line in enumerate(lines, 1))


@pytest.mark.parametrize("version", list(KILL))
def test_a_kill_after_a_stop_is_by_force_and_not_for_memory(version: str, reader: Lab) -> None:
    read = reader.read(log(START, STOP, KILL[version]))
    assert "server.stopped-by-force" in read.findings and "server.gunicorn-sigkill" not in read.findings
    assert read.causes.get("memory.oom-killed", 0.0) < 0.05 and read.first != "memory.oom-killed"


@pytest.mark.parametrize("version", list(KILL))
def test_a_kill_before_the_stop_has_another_reason(version: str, reader: Lab) -> None:
    read = reader.read(log(START, KILL[version], STOP))
    assert "server.stopped-by-force" not in read.findings
    assert read.first == "memory.oom-killed"


def test_a_stop_without_a_kill_is_healthy(reader: Lab) -> None:
    read = reader.read(log(START, STOP))
    assert "server.stopped-by-force" not in read.findings and read.first == ""


def test_a_timeout_keeps_its_own_reading(reader: Lab) -> None:
    """The other check tells it: a worker that timed out was killed for that, stop or no stop."""
    read = reader.read(log(START, TIMEOUT, STOP, KILL["21"]))
    assert "server.stopped-by-force" not in read.findings
    assert read.first == "server.worker-timeout"


def test_a_stop_of_another_program_does_not_count(reader: Lab) -> None:
    """supervisord's notice says that it was stopped, not that gunicorn was."""
    other = "2026-11-22 14:17:01,000 WARN received SIGTERM indicating exit request\n"
    read = reader.read(other + log(START, KILL["21"]))
    assert "crash.term-notice" in read.findings and "server.stopped-by-force" not in read.findings


# -- stacks that were asked for

DUMPS = """
import faulthandler, signal, sys, time
faulthandler.register(signal.SIGUSR1, all_threads=True)
def handler():
    print("ready", file=sys.stderr, flush=True)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        time.sleep(0.05)
handler()
"""


def dumped(script: Path, *signals: int) -> str:
    """What a program prints that is sent some signals, a little apart."""
    script.write_text(DUMPS)
    with (script.parent / "out.log").open("w+") as out:
        process = subprocess.Popen([sys.executable, str(script)], stdout=out, stderr=out)
        try:
            give_up = time.monotonic() + 15
            while "ready" not in (script.parent / "out.log").read_text():
                assert time.monotonic() < give_up
                time.sleep(0.02)
            for number in signals:
                process.send_signal(number)
                time.sleep(0.3)
            process.kill() if process.poll() is None else None
        finally:
            process.wait(10)
    return (script.parent / "out.log").read_text()


def dump_check(loaded: Loaded, log: LogEvents) -> list[str]:
    return [f.id for f in named(loaded, "crash-dump")(log)]


def test_stacks_on_request_and_then_ctrl_c(reader: Lab, loaded: Loaded, tmp_path: Path) -> None:
    text = dumped(tmp_path / "app.py", signal.SIGUSR1, signal.SIGINT)
    assert "most recent call first" in text and "KeyboardInterrupt" in text
    events = reader.events(text)
    [found] = named(loaded, "crash-dump")(events)
    assert (found.id, found.replaces) == ("crash.dumped-alive", ("crash.thread-header",))
    read = reader.read(text)
    assert not read.first.startswith("crash.native"), dict(read.causes)
    assert "crash.thread-header" not in read.findings


def test_a_real_crash_after_stacks_on_request(reader: Lab, loaded: Loaded, tmp_path: Path) -> None:
    """faulthandler.enable() prints its own header: nothing can follow from a process that crashed."""
    code = "import faulthandler, ctypes\nfaulthandler.enable()\nfaulthandler.dump_traceback()\nctypes.string_at(0)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == -signal.SIGSEGV and done.stderr.count("most recent call first") == 2
    assert dump_check(loaded, reader.events(done.stderr)) == []
    assert dump_check(loaded, reader.events(done.stderr + "KeyboardInterrupt\n")) == []
    assert reader.read(done.stderr).first == "crash.native"


def test_stacks_and_nothing_after_them(reader: Lab, loaded: Loaded, tmp_path: Path) -> None:
    """The process may have hung or been killed right after: that it lived on is not known."""
    text = dumped(tmp_path / "app.py", signal.SIGUSR1)
    assert "most recent call first" in text
    assert dump_check(loaded, reader.events(text)) == []


def test_an_end_before_the_stacks_is_of_an_earlier_run(reader: Lab, loaded: Loaded, tmp_path: Path) -> None:
    text = dumped(tmp_path / "app.py", signal.SIGUSR1)
    before = "INFO:     Finished server process [4711]\n"
    assert dump_check(loaded, reader.events(before + text)) == []
    assert dump_check(loaded, reader.events(text + before)) == ["crash.dumped-alive"]
