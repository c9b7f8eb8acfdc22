"""A forked child in a lock, told from children that only wait, by what the kernel and the stack show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.crash_fork import crash_fork_live
from gradio_doctor.evidence import (
    KernelThread,
    Process,
    Processes,
    ProcessStacks,
    ProcessThreads,
    Resource,
    StackFrame,
    Stacks,
    StackSample,
    SystemCall,
    Threads,
    ThreadSample,
    ThreadStack,
)
from tests.checks.test_limits_live import found, ids

COMMAND = ("python", "app.py")
LOCK = SystemCall(202, "futex", Resource("futex"), None, True, 4096, True)
PREDICT = StackFrame("predict", "/srv/app.py", 12, own=True)
ACQUIRE = StackFrame("acquire", "/usr/lib/python3.11/logging/__init__.py", 912)
EVENT = StackFrame("wait", "/usr/lib/python3.11/threading.py", 327)
POOL = StackFrame("get", "/usr/lib/python3.11/multiprocessing/queues.py", 102)


def process(pid: int, ppid: int, command: tuple[str, ...] = COMMAND) -> Process:
    return Process(pid, ppid, "python", command, "web", 0.0, "sleeping")


def thread(tid: int, call: SystemCall | None = LOCK, switches: int = 0) -> KernelThread:
    looks = (ThreadSample(0.0, "S", 0.1, 5, 0, "futex_wait", call),
             ThreadSample(0.5, "S", 0.1, 5 + switches, 0, "futex_wait", call))  # fmt: skip
    return KernelThread(tid, "python", looks)


PARENT = ProcessThreads(10, (thread(10), thread(11)))
CHILD = ProcessThreads(20, (thread(20),))
FAMILY = Processes({10: process(10, 1), 20: process(20, 10)}, 100.0)


def world(child: ProcessThreads = CHILD, parent: ProcessThreads = PARENT) -> Threads:
    return Threads((parent, child), 0.5)


def stacks(*frames: StackFrame) -> Stacks:
    look = StackSample(0.0, (ThreadStack(20, "MainThread", frames),))
    return Stacks((ProcessStacks(20, (look, replace(look, at=0.2))),))


def test_in_the_users_code() -> None:
    [one] = found(crash_fork_live, world(), stacks(PREDICT), FAMILY)
    assert one.facts["pid"] == "20" and one.facts["parent"] == "10" and one.facts["where"] == "/srv/app.py:12"
    assert one.location is not None and one.location.function == "predict"


def test_in_the_lock_of_a_log_handler() -> None:
    """The classic: another thread was logging when the app forked."""
    [one] = found(crash_fork_live, world(), stacks(ACQUIRE, PREDICT), FAMILY)
    assert one.facts["inner"] == "acquire" and one.location is not None and one.location.line == 12
    assert [p.function for p in one.stack] == ["predict", "acquire"]


@pytest.mark.parametrize("frames", [(EVENT, PREDICT), (POOL, PREDICT), ()])
def test_child_that_waits_to_be_told(frames: tuple[StackFrame, ...]) -> None:
    assert not ids(crash_fork_live, world(), stacks(*frames), FAMILY)


@pytest.mark.parametrize("call", [
    replace(LOCK, private=False),  # of several processes (multiprocessing.Lock): another one may release it
    replace(LOCK, endless=False), SystemCall(0, "read"), None,
])
def test_other_waits(call: SystemCall | None) -> None:
    child = ProcessThreads(20, (thread(20, call),))
    assert not ids(crash_fork_live, world(child), stacks(PREDICT), FAMILY)


@pytest.mark.parametrize("child", [
    ProcessThreads(20, (thread(20), thread(21))), ProcessThreads(20, (thread(20, switches=3),)),
    replace(CHILD, truncated=True), replace(CHILD, stopped=True),
])
def test_child_that_somebody_may_wake(child: ProcessThreads) -> None:
    assert not ids(crash_fork_live, world(child), stacks(PREDICT), FAMILY)


def test_not_a_fork_of_the_app() -> None:
    other = Processes({10: process(10, 1), 20: process(20, 10, ("python", "worker.py"))}, 100.0)
    assert not ids(crash_fork_live, world(), stacks(PREDICT), other)
    orphan = Processes({20: process(20, 1)}, 100.0)
    assert not ids(crash_fork_live, world(), stacks(PREDICT), orphan)
    alone = world(parent=ProcessThreads(10, (thread(10),)))
    assert not ids(crash_fork_live, alone, stacks(PREDICT), FAMILY)
