"""The time line of a diagnosis from logs, as lines of the text report."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.report.line import Line, heading
from gradio_doctor.report.words import WORDS
from gradio_doctor.timeline import Event


def time_line(diagnosis: Diagnosis, lang: str, verbosity: int) -> Iterator[Line]:
    """The events in order of time; the chain of layers above it. Nothing for one layer of one log (unless -v)."""
    events = diagnosis.timeline
    several = len({e.source.name for e in events}) > 1 or bool(diagnosis.chain)
    if len(events) < 2 or not (several or verbosity > 0):
        return
    yield from heading("time-line", lang)
    if diagnosis.chain:
        yield Line(" -> ".join(f"{e.layer} ({e.source.name}:{e.source.line})" for e in diagnosis.chain), "", 2)
    width = max(len(e.source.time or "") for e in events)
    for event in events:
        when = f"{event.source.time or '':{width}}  {event.layer:10}"
        yield Line(f"{when}  {event.text}{_often(event, lang)}", "dim", 2, width + 14)


def _often(event: Event, lang: str) -> str:
    if event.count == 1:
        return f"  ({event.source.name}:{event.source.line})"
    rate = f", {event.rate:.2g}/s" if event.rate else ""
    until = f" {WORDS['until'].pick(lang)} {event.until}" if event.until else ""
    return f"  ({event.source.name}:{event.source.line}, {event.count} x{until}{rate})"
