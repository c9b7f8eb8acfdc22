"""Blocking family: what handlers await for ever. The event loop stays free, and no stack shows it."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.live.awaiting import judge_tasks, waits_inside
from gradio_doctor.sdk import (
    Absent,
    AppSource,
    AsyncTask,
    Finding,
    HttpAnswers,
    Live,
    Location,
    Outgoing,
    SlowCall,
    Source,
    Tasks,
    check,
)

_ENDLESS, _LONG = 3.0, 20.0  # seconds that a wait without and with a distant time limit must have lasted
_DISTANT = 60.0  # seconds; calls with a nearer limit end by themselves


@check("blocking-awaits", finds=("blocking.awaits-server",), cost=0.1)
def blocking_awaits(source: AppSource, outgoing: Outgoing) -> Iterator[Finding]:
    """Has the app long waited for an answer, and does a handler await one without a time limit (or a distant one)?"""
    calls = sorted((c for c in source.awaited if _may_wait(c)), key=lambda c: not c.unlimited)
    if not calls:
        return
    call = calls[0]
    lasted = _ENDLESS if call.unlimited else _LONG
    longest = next((u for u in outgoing.unanswered if u.seconds >= lasted), None)
    if longest is None:
        yield Finding("blocking.awaits-server", seen=False)
        return
    place = call.location
    facts = {
        "pid": str(longest.pid), "remote": longest.remote, "lasted": f"{longest.seconds:.0f}", "call": call.what,
        "count": str(sum(u.remote == longest.remote for u in outgoing.unanswered)),
        "handler": call.handler.name if call.handler else place.function,
        "where": f"{place.file}:{place.line}", "function": place.function,
    }
    yield Finding(
        "blocking.awaits-server", facts=facts, source=Source("process", f"pid {longest.pid}"), location=place,
        chain=call.chain if len(call.chain) > 1 else (), witness=f"connections:{longest.pid}",
    )


def _may_wait(call: SlowCall) -> bool:
    return call.unlimited or (call.seconds or 0.0) >= _DISTANT


_NOBODY = {
    "lock": "a lock that nobody releases", "event": "an event that nobody sets",
    "queue": "a queue at whose other end nobody is",
}


@check("blocking-tasks", finds=("blocking.task-never-woken", "blocking.task-waits"), cost=0.4)
def blocking_tasks(
    tasks: Tasks, live: Live, http: HttpAnswers | Absent, outgoing: Outgoing | Absent
) -> Iterator[Finding]:
    """A handler awaits something of the app's own, and no task, thread or other server is left that could end it.

    For a lock that is a deadlock; an event or a queue may be filled by the next request, and counts where others wait.
    """
    held = [t for t in judge_tasks(tasks.tasks) if t.seconds >= _ENDLESS]
    if not held or _threads_work(live) or (isinstance(outgoing, Outgoing) and outgoing.unanswered):
        return
    answer = http.get("queue-size") if isinstance(http, HttpAnswers) else None
    size = (answer.queue_size if answer else None) or 0
    locked = [t for t in held if waits_inside(t) == "lock"]
    if locked:
        yield _held("blocking.task-never-woken", locked, size)
    elif size:
        yield _held("blocking.task-waits", held, size)


def _threads_work(live: Live) -> bool:
    """True when a thread is in code of somebody's (not at rest): it may set the event, or release the lock."""
    return any(g.place and g.role != "loop" for groups in live.groups.values() for g in groups)


def _held(name: str, held: list[AsyncTask], size: int) -> Finding:
    first = held[0]
    lacking = _NOBODY.get(waits_inside(first) or "", "")
    own = [Location(f.file, f.line, f.name, f.text) for f in first.frames if f.own]
    facts = {
        "pid": str(first.pid), "count": str(len(held)), "size": str(size), "lasted": f"{first.seconds:.0f}",
        "where": f"{own[0].file}:{own[0].line}", "function": own[0].function, "lacking": lacking,
    }
    return Finding(
        name, facts=facts, source=Source("process", f"pid {first.pid}"), location=own[0], witness=f"tasks:{first.pid}",
        chain=tuple(reversed(own)) if len(own) > 1 else (),
        stack=tuple(Location(f.file, f.line, f.name, f.text) for f in reversed(first.frames)),
        replaces=("blocking.lock-cycle", "blocking.lock-convoy"),  # what no thread shows is no witness against it
    )
