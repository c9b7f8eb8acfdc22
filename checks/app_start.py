"""Starts that come to nothing: where an app stands that neither serves nor ends, and where one ends itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradio_doctor.sdk import (
    Absent,
    AppSource,
    Exit,
    Finding,
    HttpAnswers,
    Instances,
    Judgement,
    Live,
    Location,
    LogEvents,
    Processes,
    Run,
    Source,
    check,
)

from .app_tracebacks import is_fault
from .blocking_live import finding_of, typed_at

_PATIENCE = 60.0  # seconds that a start may take that nobody has set a limit for: importing torch takes 20
_LONG = 10.0  # seconds at one lock, or at a terminal: no part of any start
_SILENT = ("blocking.loop-silent", "blocking.pool-silent", "blocking.nobody-accepts")  # a bound port, not served yet
_FINDS = ("model.loads-at-start", "app.start-waits-for-server", "app.start-waits-for-lock", "app.start-works",
          "app.start-starved", "app.start-waits-for-input", "app.still-starting")


@check("app-start", finds=_FINDS, cost=1.0)
def app_start(
    live: Live, run: Run | Absent, instances: Instances, processes: Processes | Absent, http: HttpAnswers | Absent
) -> Iterator[Finding]:
    """Where the main thread stands, when the time for starting is over; at once for waits that are no part of it.

    An app that answers has started: what does not serve then is another run of it, or what keeps it running.
    """
    loop = http.get("loop") if isinstance(http, HttpAnswers) else None
    if loop is not None and loop.outcome == "answered":
        return
    held = next((j for j in live.judgements if j.kind == "start-held" and _starts(j, live)), None)
    silent = _SILENT if held is not None and held.facts.get("importing") else ()
    if not _is_late(run, instances, processes, held) and not _is_stuck(held):
        if held is not None and not isinstance(run, Run):
            yield replace(finding_of("app.still-starting", held, live), replaces=silent)
        return
    loading = next((j for j in live.judgements if j.kind == "loading" and j.facts.get("when") == "start"), None)
    if loading is not None and loading.facts.get("what") != "import":
        yield replace(finding_of("model.loads-at-start", loading, live), replaces=silent)
    elif held is not None:
        told = finding_of(_name(held), held, live, "limit-wait" if held.facts.get("how") == "socket" else "")
        yield replace(told, facts={**told.facts, **typed_at(held)}, replaces=silent)


def _starts(held: Judgement, live: Live) -> bool:
    """True for what was started as the app, and for a server's worker that imports it; other children never serve."""
    return held.pid in live.main or bool(held.facts.get("importing"))


def _is_late(
    run: Run | Absent, instances: Instances, processes: Processes | Absent, held: Judgement | None
) -> bool:
    if isinstance(run, Run):
        return run.outcome == "timeout"
    starting = [p for p in instances.all if held is not None and p.pid == held.pid] or instances.main[-1:]
    if isinstance(processes, Absent) or not starting:
        return False
    return processes.now - starting[0].started > _PATIENCE


def _is_stuck(held: Judgement | None) -> bool:
    if held is None:
        return False
    how, seconds = held.facts.get("how"), held.seconds or 0.0
    return how == "terminal" or (how in ("lock", "file-lock") and seconds >= _LONG)


def _name(held: Judgement) -> str:
    how = held.facts.get("how")
    if how == "terminal":
        return "app.start-waits-for-input"
    if how in ("socket", "name-lookup"):
        return "model.loads-at-start" if held.facts.get("hub") else "app.start-waits-for-server"
    if how == "starves":
        return "app.start-starved"
    return "app.start-waits-for-lock" if how in ("lock", "file-lock") else "app.start-works"


@check("app-ends-itself", finds=("app.gives-up", "app.exit-called"))
def app_ends_itself(run: Run, source: AppSource, log: LogEvents) -> Iterator[Finding]:
    """The app ended with a status, without an exception, and its source has a call that ends it with that status."""
    status = run.exit_code
    if run.outcome != "exited" or status is None or any(is_fault(t) for t in log.tracebacks):
        return
    reached = [e for e in source.exits if e.reach != "function" and e.status in (status, None)]
    calls = [e for e in reached if e.status == status] or reached
    if not calls:
        return
    said = next((line.strip() for line in reversed(log.tail) if line.strip()), "")
    facts = {"status": str(status), "call": calls[0].text, "where": ", ".join(_place(e) for e in calls[:3])}
    facts["words"] = f"its last words: {said[:200]}" if said else "it printed nothing"
    place = Location(calls[0].file, calls[0].line) if len(calls) == 1 else None
    yield Finding(
        "app.gives-up" if status else "app.exit-called", facts=facts | ({"said": said[:200]} if said else {}),
        source=Source("file", calls[0].file, calls[0].line), location=place,
    )


def _place(call: Exit) -> str:
    return f"{call.file}:{call.line}"
