"""What a scan has found so far: matches per signature, tracebacks folded, first and last lines."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradio_doctor.evidence.logs import Layer
from gradio_doctor.logs.links import Parsed

SAMPLES = 3
TRACEBACKS = 200  # kept: the first half and the last half
ENDS = 40  # lines of the beginning and the end that are kept
INDICES = 16  # tracebacks remembered per signature


@dataclass(slots=True)
class Sample:
    """One matched line, in full."""

    line: int
    time: str | None
    text: str
    captures: dict[str, str]
    layer: Layer
    level: str = ""
    trace: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Tally:
    """The matches of one signature. Each is itself, whatever it holds."""

    count: int = 0
    last_line: int = 0
    last_time: str | None = None
    last_raw: bytes = b""
    samples: list[Sample] = field(default_factory=list)
    tracebacks: list[int] = field(default_factory=list)

    def lies_in(self, number: int) -> None:
        """Remember that a matched line lies in the traceback of that number."""
        if number not in self.tracebacks and len(self.tracebacks) < INDICES:
            self.tracebacks.append(number)

    def shifted(self, by: int) -> None:
        """Count lines from an earlier start."""
        self.last_line += by
        for sample in self.samples:
            sample.line += by


@dataclass(slots=True)
class Folded:
    """Tracebacks that are the same, and the lines of the first."""

    parsed: Parsed
    count: int
    first_line: int
    last_line: int


@dataclass(slots=True)
class Scan:
    """All that one log (or a part of it) gave. Lines count from 1 at its start."""

    name: str
    lines: int = 0
    bytes: int = 0
    tallies: dict[int, Tally] = field(default_factory=dict)
    folded: dict[int, Folded] = field(default_factory=dict)
    numbers: dict[tuple[object, ...], int] = field(default_factory=dict)
    next_number: int = 0
    dropped: int = 0
    head: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    layers: dict[Layer, int] = field(default_factory=dict)
    version: str = ""
    first_time: str | None = None
    truncated: str = ""
    spill: int = 0  # lines behind the end of this part that its last traceback took
    spilled: int | None = None  # the number of that traceback

    def fold(self, parsed: Parsed, first_line: int, last_line: int, count: int = 1) -> int:
        """Add a traceback; returns its number."""
        key = parsed.key
        number = self.numbers.get(key)
        if number is not None and number in self.folded:
            self.folded[number].count += count
            return number
        number = self.next_number
        self.next_number += 1
        self.numbers[key] = number
        self.folded[number] = Folded(parsed, count, first_line, last_line)
        if len(self.folded) > TRACEBACKS:
            self._drop_middle()
        return number

    def _drop_middle(self) -> None:
        victim = sorted(self.folded)[TRACEBACKS // 2]
        dead = self.folded.pop(victim)
        self.numbers.pop(dead.parsed.key, None)
        self.dropped += dead.count
