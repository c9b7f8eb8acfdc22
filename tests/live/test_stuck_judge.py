"""When is a handler's wait without an end, judged on made-up looks: who else could end it decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradio_doctor.evidence import (
    KernelThread,
    ProcessStacks,
    ProcessThreads,
    Resource,
    StackFrame,
    Stacks,
    StackSample,
    SystemCall,
    Threads,
    ThreadStack,
)
from gradio_doctor.live import Judgement, judge
from tests.live.test_judge import FUTEX, LIB, MAIN, SELECT, SLEEP, WAITS, WORKER, WRAPPER, kernel, own, stacks

GET = StackFrame("Queue.get", LIB + "queue.py", 171)
RESULT = StackFrame("Future.result", LIB + "concurrent/futures/_base.py", 451)
EXECUTOR = StackFrame("_worker", LIB + "concurrent/futures/thread.py", 83)
HELD = [WAITS, GET, own("predict", 9, "return items.get()"), WRAPPER, WORKER]
FROM_POOL = [WAITS, RESULT, own("outer", 4, "return pool.submit(f).result()"), EXECUTOR]
SOCKET = SystemCall(45, "recvfrom", Resource("socket", remote="10.0.0.1:443", peer="remote"), endless=True)
PIPE = SystemCall(0, "read", Resource("pipe", name="pipe:[7]"), endless=True)
POLL = SystemCall(7, "poll", Resource("other"))
THREAD = StackFrame("Thread.run", LIB + "threading.py", 982)


def rested(tid: int, call: SystemCall = FUTEX, seconds: float = 9.0) -> KernelThread:
    return replace(kernel(tid, 0.0, call=call), since_run=seconds)


def judged(*more: tuple[KernelThread, list[StackFrame]], held: list[StackFrame] = HELD) -> list[Judgement]:
    looks = {1: [MAIN], 2: [SELECT], 3: [held], **{k.tid: [frames] for k, frames in more if frames}}
    members = (kernel(1, 10, call=SLEEP), kernel(2, 900, 0.03), rested(3), *(k for k, _ in more))
    found = judge(Threads((ProcessThreads(1, members),), 0.6), stacks(looks))
    return [j for j in found if j.kind == "handler-stuck"]


def test_a_handler_that_nobody_will_wake() -> None:
    (found,) = judged()
    assert not found.sure and found.threads == (3,) and found.facts["lock"] == ""
    assert found.location is not None and found.location.function == "predict"
    (lock,) = judged(held=[own("predict", 9, "with LOCK:"), WRAPPER, WORKER])
    assert lock.facts["lock"] == "yes"
    (pool,) = judged((rested(4), FROM_POOL), held=[WAITS, RESULT, own("predict", 9), WRAPPER, WORKER])
    assert pool.facts["lock"] == "yes" and pool.threads == (3,)


@pytest.mark.parametrize("name", ["/dev/pts/3", "/dev/tty1", "/dev/console"])
def test_a_handler_at_a_terminal(name: str) -> None:
    typed = SystemCall(0, "read", Resource("file", 0, name), endless=True)
    asks = own("predict", 9, "input()")
    found = judge(
        Threads((ProcessThreads(1, (kernel(1, 10, call=SLEEP), kernel(2, 900, 0.03), rested(3, typed))),), 0.6),
        stacks({1: [MAIN], 2: [SELECT], 3: [[asks, WRAPPER, WORKER]]}),
    )
    (one,) = [j for j in found if j.kind == "handler-stuck"]
    assert one.wait is not None and one.wait.kind == "terminal" and one.facts["lock"] == ""


def test_a_file_is_no_terminal() -> None:
    assert not judged((rested(4, SystemCall(0, "read", Resource("file", 0, "/srv/pts"))), [own("fill", 20), THREAD]))


@pytest.mark.parametrize(("thread", "frames", "stuck"), [
    (kernel(4, 0, 0.9), [own("fill", 20), THREAD], False),  # it works
    (rested(4, SLEEP), [own("fill", 20, "time.sleep(9)"), THREAD], False),  # it comes back
    (rested(4, SOCKET), [own("fill", 20, "for message in stream:"), THREAD], False),
    (rested(4, SOCKET), [StackFrame("listen", "/v/lib/site-packages/redis/client.py", 9), THREAD], False),
    (rested(4, POLL), [StackFrame("poll", "/v/lib/site-packages/zmq/poll.py", 9), THREAD], False),
    (rested(4, seconds=0.4), [StackFrame("tick", "/v/lib/site-packages/x.py", 9), THREAD], False),
    (rested(4), [WAITS, GET, own("consume", 30, "job = jobs.get()"), THREAD], True),  # it waits likewise
    (rested(4), [], True),  # a thread of a library in C that rests
    (rested(4, POLL), [], False),
    (kernel(4, 20), [WAITS, StackFrame("TMonitor.run", "/v/lib/site-packages/tqdm/_monitor.py", 60)], True),
])
def test_who_else_could_end_it(thread: KernelThread, frames: list[StackFrame], stuck: bool) -> None:
    assert bool(judged((thread, frames))) is stuck


@pytest.mark.parametrize(("call", "seconds", "stuck"), [
    (FUTEX, 9.0, True), (PIPE, 9.0, True), (FUTEX, 0.1, False), (SLEEP, 9.0, False), (SOCKET, 9.0, False),
])
def test_another_process_of_the_app(call: SystemCall, seconds: float, stuck: bool) -> None:
    """Workers that rest wait for jobs; one that sleeps or asks somebody is at work."""
    looks = stacks({1: [MAIN], 2: [SELECT], 3: [HELD]})
    members = (kernel(1, 10, call=SLEEP), kernel(2, 900, 0.03), rested(3))
    other = ProcessThreads(50, (rested(50, call, seconds),))
    seen = Threads((ProcessThreads(1, members), other), 0.6)
    frames = (StackFrame("worker", LIB + "multiprocessing/pool.py", 114),)
    samples = tuple(StackSample(n * 0.15, (ThreadStack(50, "", frames),)) for n in range(3))
    found = judge(seen, Stacks((*looks.processes, ProcessStacks(50, samples))))
    assert any(j.kind == "handler-stuck" for j in found) is stuck


def test_without_stacks_nobody_can_tell() -> None:
    members = (kernel(1, 10, call=SLEEP), kernel(2, 900, 0.03), rested(3))
    assert not [j for j in judge(Threads((ProcessThreads(1, members),), 0.6), None) if j.kind == "handler-stuck"]


def test_a_wait_that_ends_by_itself() -> None:
    timed = replace(rested(3), samples=tuple(
        replace(s, call=replace(FUTEX, endless=False)) for s in rested(3).samples))
    looks = stacks({1: [MAIN], 2: [SELECT], 3: [HELD]})
    seen = Threads((ProcessThreads(1, (kernel(1, 10, call=SLEEP), kernel(2, 900, 0.03), timed)),), 0.6)
    assert not [j for j in judge(seen, looks) if j.kind == "handler-stuck"]
