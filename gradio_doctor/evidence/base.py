"""What every piece of evidence is made of: where it was seen, and the form it takes when it could not be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SourceKind = Literal["log", "file", "process", "http", "kernel", "socket"]


@dataclass(frozen=True, slots=True)
class Absent:
    """Evidence that could not be gathered: why, and the command that would unlock it ("" when none would)."""

    why: str
    unlock: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was seen. `name` is a file name, a pid, a URL; `line` counts from 1; `time` is ISO 8601."""

    kind: SourceKind
    name: str
    line: int | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the user's own code. `text` holds that source line when it is known."""

    file: str
    line: int
    function: str = ""
    text: str = ""
