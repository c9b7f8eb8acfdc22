"""What a program says at INFO or DEBUG in the very words of a fault: it reports, and nothing failed by its own account.

A headline, a ticket of a user or an optional import logged at such a level holds words like "out of memory" or
"No module named"; a fault is logged as WARNING or above, raised, or printed without any level.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Finding, LogEvents, LogMatch, check

_FAULTS = ("crash.", "dependency.", "gpu.", "limits.", "memory.", "model.")
_QUIET = {"TRACE", "DEBUG", "INFO", "SUCCESS"}


@check("vitals-passing", cost=0.05, finds=("vitals.said-in-passing",))
def vitals_passing(log: LogEvents) -> Iterator[Finding]:
    """Which words of faults stand only in lines that the app itself logged as a matter of course?"""
    told = [m for m in log.matches if m.signature.startswith(_FAULTS) and in_passing(m)]
    if told:
        facts = {"text": told[0].text.strip()[:200], "level": told[0].samples[0].level}
        yield Finding(
            "vitals.said-in-passing", facts=facts, source=told[0].source, replaces=tuple(m.signature for m in told)
        )


def in_passing(match: LogMatch) -> bool:
    """True when every line kept of a match was logged by the app itself below WARNING, and lies in no traceback."""
    levels = {sample.level.upper() for sample in match.samples}
    if not levels or match.tracebacks or match.layer not in ("app", "unknown"):
        return False
    return levels <= _QUIET
