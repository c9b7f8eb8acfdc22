"""Exceptions and tracebacks while their lines arrive."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from gradio_doctor.evidence.logs import Frame, Relation
from gradio_doctor.probes.redact import redact_text, tame

FRAMES_KEPT = 100  # of one exception: the outermost half and the innermost half
LINKS_KEPT = 32
MESSAGE_KEPT = 2000  # characters
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+")


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
        self.frames[-1] = replace(self.frames[-1], text=redact_text(tame(text.strip()[:300])))

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
