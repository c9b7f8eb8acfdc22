"""The kernel's word on dead processes: real kernel lines, whatever wrote them down."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import Absent, KernelEvent, KernelLog, Process, Processes, Run
from gradio_doctor.probes import kernel_log
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.kernel_log import parse_kernel_lines, probe_kernel_log, read_kmsg
from tests.probes.network_lab import Given

NOBODY = cast(Context, Given())

CAUSE = (
    "[ 7312.512345] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
    "oom_memcg=/docker/f00,task_memcg=/docker/f00,task=python,pid=3356,uid=0"
)
KILLED = (
    "[ 7312.512399] Memory cgroup out of memory: Killed process 3356 (python) total-vm:2304804kB, "
    "anon-rss:1046116kB, file-rss:9216kB, shmem-rss:0kB, UID:0 pgtables:2240kB oom_score_adj:0"
)
SEGFAULT = (
    "[  100.000001] python3[4711]: segfault at 10 ip 00007f2a1c0d8f30 sp 00007ffd0b2c4e60 error 4 in "
    "libtorch_cpu.so[7f2a1a000000+e2f0000] likely on CPU 1 (core 1, socket 0)"
)


def only(*lines: str) -> KernelEvent:
    (event,) = parse_kernel_lines(lines).events
    return event


def test_the_two_lines_of_an_oom_kill_are_one_event() -> None:
    event = only("[ 7312.5] python invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL)", CAUSE, KILLED)
    assert (event.kind, event.pid, event.process) == ("oom-kill", 3356, "python")
    assert event.constraint == "CONSTRAINT_MEMCG"
    assert "anon-rss:1046116kB" in event.text


def test_either_line_alone_is_enough() -> None:
    assert only(CAUSE).constraint == only(KILLED).constraint == "CONSTRAINT_MEMCG"
    assert only(CAUSE).pid == only(KILLED).pid == 3356


def test_kills_of_two_processes_do_not_mix() -> None:
    lines = [CAUSE, CAUSE.replace("3356", "9").replace("_MEMCG,n", "_NONE,n"), KILLED,
             "[7313.0] Out of memory: Killed process 9 (Web Content) total-vm:1kB"]  # fmt: skip
    events = parse_kernel_lines(lines).events
    assert [(e.pid, e.constraint) for e in events] == [(3356, "CONSTRAINT_MEMCG"), (9, "CONSTRAINT_NONE")]
    assert events[1].process == "Web Content"


@pytest.mark.parametrize(
    "text",
    [
        "Out of memory: Killed process 77 (a) b (c)) total-vm:1kB, anon-rss:1kB",
        "Killed process 77 (a) b (c)), UID 1000, total-vm:2kB",
        "Killed process 77, UID 0, (a) b (c)) total-vm:2kB",
    ],
)
def test_wordings_of_older_kernels(text: str) -> None:
    assert only(text).pid == 77
    assert only(text).process.startswith("a")
    assert only(text).constraint == ""


def test_a_segmentation_fault_names_its_library() -> None:
    event = only(SEGFAULT)
    assert (event.kind, event.pid, event.process) == ("segfault", 4711, "python3")
    assert event.library == "libtorch_cpu.so"
    assert only("[1.0] python[5]: segfault at 0 ip 0000000000000000 sp 0 error 14").library == ""
    arm = "[1.0] python3[6]: unhandled level 2 translation fault (11) at 0x00000000, esr 0x92000006, in libc.so.6[7+1]"
    assert (only(arm).kind, only(arm).pid, only(arm).library) == ("segfault", 6, "libc.so.6")


def test_newer_libraries_with_an_offset() -> None:
    line = "[1.0] python3[5]: segfault at 0 ip 0 sp 0 error 4 in libcuda.so.550.54[2f000,7f0000000000+1a0000]"
    assert only(line).library == "libcuda.so.550.54"


@pytest.mark.parametrize(
    ("line", "kind", "process", "library"),
    [
        ("traps: python3[8] trap invalid opcode ip:7f12 sp:7ffc error:0 in libtf.so.2[7f1+a]", "trap", "python3",
         "libtf.so.2"),
        ("traps: pt_main_thread[8] trap divide error ip:7f12 sp:7ffc error:0 in x.so[7f+a]", "trap", "pt_main_thread",
         "x.so"),
        ("traps: python[8] general protection fault ip:7f12 sp:7ffc error:0 in libc.so.6[7f+a]", "segfault", "python",
         "libc.so.6"),
        ("traps: a b[8] trap int3 ip:1 sp:2 error:0", "trap", "a b", ""),
    ],
)  # fmt: skip
def test_traps(line: str, kind: str, process: str, library: str) -> None:
    event = only(f"[   12.5] {line}")
    assert (event.kind, event.pid, event.process, event.library) == (kind, 8, process, library)


BARE = SEGFAULT.partition("] ")[2]


@pytest.mark.parametrize(
    ("line", "time"),
    [
        (f"2026-11-22T13:36:27+0100 host kernel: {BARE}", "2026-11-22T13:36:27+0100"),
        (f"2026-11-22T13:36:27.123456+01:00 host kernel: [  100.0] {BARE}", "2026-11-22T13:36:27.123456+01:00"),
        (f"Nov 22 13:36:27 host kernel: [  100.000001] {BARE}", ""),
        (f"kern  :info  : [  100.000001] {BARE}", ""),
        (f"[Tue Xyz 99 13:36:27 2026] {BARE}", ""),
        (BARE, ""),
    ],
)
def test_any_writer(line: str, time: str) -> None:
    event = only(line)
    assert (event.pid, event.process, event.library, event.time) == (4711, "python3", "libtorch_cpu.so", time)


def test_times() -> None:
    boot = 1_800_000_000.0
    (event,) = parse_kernel_lines([KILLED], boot).events
    assert datetime.fromisoformat(event.time).timestamp() == pytest.approx(boot + 7312.512399, abs=0.001)
    human = only(f"[Sun Nov 22 13:36:27 2026] {BARE}").time
    assert datetime.fromisoformat(human) == datetime(2026, 11, 22, 13, 36, 27).astimezone()


@pytest.mark.parametrize(
    "line",
    [
        "[1.0] EXT4-fs (vda): mounted filesystem",
        "[1.0] oom_reaper: reaped process 3356 (python), now anon-rss:0kB",
        "[1.0] python invoked oom-killer: gfp_mask=0xcc0",
        "[1.0] app[12]: no segfault here",
        "[1.0] oom-kill:constraint=CONSTRAINT_MEMCG",
        "",
        "\x00\xff" * 50,
    ],
)
def test_other_lines_are_no_events(line: str) -> None:
    assert parse_kernel_lines([line]) == KernelLog(())


def test_hostile_lines() -> None:
    """Whoever can write to the kernel log (any root in a container) can drive neither us nor the terminal."""
    started = time.monotonic()
    for seed in ("[", "[1.0] " * 9, "Killed process 1 (", "a[1", "traps: ", " in ", "oom-kill:constraint=CONSTRAINT_A"):
        parse_kernel_lines([(seed * 200_000)[:1_000_000]] * 20)
    assert time.monotonic() - started < 60
    event = only(f"[1.0] Killed process 5 (py\x1b[31mthon\x07) total-vm:1kB {'x' * 100_000}")
    assert event.process == "python"
    assert len(event.text) <= 1000 and "\x1b" not in event.text


def test_only_the_last_lines_are_read() -> None:
    quiet = ["[1.0] quiet"] * 4000
    assert parse_kernel_lines([KILLED, *quiet]).events == ()
    assert len(parse_kernel_lines([*quiet, KILLED]).events) == 1


def test_kmsg_records(tmp_path: Path) -> None:
    """A pipe gives one record a read like /dev/kmsg, as long as one is written at a time; a file gives all at once."""
    record = tmp_path / "kmsg"
    record.write_text(f"4,812,100000001,-;{BARE}\n SUBSYSTEM=cpu\n DEVICE=c1\n")
    assert read_kmsg(str(record)) == [f"[100.000001] {BARE}"]
    with pytest.raises(OSError, match="No such file"):
        read_kmsg(str(tmp_path / "nothing"))


def test_a_real_segmentation_fault_if_the_log_may_be_read() -> None:
    """Where the kernel logs such deaths and lets us read, ours is in it; where it does not, that is said."""
    child = subprocess.run(
        [sys.executable, "-c", "import ctypes, os; print(os.getpid(), flush=True); ctypes.string_at(8)"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert child.returncode == -11
    found = probe_kernel_log(NOBODY)
    if isinstance(found, Absent):
        assert found.unlock == "sudo dmesg" and found.why
        return
    logged = Path("/proc/sys/debug/exception-trace")
    mine = [e for e in found.events if e.kind == "segfault" and e.pid == int(child.stdout)]
    if logged.exists() and logged.read_text().strip() == "1":
        assert mine and mine[-1].process.startswith("python")  # an earlier process may have had that pid
        assert abs(datetime.fromisoformat(mine[-1].time).timestamp() - time.time()) < 5
    else:
        assert mine == []


def test_without_permission_it_is_absent_and_not_empty() -> None:
    """As nobody and without capabilities, where only root may read the log."""
    code = """
