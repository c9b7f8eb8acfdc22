"""Handlers that await what no task of their event loop will ever do: a lock never released, an event never set."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradio_doctor.evidence import AsyncTask
from gradio_doctor.live.model import WaitKind

_INSIDE: tuple[tuple[str, str, WaitKind], ...] = (
    ("Lock.acquire", "asyncio/locks.py", "lock"), ("Semaphore.acquire", "asyncio/locks.py", "lock"),
    ("Event.wait", "asyncio/locks.py", "event"), ("Condition.wait", "asyncio/locks.py", "event"),
    ("Barrier._wait", "asyncio/locks.py", "event"), ("Queue.get", "asyncio/queues.py", "queue"),
    ("Queue.put", "asyncio/queues.py", "queue"), ("Queue.join", "asyncio/queues.py", "queue"),
)
# What serves by itself: its tasks wait for requests, and tick. They wake no handler.
_SERVES = re.compile(
    r"(?:/asyncio/|/(?:uvicorn|gradio|starlette|fastapi|anyio|sse_starlette|gunicorn|hypercorn|uvicorn_worker|uvloop)/)[^\n]"
)


def waits_inside(task: AsyncTask) -> WaitKind | None:
    """What kind of thing of the app's own a task awaits, None when it awaits anything else (a time, a server ...)."""
    if not task.frames:
        return None
    top = task.frames[0]
    return next((kind for name, file, kind in _INSIDE if top.function == name and top.at(top.name, file)), None)


def judge_tasks(tasks: Sequence[AsyncTask]) -> tuple[AsyncTask, ...]:
    """The handlers of Gradio's queue that await something of the app's own, where no task is left that could end it.

    A task may end it that sleeps, or awaits a thread or another machine. New requests may, too, and threads: what they
    do has to be asked elsewhere.
    """
    held = tuple(t for t in tasks if _is_handler(t) and t.own is not None and waits_inside(t))
    return held if held and not any(_may_wake(t) for t in tasks if t not in held) else ()


def _is_handler(task: AsyncTask) -> bool:
    return any(f.at("process_events", "gradio/queueing.py") for f in task.frames)


def _may_wake(task: AsyncTask) -> bool:
    if waits_inside(task) is not None:
        return False
    return any(f.own or not _SERVES.search(f.file) for f in task.frames)
