"""Blocking family, live: which mechanism holds the app, and at which line of its code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gradio_doctor.sdk import (
    Absent,
    Finding,
    HttpAnswers,
    Instances,
    Judgement,
    Live,
    Location,
    Mend,
    Outgoing,
    Source,
    check,
)

_LOOP = {
    "loop-blocked": "blocking.loop-blocked", "loop-busy": "blocking.loop-busy", "loop-starved": "blocking.gil-held",
}


@check("blocking-mechanism", cost=1.0, finds=(
    *_LOOP.values(), "blocking.workers-taken", "blocking.output-full", "blocking.child-chokes",
))
def blocking_mechanism(live: Live) -> Iterator[Finding]:
    """What keeps the event loop, or all worker threads, from their work."""
    for kind, name in _LOOP.items():
        found = next((j for j in live.judgements if j.kind == kind and j.sure), None)
        yield finding_of(name, found, live, "" if kind == "loop-starved" else "free-loop")
    yield finding_of("blocking.workers-taken", live.first("pool-exhausted"), live, "limit-wait")
    yield _output_full(live.first("pipe-full"), live)
    if (chokes := live.first("child-chokes")) is not None:  # else it would speak against other deadlocks
        told = finding_of("blocking.child-chokes", chokes, live)
        yield replace(told, replaces=("blocking.lock-cycle", "blocking.lock-convoy"))


def _output_full(found: Judgement | None, live: Live) -> Finding:
    """A thread that cannot print any more; what of it is not known has to be said, too."""
    told = finding_of("blocking.output-full", found, live)
    missing = {"stream": "a pipe", "where": f"in pid {found.pid}"} if found is not None else {}
    return replace(told, facts=missing | dict(told.facts))


@check("blocking-locks", finds=("blocking.lock-cycle", "blocking.lock-convoy"), cost=0.1)
def blocking_locks(live: Live) -> Iterator[Finding]:
    """Threads that wait for each other's locks, or many for one. Without stacks nobody can tell locks from rest."""
    if live.complete:
        yield finding_of("blocking.lock-cycle", live.first("deadlock"), live)
        yield finding_of("blocking.lock-convoy", live.first("lock-convoy"), live)


@check("blocking-stuck", cost=0.1, finds=(
    "blocking.nobody-wakes", "blocking.handler-waits", "blocking.handler-reads-terminal", "blocking.handler-rests",
))
def blocking_stuck(live: Live, http: HttpAnswers, outgoing: Outgoing | Absent) -> Iterator[Finding]:
    """A handler waits inside the app, and nothing of the app runs that could end it; nor does another server have to.

    For a lock that is a deadlock, and no handler should wait at a terminal. For an event or a queue it may be meant
    (until somebody presses a button), and counts where others wait behind it.
    """
    found = live.first("handler-stuck")
    awaited = isinstance(outgoing, Outgoing) and bool(outgoing.unanswered)
    if found is None or awaited:
        return
    answer = http.get("queue-size")
    size = (answer.queue_size if answer else None) or 0
    typed = found.wait is not None and found.wait.kind == "terminal"
    if found.facts.get("lock") or typed or size:
        name = "blocking.nobody-wakes" if found.facts.get("lock") else "blocking.handler-waits"
        name = "blocking.handler-reads-terminal" if typed else name
        told = finding_of(name, found, live)
        facts = {**told.facts, "size": str(size), "lacking": lacking(found)} | typed_at(found)
        yield replace(told, facts=facts, replaces=("blocking.lock-cycle", "blocking.lock-convoy"))
        return
    told = finding_of("blocking.handler-rests", found, live)  # told, since nobody can know whether it is meant
    facts = {**told.facts, "lacking": lacking(found)}
    yield Finding(told.id, facts=facts, source=told.source, witness=told.witness)


_DEBUGGERS = ("/pdb.py", "/bdb.py", "/cmd.py", "/ipdb/", "/IPython/", "/pudb/")


def typed_at(found: Judgement) -> dict[str, str]:
    """The line that waits for something to be typed, as a fact; none for other waits."""
    if found.wait is None or found.wait.kind != "terminal" or found.location is None:
        return {}
    line = found.location.text or found.location.function
    debugged = any(word in frame.file for frame in found.stack for word in _DEBUGGERS)
    return {"typed": f"a debugger stands before \"{line}\"" if debugged else line}


_NOBODY = {
    "lock": "a lock that nobody releases", "queue": "a queue that nobody fills", "event": "an event that nobody sets",
    "future": "the result of a job that nobody runs", "join": "a thread that does not end",
    "file-lock": "a file's lock that nobody releases", "pipe-read": "a pipe that nobody writes to",
    "terminal": "something to be typed at its terminal",
}


def lacking(found: Judgement) -> str:
    """What a stuck handler waits for, in words."""
    wait = found.wait
    if wait is None:
        return found.facts.get("wait", "")
    name = wait.name or (wait.resource.name if wait.resource else "")
    return f"{_NOBODY.get(wait.kind, wait.kind)}{f' ({name})' if name else ''}"


