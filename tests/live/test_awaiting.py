"""Which handlers await what no task will ever do, judged from made-up tasks."""

from __future__ import annotations

import pytest

from gradio_doctor.evidence import AsyncTask, StackFrame
from gradio_doctor.live.awaiting import judge_tasks, waits_inside

LIB = "/srv/venv/lib/python3.15/site-packages/"
STD = "/usr/lib/python3.15/asyncio/"
QUEUE = StackFrame("Queue.process_events", LIB + "gradio/queueing.py", 870)
CALLS = StackFrame("Blocks.call_function", LIB + "gradio/blocks.py", 1961)
LOCK = StackFrame("Lock.acquire", STD + "locks.py", 110)
EVENT = StackFrame("Event.wait", STD + "locks.py", 215)
TAKE = StackFrame("Queue.get", STD + "queues.py", 186)
SLEEP = StackFrame("sleep", STD + "tasks.py", 725)
MINE = StackFrame("answer", "/srv/app.py", 8, own=True, text="await lock.acquire()")
TICKS = AsyncTask(7, "Task-1", (SLEEP, StackFrame("Server.main_loop", LIB + "uvicorn/server.py", 248)))
LIFE = AsyncTask(7, "Task-2", (TAKE, StackFrame("LifespanOn.receive", LIB + "uvicorn/lifespan/on.py", 137)))


def handler(*inner: StackFrame, name: str = "s_0<gradio-sep>e") -> AsyncTask:
    return AsyncTask(7, name, (*inner, CALLS, QUEUE))


HELD = handler(LOCK, MINE)


@pytest.mark.parametrize(("frame", "kind"), [
    (LOCK, "lock"), (EVENT, "event"), (TAKE, "queue"), (SLEEP, None), (MINE, None),
    (StackFrame("Queue.get", "/srv/app.py", 3, own=True), None),
    (StackFrame("Semaphore.acquire", STD + "locks.py", 1), "lock"),
])
def test_what_is_awaited(frame: StackFrame, kind: str | None) -> None:
    assert waits_inside(AsyncTask(7, "", (frame,))) == kind
    assert waits_inside(AsyncTask(7, "", ())) is None


def test_nobody_is_left() -> None:
    """The server's own tasks tick and listen, and release nothing."""
    assert judge_tasks((TICKS, LIFE, HELD)) == (HELD,)
    both = (HELD, handler(LOCK, MINE, name="other"))
    assert judge_tasks((TICKS, *both)) == both


def test_two_that_wait_for_each_other() -> None:
    """A background task that waits for the handler's queue, and the handler for its event."""
    waits = handler(EVENT, MINE)
    consumer = AsyncTask(7, "Task-9", (TAKE, StackFrame("consume", "/srv/app.py", 20, own=True)))
    assert judge_tasks((TICKS, waits, consumer)) == (waits,)


@pytest.mark.parametrize("busy", [
    handler(SLEEP, MINE),  # a handler that holds the lock, and rests
    AsyncTask(7, "Task-9", (SLEEP, StackFrame("tick", "/srv/app.py", 20, own=True))),
    AsyncTask(7, "Task-9", (StackFrame("to_thread", STD + "threads.py", 25), MINE)),
    AsyncTask(7, "Task-9", (SLEEP, StackFrame("Scheduler.run", LIB + "apscheduler/x.py", 20))),
    AsyncTask(7, "Task-9", (MINE,)),  # a bare future
])
def test_somebody_may_end_it(busy: AsyncTask) -> None:
    assert judge_tasks((TICKS, LIFE, HELD, busy)) == ()


def test_not_a_handler() -> None:
    assert judge_tasks((TICKS, AsyncTask(7, "Task-9", (LOCK, MINE)))) == ()
    assert judge_tasks((TICKS, handler(LOCK))) == ()  # a lock of Gradio's own, without anything of the user's
    assert judge_tasks(()) == ()


def test_plain_handlers_run_in_threads() -> None:
    """Their tasks wait for the thread pool, which the threads tell about."""
    plain = handler(StackFrame("AsyncIOBackend.run_sync_in_worker_thread", LIB + "anyio/_backends/_asyncio.py", 1))
    assert judge_tasks((TICKS, plain)) == ()
    assert judge_tasks((TICKS, plain, HELD)) == (HELD,)
