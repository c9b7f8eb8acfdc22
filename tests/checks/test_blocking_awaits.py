"""Handlers that await another server: the source must tell of such an await, and the kernel of the silence.

The real thing is in tests/lab/test_live.py and bench/live_scenarios.py.
"""

from __future__ import annotations

import pytest

from gradio_doctor.evidence import (
    Absent,
    AppSource,
    AsyncTask,
    HttpAnswer,
    HttpAnswers,
    Location,
    Outgoing,
    SlowCall,
    StackFrame,
    Tasks,
    Unanswered,
)
from gradio_doctor.live.model import Group, Live
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.said import named

PEER = "10.0.0.2:443"
ENDLESS = SlowCall("await", "client.get", (Location("/a/app.py", 9, "ask"),), unlimited=True)
DISTANT = SlowCall("await", "ai.create", (Location("/a/app.py", 5, "chat"),), seconds=600.0)
NEAR = SlowCall("await", "client.post", (Location("/a/app.py", 7, "post"),), seconds=30.0)


def judged(loaded: Loaded, calls: tuple[SlowCall, ...], *waits: float) -> list[Finding]:
    outgoing = Outgoing(tuple(Unanswered(7, PEER, s) for s in sorted(waits, reverse=True)))
    return list(named(loaded, "blocking-awaits")(AppSource("/a/app.py", awaited=calls), outgoing))


@pytest.mark.parametrize(("calls", "waits", "seen"), [
    ((ENDLESS,), (3.5,), [True]),
    ((ENDLESS,), (2.0,), [False]),
    ((ENDLESS,), (), [False]),
    ((DISTANT,), (12.0,), [False]),
    ((DISTANT,), (25.0,), [True]),
    ((NEAR,), (25.0,), []),  # it ends by itself
    ((), (600.0,), []),  # whatever that is, no handler awaits it
    ((DISTANT, ENDLESS), (4.0,), [True]),
])
def test_what_must_come_together(
    loaded: Loaded, calls: tuple[SlowCall, ...], waits: tuple[float, ...], seen: list[bool]
) -> None:
    assert [f.seen for f in judged(loaded, calls, *waits)] == seen


def test_what_is_told(loaded: Loaded) -> None:
    found, = judged(loaded, (NEAR, DISTANT, ENDLESS), 65.2, 30.0)
    assert found.location == ENDLESS.location and found.facts["handler"] == "ask"
    told = {k: found.facts[k] for k in ("remote", "lasted", "count", "where", "call")}
    assert told == {"remote": PEER, "lasted": "65", "count": "2", "where": "/a/app.py:9", "call": "client.get"}


LOCK = StackFrame("Lock.acquire", "/usr/lib/python3.15/asyncio/locks.py", 110)
EVENT = StackFrame("Event.wait", "/usr/lib/python3.15/asyncio/locks.py", 215)
INNER = StackFrame("inner", "/a/app.py", 5, own=True, text="async with lock:")
OUTER = StackFrame("outer", "/a/app.py", 9, own=True, text="await inner()")
QUEUE = StackFrame("Queue.process_events", "/l/site-packages/gradio/queueing.py", 870)
RESTS = Group(1, "idle", "loop", "", "", (7,))
WORKS = Group(1, "waiting", "worker", "/a/app.py:30 fill", "sleep", (8,))


def stuck(
    loaded: Loaded, top: StackFrame, seconds: float, *groups: Group, size: int = 0, waits: int = 0
) -> list[Finding]:
    tasks = Tasks((AsyncTask(7, "a", (top, INNER, OUTER, QUEUE), seconds),))
    live = Live((), {7: (RESTS, *groups)}, True, (7,))
    answer = HttpAnswer("queue-size", "GET", "http://x/q", "answered", 0.1, 200, body=f'{{"queue_size": {size}}}')
    outgoing = Outgoing((Unanswered(7, PEER, 9.0),) * waits)
    return list(named(loaded, "blocking-tasks")(tasks, live, HttpAnswers("http://127.0.0.1:1", (answer,)), outgoing))


def test_a_lock_that_nobody_releases(loaded: Loaded) -> None:
    one, = stuck(loaded, LOCK, 3.1)
    assert one.id == "blocking.task-never-woken" and one.facts["where"] == "/a/app.py:5"
    assert [p.line for p in one.chain] == [9, 5] and one.location is not None and one.location.line == 5
    assert "lock" in one.facts["lacking"] and one.facts["lasted"] == "3"


def test_an_event_counts_where_others_wait(loaded: Loaded) -> None:
    assert not stuck(loaded, EVENT, 3.1)
    one, = stuck(loaded, EVENT, 3.1, size=2)
    assert (one.id, one.facts["size"]) == ("blocking.task-waits", "2")


def test_who_may_end_it(loaded: Loaded) -> None:
    """A wait that has just begun, a thread at work, and another server's answer."""
    assert not stuck(loaded, LOCK, 0.0)
    assert not stuck(loaded, LOCK, 3.1, WORKS)
    assert not stuck(loaded, LOCK, 3.1, waits=1)


def test_without_http(loaded: Loaded) -> None:
    tasks = Tasks((AsyncTask(7, "a", (LOCK, INNER, QUEUE), 4.0),))
    live = Live((), {7: (RESTS,)}, True, (7,))
    nothing = Absent("nobody asked")
    one, = named(loaded, "blocking-tasks")(tasks, live, nothing, nothing)
    assert one.id == "blocking.task-never-woken"