@check("blocking-itself", finds=("blocking.calls-itself", "blocking.waits-for-itself"), cost=0.1)
def blocking_itself(live: Live, http: HttpAnswers | Absent, outgoing: Outgoing | Absent) -> Iterator[Finding]:
    """The app waits for its own answer: its event loop does, or a handler whose own slot the answer needs.

    A handler may well ask its own app; the answer then comes, or another handler is seen to work on it.
    """
    found = live.first("self-call")
    loop = http.get("loop") if isinstance(http, HttpAnswers) else None
    if found is None or found.facts.get("role") == "loop" or loop is None or loop.outcome != "answered":
        yield finding_of("blocking.calls-itself", found, live)
        return
    port = found.facts.get("port", "")
    asked = outgoing.unanswered if isinstance(outgoing, Outgoing) else ()
    if found.facts.get("others") != "work" and all(u.remote.endswith(f":{port}") for u in asked):
        told = finding_of("blocking.waits-for-itself", found, live)
        yield replace(told, replaces=("blocking.lock-cycle", "blocking.lock-convoy", "blocking.calls-itself"))


@check("blocking-waits", finds=("blocking.waits-for-server", "blocking.pool-wait"), cost=0.1)
def blocking_waits(live: Live) -> Iterator[Finding]:
    """Handlers that have waited for another server, or for a free connection."""
    endless = (j for j in live.judgements if j.kind == "upstream-wait" and j.facts.get("endless") == "yes")
    yield finding_of("blocking.waits-for-server", next(endless, None), live, "limit-wait")
    yield finding_of("blocking.pool-wait", live.first("connection-pool-wait"), live)


@check("app-server-gone", finds=("app.server-thread-gone", "port.socket-without-server"), cost=0.1)
def app_server_gone(live: Live, http: HttpAnswers | Absent) -> Iterator[Finding]:
    """The port is open and nothing is left that could serve it: its thread has ended, or was never in this process.

    fork() copies open sockets, but no thread except the one that called it (fork(2)).
    """
    if not live.complete:
        return
    yield finding_of("app.server-thread-gone", live.first("server-thread-gone"), live)
    loop = http.get("loop") if isinstance(http, HttpAnswers) else None
    if loop is not None and loop.outcome == "timeout" and (found := live.first("listener-without-server")):
        yield finding_of("port.socket-without-server", found, live)


_OWN_FAULTS = ("loop-blocked", "loop-busy", "pool-exhausted", "deadlock", "lock-convoy", "connection-pool-wait")


@check("blocking-orphan", finds=("blocking.orphan-hangs",), cost=0.1)
def blocking_orphan(live: Live, instances: Instances) -> Iterator[Finding]:
    """An app that outlived its terminal, and hangs in its own code: that is why it does not answer, not its age."""
    fault = next((j for j in live.judgements if j.sure and j.location and j.kind in _OWN_FAULTS), None)
    orphan = next((p for p in instances.main if p.orphan and not p.keeper and not p.stopped), None)
    if fault is not None and orphan is not None:
        facts = {"pid": str(orphan.pid), "command": orphan.command_line}
        yield Finding(
            "blocking.orphan-hangs", facts=facts, source=Source("process", f"pid {orphan.pid}"),
            replaces=("port.orphaned-instance", "port.earlier-run"),
        )


@check("model-loading", finds=("model.loads-now",), cost=0.1)
def model_loading(live: Live) -> Iterator[Finding]:
    """A model is being loaded while people wait."""
    loading = next((j for j in live.judgements if j.kind == "loading" and j.facts.get("when") == "handler"), None)
    if loading is not None and live.complete:
        yield finding_of("model.loads-now", loading, live)


def finding_of(name: str, judgement: Judgement | None, live: Live, mend: Mend = "") -> Finding:
    """A judgement as a finding with its place, its stack and what the other threads do; None is one not seen."""
    if judgement is None:
        return Finding(name, seen=False)
    source = Source("process", f"pid {judgement.pid}")
    chain = tuple(reversed([p for p in (judgement.location, *judgement.others) if p]))
    return Finding(
        name, facts=_facts(judgement), source=source, location=judgement.location, witness=f"threads:{judgement.pid}",
        chain=chain if len(chain) > 1 else (), mend=mend,
        stack=tuple(Location(f.file, f.line, f.name, f.text) for f in reversed(judgement.stack)),
        threads=tuple(g for g in live.groups.get(judgement.pid, ()) if g.tids != judgement.threads[:1]),
    )


def _facts(judgement: Judgement) -> Mapping[str, str]:
    place = judgement.location
    facts = {k: v for k, v in judgement.facts.items() if v} | {"pid": str(judgement.pid)}
    if place is not None:
        facts |= {"where": f"{place.file}:{place.line}", "function": place.function, "code": place.text}
    if judgement.others:
        facts["other"] = f"{judgement.others[0].file}:{judgement.others[0].line}"
    if judgement.seconds is not None and judgement.seconds >= 1:
        facts["lasted"] = f"{judgement.seconds:.0f}"
    return facts