import os, sys
from gradio_doctor.probes import kernel_log
from gradio_doctor.evidence import Absent
import gradio_doctor.probes.redact
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.environ["PATH"] = "/nowhere"
try:
    os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)); may = True
except OSError:
    may = False
found = kernel_log._read_log()
print(may, isinstance(found, Absent) and found.unlock)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}, cwd="/",
    )  # fmt: skip
    assert done.stdout.strip() in ("True False", "False sudo dmesg")


def test_what_is_told_of_an_earlier_process_with_the_same_pid_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was seen: pids came round within hours, and a run that was stopped was said to have crashed."""
    ago = f"[{time.monotonic() - 300:12.6f}]"
    monkeypatch.setattr(kernel_log, "read_kmsg", lambda: [SEGFAULT.replace("[  100.000001]", ago)])

    def told(*evidence: object) -> int:
        found = probe_kernel_log(cast(Context, Given(evidence=evidence)))
        assert isinstance(found, KernelLog)
        return len(found.events)

    def run(started: float, pid: int = 4711) -> Run:
        return Run(("python",), "/", pid, "exited", 1.0, signal=15, started=started)

    now = time.time()
    assert told() == told(run(now - 310)) == told(run(0.0)) == told(run(now, pid=4712)) == 1
    assert told(run(now - 200)) == 0
    alive = Process(4711, 1, "python", ("python",), "me", now - 100, "sleeping")
    assert told(Processes({4711: alive}, now)) == 0


def test_the_next_source_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> list[str]:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(kernel_log, "read_kmsg", refuse)
    monkeypatch.setattr(kernel_log, "_read_journal", list)
    monkeypatch.setattr(kernel_log, "_read_dmesg", lambda: [KILLED])
    found = probe_kernel_log(NOBODY)
    assert isinstance(found, KernelLog) and found.events[0].pid == 3356
    monkeypatch.setattr(kernel_log, "_read_dmesg", list)
    assert probe_kernel_log(NOBODY) == Absent(
        "the kernel log cannot be read: Operation not permitted", "sudo dmesg"
    )


def test_off_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert isinstance(probe_kernel_log(NOBODY), Absent)


PIECES = st.sampled_from([
    "[1.0] ", "Killed process ", "12", "99999999999", " (py)", "(", ")", "python3[7]: segfault at ", " in a.so[1+2]",
    "traps: p[3] trap x ip:", "oom-kill:constraint=CONSTRAINT_MEMCG,", ",task=p,pid=4", "\x1b[2J", "\u202e", "中",
])  # fmt: skip


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.lists(PIECES | st.text(max_size=8)).map("".join), max_size=8))
def test_any_lines_give_clean_events(lines: list[str]) -> None:
    for event in parse_kernel_lines(lines, boot=1.8e9).events:
        assert event.pid < 10**10
        assert "\x1b" not in event.text + event.process + event.library
        assert "\u202e" not in event.text + event.process + event.library
        assert len(event.process) <= 64
        assert event.time == "" or datetime.fromisoformat(event.time)
