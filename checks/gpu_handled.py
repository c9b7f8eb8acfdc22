"""Out of GPU memory, caught by the app itself: it goes on with a smaller batch, or on the CPU."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Absent, Finding, HttpAnswers, LogEvents, LogMatch, Run, check

from .app_tracebacks import in_handler, serves
from .gpu_live import NO_MEMORY

_MEMORY = (*NO_MEMORY, "gpu.torch-memory-numbers")
_READ_OFF = (
    "gpu.others-hold-memory", "gpu.own-allocation-too-large", "gpu.memory-fragmented", "gpu.card-full",
    "gpu.app-fills-card",
)
_SOFT = ("WARNING", "WARN", "INFO", "DEBUG", "NOTICE")


@check("gpu-handled", finds=("gpu.oom-handled",))
def gpu_handled(log: LogEvents, run: Run | Absent, http: HttpAnswers | Absent) -> Iterator[Finding]:
    """The app serves, and none of these errors came out of a handler: they were caught, and logged as a warning.

    One that a handler did not catch is printed by Gradio, with Gradio's own frames around it.
    """
    found = [m for name in _MEMORY if (m := log.get(name)) is not None]
    if found and serves(run, http) and all(_handled(log, m) for m in found):
        facts = {"count": str(max(m.count for m in found)), "text": found[0].text[:200]}
        yield Finding("gpu.oom-handled", facts=facts, source=found[0].source, replaces=_MEMORY + _READ_OFF)


def _handled(log: LogEvents, match: LogMatch) -> bool:
    if match.tracebacks:
        return not any(in_handler(log.tracebacks[i]) for i in match.tracebacks if i < len(log.tracebacks))
    return bool(match.samples) and all(s.level.upper() in _SOFT for s in match.samples)
