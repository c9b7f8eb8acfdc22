"""The process table against real processes: suspended, dead, orphaned, kept, forked, vanishing."""

from __future__ import annotations

import os
import pwd
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from gradio_doctor.evidence import Absent, Process, Processes
from gradio_doctor.probes import processes as module
from gradio_doctor.probes.processes import probe_processes, read_process

if TYPE_CHECKING:
    from tests.probes.conftest import FakeContext, Lab

Make = Callable[..., "FakeContext"]
SLEEP = "import time; time.sleep(60)"
READY = """\
import os, sys, time
open(sys.argv[1] + ".part", "w").write(f"{os.getpid()} 0")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(60)
"""


@pytest.fixture
def table(make_context: Make) -> Callable[[], Processes]:
    def look() -> Processes:
        found = probe_processes(make_context())
        assert isinstance(found, Processes)
        return found

    return look


@pytest.fixture
def one(table: Callable[[], Processes]) -> Callable[[int], Process]:
    def look(pid: int) -> Process:
        found = table().get(pid)
        assert found is not None
        return found

    return look


def test_running_app(lab: Lab, one: Callable[[int], Process]) -> None:
    app = lab.write("app.py")
    before = time.time()
    pid, _ = lab.serve("app.py")
    seen = one(pid)
    assert (seen.pid, seen.ppid, seen.script, seen.cwd) == (pid, os.getpid(), str(app), str(lab.directory))
    assert seen.command == (sys.executable, "app.py", "ready0")
    assert seen.user == pwd.getpwuid(os.getuid()).pw_name
    assert abs(seen.started - before) < 2
    assert Path(seen.exe).name.startswith("python") and seen.name.startswith("python")
    assert seen.session == os.getsid(0)
    assert seen.memory > 1_000_000 and seen.threads == 1
    assert not seen.orphan and not seen.stopped and seen.state in ("sleeping", "running")


def test_the_whole_table_is_there(table: Callable[[], Processes]) -> None:
    found = table()
    assert {1, os.getpid(), os.getppid()} <= set(found.table)
    assert not found.hidden
    assert abs(found.now - time.time()) < 5


def test_one_pass_is_fast(table: Callable[[], Processes]) -> None:
    begun = time.process_time()
    found = table()
    assert (time.process_time() - begun) / len(found.table) < 0.005  # 0.3 ms a process measured


def test_suspended(lab: Lab, one: Callable[[int], Process]) -> None:
    pid = lab.python("-c", SLEEP).pid
    os.kill(pid, signal.SIGSTOP)
    lab.wait(lambda: one(pid).stopped)
    os.kill(pid, signal.SIGCONT)
    lab.wait(lambda: not one(pid).stopped)


def test_zombie(lab: Lab, one: Callable[[int], Process]) -> None:
    pid = lab.python("-c", "").pid
    lab.wait(lambda: one(pid).state == "zombie")
    seen = one(pid)
    assert (seen.command, seen.script, seen.exe, seen.orphan, seen.keeper) == ((), "", "", False, "")
    assert seen.command_line == seen.name != ""


def test_orphan(lab: Lab, one: Callable[[int], Process]) -> None:
    lab.write("app.py")
    lab.orphan(sys.executable, "app.py", "ready")
    pid, _ = lab.ready("ready")
    lab.wait(lambda: one(pid).ppid == 1)
    assert one(pid).orphan
    assert one(pid).keeper == ""


def test_child_is_an_orphan_only_when_its_parent_is_gone(lab: Lab, one: Callable[[int], Process]) -> None:
    lab.write("child.py", READY)
    parent = lab.start(
        "/bin/sh", "-c", '"$0" child.py ready & wait', sys.executable, start_new_session=True
    )
    pid, _ = lab.ready("ready")
    assert not one(pid).orphan
    parent.kill()
    parent.wait()
    lab.wait(lambda: one(pid).orphan)


def test_double_fork_with_a_session_of_its_own(lab: Lab, one: Callable[[int], Process]) -> None:
    code = "import os\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n" + READY
    lab.write("daemon.py", code)
    lab.python("daemon.py", "ready").wait()
    pid, _ = lab.ready("ready")
    assert one(pid).orphan
    assert one(pid).session not in (pid, os.getsid(0))


