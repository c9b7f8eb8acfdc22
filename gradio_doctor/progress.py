"""How far reading has come, for a person who waits at a terminal: one line on stderr, gone at the end.

Nothing is drawn in pipes and files, on a dumb terminal, with --quiet, or for work that is over within a second. The
line is plain text behind a carriage return: it needs no colour and no control sequence.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TextIO

FIRST, EVERY = 1.0, 0.1  # seconds before the line first appears, and between two drawings of it
_UNITS = ("B", "KB", "MB", "GB", "TB")


class Reading(Protocol):
    """What progress is told of: a log that is being read."""

    bytes: int  # of text, read so far

    @property
    def share(self) -> float | None:
        """How much of it has been read, 0 to 1; None when its size is unknown."""


class Progress:
    """Draws the line. Called for every piece that is read, so it looks at the clock and mostly does no more."""

    def __init__(self, stream: TextIO, first: float = FIRST) -> None:
        self.name = ""
        self._stream = stream
        self._process = os.getpid()
        self._due = time.monotonic() + first
        self._begun: tuple[Reading, float] | None = None
        self._drawn = 0

    def __call__(self, reading: Reading) -> None:
        """A piece of a log has been read."""
        now = time.monotonic()
        if self._begun is None or self._begun[0] is not reading:
            self._begun = (reading, now)
        if now < self._due or os.getpid() != self._process:  # the processes of a large file's parts are forked
            return
        self._due = now + EVERY
        self._draw(line(self.name, reading, now - self._begun[1]))

    def _draw(self, text: str) -> None:
        text = text[: max(shutil.get_terminal_size().columns - 1, 1)]
        self._stream.write(f"\r{text:{self._drawn}}")
        self._stream.flush()
        self._drawn = len(text)

    def erase(self) -> None:
        """Leave no trace of the line."""
        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()
            self._drawn = 0


def line(name: str, reading: Reading, seconds: float) -> str:
    """What is shown: `reading app.log: 1.2 GB (30 %), 410 MB/s`."""
    from gradio_doctor.probes.redact import clean

    share = f" ({min(reading.share, 1.0):.0%})".replace("%", " %") if reading.share is not None else ""
    rate = f", {amount(reading.bytes / seconds)}/s" if seconds > 0 else ""
    shown = clean(name, 4000)
    shown = shown if len(shown) <= 40 else "…" + shown[-39:]
    return f"reading {shown}: {amount(reading.bytes)}{share}{rate}"


def amount(count: float) -> str:
    """A number of bytes with two digits or more: 1.2 GB, 410 MB."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit and count < 9.95 else f"{count:.0f} {_UNITS[unit]}"


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)  # parts of files are opened far below


def current() -> Progress | None:
    """The progress that whoever reads a log has to tell, None when nobody looks."""
    return _current.get()


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[None]:
    """Show the progress of all reading inside of this block, where there is somebody to see it."""
    stream: TextIO | None = sys.stderr
    if quiet or stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    progress = Progress(stream)
    token = _current.set(progress)
    try:
        yield
    finally:
        _current.reset(token)
        progress.erase()
