"""Blocking family, live: which mechanism holds the app, and at which line of its code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gradio_doctor.sdk import Finding, Judgement, Live, Location, Mend, Source, check

_LOOP = {
    "loop-blocked": "blocking.loop-blocked", "loop-busy": "blocking.loop-busy", "loop-starved": "blocking.gil-held",
}


@check("blocking-mechanism", finds=(*_LOOP.values(), "blocking.workers-taken", "blocking.output-full"), cost=1.0)
def blocking_mechanism(live: Live) -> Iterator[Finding]:
    """What keeps the event loop, or all worker threads, from their work."""
    for kind, name in _LOOP.items():
        found = next((j for j in live.judgements if j.kind == kind and j.sure), None)
        yield _finding(name, found, live, "" if kind == "loop-starved" else "free-loop")
    yield _finding("blocking.workers-taken", live.first("pool-exhausted"), live, "limit-wait")
    yield _finding("blocking.output-full", live.first("pipe-full"), live)


@check("blocking-locks", finds=("blocking.lock-cycle", "blocking.lock-convoy"), cost=0.1)
def blocking_locks(live: Live) -> Iterator[Finding]:
    """Threads that wait for each other's locks, or many for one. Without stacks nobody can tell locks from rest."""
    if live.complete:
        yield _finding("blocking.lock-cycle", live.first("deadlock"), live)
        yield _finding("blocking.lock-convoy", live.first("lock-convoy"), live)


@check("blocking-waits", finds=("blocking.waits-for-server", "blocking.calls-itself", "blocking.pool-wait"), cost=0.1)
def blocking_waits(live: Live) -> Iterator[Finding]:
    """Handlers that have waited for another server, for the app itself, or for a free connection."""
    endless = (j for j in live.judgements if j.kind == "upstream-wait" and j.facts.get("endless") == "yes")
    yield _finding("blocking.waits-for-server", next(endless, None), live, "limit-wait")
    yield _finding("blocking.calls-itself", live.first("self-call"), live)
    yield _finding("blocking.pool-wait", live.first("connection-pool-wait"), live)


@check("app-server-gone", finds=("app.server-thread-gone",), cost=0.1)
def app_server_gone(live: Live) -> Iterator[Finding]:
    """The port is open and nothing is left that could serve it: the server's thread has ended."""
    if live.complete:
        yield _finding("app.server-thread-gone", live.first("server-thread-gone"), live)


@check("model-loading", finds=("model.loads-now",), cost=0.1)
def model_loading(live: Live) -> Iterator[Finding]:
    """A model is being loaded while people wait."""
    loading = next((j for j in live.judgements if j.kind == "loading" and j.facts.get("when") == "handler"), None)
    if live.complete:
        yield _finding("model.loads-now", loading, live)


def _finding(name: str, judgement: Judgement | None, live: Live, mend: Mend = "") -> Finding:
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
