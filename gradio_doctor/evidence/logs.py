"""What log text says: matched signatures, tracebacks as chains, files and layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradio_doctor.evidence.base import Location, Source

Layer = Literal["app", "server", "proxy", "kernel", "systemd", "container", "kubernetes", "platform", "unknown"]
Relation = Literal["", "cause", "context"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a traceback. `text` is the source line as printed, "" when none was. `own` marks user code."""

    file: str
    line: int
    function: str
    text: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True)
class ExceptionLink:
    """One exception of a chain: its full type, message, frames (outermost first) and the lines it was printed on.

    `relation` says how it led to the NEXT link: "cause" (direct cause), "context" (during handling), "" for the last.
    """

    type: str
    message: str
    frames: tuple[Frame, ...]
    source: Source
    last_line: int
    relation: Relation = ""

    @property
    def short_type(self) -> str:
        """The class name without its module."""
        return self.type.rpartition(".")[2]

    @property
    def own_frame(self) -> Frame | None:
        """The innermost frame in the user's own code."""
        return next((f for f in reversed(self.frames) if f.own), None)


@dataclass(frozen=True, slots=True)
class Traceback:
    """A printed traceback: the chain in printed order (first raised first), repeats folded into `count`."""

    links: tuple[ExceptionLink, ...]
    count: int = 1
    truncated: bool = False

    @property
    def first(self) -> ExceptionLink:
        """The exception that was raised first (the deepest cause)."""
        return self.links[0]

    @property
    def last(self) -> ExceptionLink:
        """The exception that reached the top."""
        return self.links[-1]

    def covers(self, name: str, line: int) -> bool:
        """True when a line of a log lies inside this traceback."""
        return any(k.source.name == name and (k.source.line or 0) <= line <= k.last_line for k in self.links)

    @property
    def location(self) -> Location | None:
        """The innermost place in the user's own code, of the first exception that has one."""
        for link in self.links:
            if frame := link.own_frame:
                return Location(frame.file, frame.line, frame.function, frame.text)
        return None


@dataclass(frozen=True, slots=True)
class LogMatch:
    """All the lines that one signature matched: the first in full, the rest counted.

    `captures` are the named groups of the first match (cleaned of control characters); `samples` are up to three of
    the matches; `tracebacks` are the indices (at most 16) of the tracebacks that matched lines lie in.
    """

    signature: str
    captures: Mapping[str, str]
    text: str
    source: Source
    layer: Layer
    count: int = 1
    last: Source | None = None
    samples: tuple[LogSample, ...] = ()
    tracebacks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LogSample:
    """One matched line. `level` and `trace` (a request or trace id) as the logging set-up printed them, else "".

    `before` and `after` are the lines around it, as many as were asked for.
    """

    captures: Mapping[str, str]
    text: str
    source: Source
    level: str = ""
    trace: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log that was read. `truncated` says why reading ended early, "" when it was read whole.

    `earlier` is how many lines at its begin belong to earlier runs of the app and were not looked at.
    """

    name: str
    lines: int
    bytes: int
    layers: tuple[Layer, ...] = ()
    truncated: str = ""
    earlier: int = 0


@dataclass(frozen=True, slots=True)
class LogEvents:
    """Everything read off one or more logs, in the order of the lines.

    `head` and `tail` are the first and last lines (at most 40 each, cleaned). `gradio_version` is "" when the logs
    do not tell it.
    """

    files: tuple[LogFile, ...]
    matches: tuple[LogMatch, ...] = ()
    tracebacks: tuple[Traceback, ...] = ()
    head: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    gradio_version: str = ""
    by_signature: Mapping[str, LogMatch] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_signature", {m.signature: m for m in self.matches})

    def get(self, signature: str) -> LogMatch | None:
        """The match of one signature, or None when no line matched it."""
        return self.by_signature.get(signature)
