"""Matched log lines as findings: what a signature says, with the line, its place and the user's own frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gradio_doctor.evidence import LogEvents, LogMatch
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.sdk import Finding


def log_findings(log: LogEvents, signatures: Mapping[str, Signature]) -> Iterable[Finding]:
    """One finding per matched signature. Matches within one traceback share a witness: they are one event."""
    for match in log.matches:
        if match.signature in signatures:
            yield _finding(log, match)


def _finding(log: LogEvents, match: LogMatch) -> Finding:
    facts = {k: v for k, v in match.captures.items() if v}
    facts.setdefault("count", str(match.count))
    facts["line_text"] = match.text
    location, witness = None, ""
    if match.tracebacks:
        traceback = log.tracebacks[match.tracebacks[0]]
        location = traceback.location
        witness = f"traceback:{match.tracebacks[0]}"
    first = match.samples[0] if match.samples else None
    context = (*first.before, match.text, *first.after) if first and (first.before or first.after) else ()
    return Finding(match.signature, True, facts, match.source, location, witness, context=context)
