"""Threads and tasks beside the program that end with an exception: the app goes on, without what they did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradio_doctor.sdk import Absent, Finding, HttpAnswers, Live, LogEvents, Run, check

from .app_tracebacks import ECHOES, beside, came_up, finding, is_fault, serves, unexplained
from .blocking_live import finding_of, lacking

_UNSEEN = Absent("nobody had to look")
_FED = ("queue", "event", "future")  # what another thread has to fill, set or finish


@check("app-beside", finds=("app.beside-failed", "app.beside-failed-log"))
def app_beside(log: LogEvents, run: Run | Absent, http: HttpAnswers | Absent) -> Iterator[Finding]:
    """In an app that serves it is a defect that may go unnoticed; in a log alone, the only thing to blame."""
    if not came_up(log) and not serves(run, http):
        return
    name = "app.beside-failed" if serves(run, http) else "app.beside-failed-log"
    for index, traceback in unexplained(log, handler=False):
        if what := beside(log, traceback):
            found = finding(name, index, traceback, traceback.last, what=what)
            yield replace(found, replaces=tuple(_echoes(log, index)))
            return


def _echoes(log: LogEvents, index: int) -> Iterator[str]:
    """The signatures that matched nowhere but inside this traceback, and only repeat what it says."""
    return (name for name in ECHOES if (m := log.get(name)) is not None and set(m.tracebacks) == {index})


@check("blocking-orphaned-wait", finds=("blocking.feeder-died",), cost=0.1)
def blocking_orphaned_wait(live: Live, log: LogEvents | Absent = _UNSEEN) -> Iterator[Finding]:
    """A handler waits for a queue or an event, nothing in the app would end that, and a thread or task has died."""
    found = live.first("handler-stuck")
    if found is None or found.wait is None or found.wait.kind not in _FED or isinstance(log, Absent):
        return
    for traceback in log.tracebacks:
        if is_fault(traceback) and (what := beside(log, traceback)):
            told = finding_of("blocking.feeder-died", found, live)
            died = traceback.location
            facts = {
                **told.facts, "lacking": lacking(found), "what": what,
                "error": f"{traceback.last.short_type}: {traceback.last.message}"[:200],
                "died": f" at {died.file}:{died.line}" if died else "",
            }
            yield Finding(
                told.id, facts=facts, source=told.source, location=told.location, witness=told.witness,
                stack=told.stack, threads=told.threads, replaces=("blocking.lock-cycle", "blocking.lock-convoy"),
            )
            return