def test_nohup_keeps_an_orphan(lab: Lab, one: Callable[[int], Process]) -> None:
    lab.write("app.py", READY)
    lab.orphan("nohup", sys.executable, "app.py", "ready", stdout=-3, stderr=-3)
    pid, _ = lab.ready("ready")
    lab.wait(lambda: one(pid).ppid == 1)
    assert one(pid).orphan
    assert one(pid).keeper == "nohup"
    assert one(pid).script.endswith("/app.py")


def test_terminal(lab: Lab, one: Callable[[int], Process]) -> None:
    main, other = os.openpty()
    pid = lab.start(sys.executable, "-c", SLEEP, stdout=other, start_new_session=True).pid
    assert one(pid).terminal == ""
    code = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(1, termios.TIOCSCTTY, 0);" + SLEEP
    pid = lab.start(sys.executable, "-c", code, stdout=other).pid
    lab.wait(lambda: one(pid).terminal == os.ttyname(other))
    os.close(main)
    os.close(other)


def test_fork_child_of_multiprocessing_looks_like_its_parent(lab: Lab, table: Callable[[], Processes]) -> None:
    code = "import multiprocessing as m, time\nm.get_context('fork').Process(target=time.sleep, args=(60,)).start()\n"
    lab.write("app.py", code + READY)
    pid = lab.python("app.py", "ready").pid
    lab.ready("ready")
    (child,) = table().children(pid)
    assert child.script == str(lab.directory / "app.py")
    assert child.command == (sys.executable, "app.py", "ready")


def test_secrets_and_control_characters_stay_behind(lab: Lab, one: Callable[[int], Process]) -> None:
    hostile = "\x1b]0;owned\x07\x1b[31mred\u202e\n"
    pid = lab.python("-c", SLEEP, "--hf-token", "hf_AbCdEfGhIjKlMnOp", hostile, "PASSWORD=x", "http://a:b@c/").pid
    lab.wait(lambda: len(one(pid).command) == 8)
    assert one(pid).command[3:] == ("--hf-token", "***", "red ", "PASSWORD=***", "http://***@c/")


def test_process_name_and_directory_are_cleaned(lab: Lab, one: Callable[[int], Process]) -> None:
    directory = lab.directory / "a\x1b[1mb"
    directory.mkdir()
    code = "import ctypes, time; ctypes.CDLL(None).prctl(15, b'\\x1b]0;x', 0, 0, 0); time.sleep(60)"
    pid = lab.python("-c", code, cwd=directory).pid
    lab.wait(lambda: "]0;x" in one(pid).name)
    assert "\x1b" not in one(pid).name + one(pid).cwd
    assert one(pid).cwd.endswith("/ab")


def test_ended_processes_are_skipped(
    lab: Lab, table: Callable[[], Processes], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = lab.python("-c", "")
    gone.wait()
    pids = psutil.pids()
    monkeypatch.setattr(psutil, "pids", lambda: [*pids, gone.pid, 2**30])
    assert gone.pid not in table().table
    assert read_process(gone.pid) is None
    assert read_process(-5) is None


def test_fields_we_may_not_see_are_empty(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: psutil.Process) -> str:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "cwd", denied)
    monkeypatch.setattr(psutil.Process, "exe", denied)
    lab.write("app.py")
    seen = read_process(lab.serve("app.py")[0])
    assert seen is not None
    assert (seen.cwd, seen.exe, seen.script) == ("", "", "")
    assert seen.command[1] == "app.py"


def test_no_process_table_is_absent(make_context: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[int]:
        raise OSError("no /proc here")

    monkeypatch.setattr(psutil, "pids", broken)
    found = probe_processes(make_context())
    assert isinstance(found, Absent)
    assert "no /proc here" in found.why


def test_a_table_too_large_to_read_in_time_says_so(
    table: Callable[[], Processes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SCAN_SECONDS", -1.0)
    assert table().hidden
