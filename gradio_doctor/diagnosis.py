"""The result of an examination, as frozen data that every report is a pure function of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradio_doctor.evidence import Location, MemoryCurve, Shares, Source, Target
from gradio_doctor.knowledge.model import SEVERITIES, Prose, Severity
from gradio_doctor.live.model import Group
from gradio_doctor.timeline import Event

Verdict = Literal["healthy", "diagnosed", "inconclusive"]
Role = Literal["root", "contributing", "possible"]
Outcome = Literal["found", "clear", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """One question of the fault tree and its answer."""

    question: Prose
    answer: Prose
    id: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of evidence for or against a cause. `weight` is in nats (how much it raised the cause).

    `context` are the log lines around it (itself among them), when they were asked for. `shares` are the resources that
    it is about, with who holds how much.
    """

    finding: str
    seen: bool
    text: Prose
    source: Source | None
    weight: float
    context: tuple[str, ...] = ()
    shares: tuple[Shares, ...] = ()


@dataclass(frozen=True, slots=True)
class Fix:
    """A remedy with its commands filled in. `diff` is a unified diff that applies in `directory` with `patch -p0`."""

    text: Prose
    commands: tuple[str, ...]
    safe: bool
    verify: tuple[str, ...]
    diff: str = ""
    directory: str = ""


@dataclass(frozen=True, slots=True)
class CauseFound:
    """A cause with its probability and everything the report says about it.

    `says` is the sentence that names it; `snippet` are (line number, text) around `location`. `stack` is the guilty
    thread's, outermost frame first, and `threads` what the others do.
    """

    id: str
    probability: float
    severity: Severity
    role: Role
    title: Prose
    says: Prose
    because: Prose
    path: tuple[Step, ...]
    evidence: tuple[Item, ...]
    fixes: tuple[Fix, ...]
    location: Location | None = None
    snippet: tuple[tuple[int, str], ...] = ()
    stack: tuple[Location, ...] = ()
    threads: tuple[Group, ...] = ()

    @property
    def code(self) -> tuple[tuple[int, str], ...]:
        """The lines around `location`: off the file, else the one line that a traceback quoted."""
        quoted = ((self.location.line, self.location.text),) if self.location and self.location.text else ()
        return self.snippet or quoted


@dataclass(frozen=True, slots=True)
class Prediction:
    """What may go wrong, read off the source or off what the system has left: nothing says that it does now.

    `causes` are what it would lead to; `chain` is the way through the user's code, the place where it happens last;
    `measured` is True when it was read off the running system and not off files.
    """

    finding: str
    severity: Severity
    text: Prose
    causes: tuple[str, ...]
    chain: tuple[Location, ...] = ()
    fix: Prose | None = None
    measured: bool = False


@dataclass(frozen=True, slots=True)
class RuledOut:
    """A cause that does not hold, and why."""

    id: str
    title: Prose
    because: Prose


@dataclass(frozen=True, slots=True)
class CheckRun:
    """What became of one check."""

    id: str
    outcome: Outcome
    seconds: float
    reason: str = ""
    unlock: str = ""


@dataclass(frozen=True, slots=True)
class NextLook:
    """The look that would tell most for its cost, and how to allow it."""

    check: str
    reason: str
    unlock: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an examination found. `facts` are plain statements about the target, label → value, for the reports.

    `timeline` are the log lines behind the causes in order of time, `chain` the first of each layer, deepest first.
    `memory` is the curve of the app's memory, where it was watched.
    """

    target: Target
    verdict: Verdict
    causes: tuple[CauseFound, ...]
    ruled_out: tuple[RuledOut, ...]
    checks: tuple[CheckRun, ...]
    path: tuple[Step, ...]
    unknown_probability: float
    next_look: NextLook | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    symptoms: tuple[Item, ...] = ()
    timeline: tuple[Event, ...] = ()
    chain: tuple[Event, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    memory: MemoryCurve | None = None

    @property
    def root(self) -> CauseFound | None:
        """The root cause, or None when none is sure enough to be called so."""
        return next((c for c in self.causes if c.role == "root"), None)

    def failing(self, fail_on: str, min_probability: float) -> bool:
        """True when a cause reaches the gate: severity at or above `fail_on` and probable enough ("none": never)."""
        if fail_on == "none":
            return False
        floor = SEVERITIES.index(fail_on)
        return any(SEVERITIES.index(c.severity) >= floor and c.probability >= min_probability for c in self.causes)
