"""Exceptions and tracebacks while their lines arrive."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

from gradio_doctor.evidence.logs import Frame, Relation
from gradio_doctor.probes.redact import redact_text, tame

FRAMES_KEPT = 100  # of one exception: the outermost half and the innermost half
LINKS_KEPT = 32
MESSAGE_KEPT = 2000  # characters
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+")


@functools.lru_cache(maxsize=512)
def _shown(text: str) -> str:
    return redact_text(tame(text))


@dataclass(slots=True)
class Link:
    """An exception while its lines arrive. `depth` is the nesting in exception groups."""

    line: int
    depth: int = 0
    type: str = ""
    message: str = ""
    frames: list[Frame] = field(default_factory=list)
    last_line: int = 0
    relation: Relation = ""
    sure: bool = True  # the type has the look of an exception's name

    def add(self, frame: Frame) -> None:
        """Append a frame, dropping from the middle of an endless recursion."""
        if len(self.frames) >= FRAMES_KEPT:
            del self.frames[FRAMES_KEPT // 2]
        self.frames.append(frame)

    def show_source(self, text: str) -> None:
        """The source line of the latest frame."""
        frame = self.frames[-1]
        self.frames[-1] = Frame(frame.file, frame.line, frame.function, _shown(text.strip()[:300]), frame.own)

    def tell(self, told: tuple[str, str, bool]) -> None:
        """Its type and the first line of its message."""
        self.type, self.message, self.sure = told[0], told[1][:MESSAGE_KEPT], told[2]


@dataclass(slots=True)
class Parsed:
    """A traceback that has been read to its end."""

    links: list[Link]
    truncated: bool
    time: str | None

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two tracebacks the same: types, first lines of messages without their numbers, frames."""
        return tuple(
            (k.type, _VARYING.sub("#", k.message.partition("\n")[0]),
             tuple((x.file, x.line, x.function) for x in k.frames))
            for k in self.links
        )


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a traceback had come to when it ended: what decides whether one more line would have belonged to it."""

    link: Link
    indent: int
    message_lines: int
    blank: int
