"""Which part of a log is of the run that serves now: `nohup python app.py >> app.log` keeps those of all runs.

Only for an app that is up: its "Running on local URL" is the last such line. What comes before it is of this run back
to where another one ended, if that shows; what an earlier run printed says nothing of this one.
"""

from __future__ import annotations

import io
import mmap
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from gradio_doctor.logs import LogInput

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MARK = b"Running on local URL:"  # gradio/strings.py RUNNING_LOCALLY, since 3.0
_PORT = re.compile(rb"Running on local URL: {1,3}https?://[\w.:\[\]-]{1,80}:(\d{1,5})")
# The last lines of a program: an exception that nobody caught, and what shells say of one that a signal ended.
_ENDS = re.compile(
    rb"^(?:[A-Za-z_][\w.]{0,120}(?:Error|Exception|Interrupt|Exit|Timeout)\b(?::[^\n]{0,2000})?"
    rb"|[^\n]{0,200}\b(?:Killed|Terminated|Hangup|Aborted|Segmentation fault|Bus error|Illegal instruction)\b"
    rb"[^\n]{0,200}"
    rb"|Keyboard interruption in main thread[^\n]{0,40})\r?$",
    re.MULTILINE,
)
_MOST_BETWEEN = 4 << 20  # bytes before the mark that are searched for an end
_PIECE = 1 << 16


def this_run(log: LogInput, ports: Collection[int]) -> tuple[LogInput, int]:
    """The log with the lines of earlier runs left empty (so that numbers stay right), and how many those are.

    `ports` are those that the running app listens on; where the last start in the log is on another, nothing is cut.
    """
    try:
        if log.stream is not None:
            return log, 0
        with Path(log.path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            cut = begin_of_run(text, ports)
            lines = _newlines(text, cut)
    except (OSError, ValueError):  # not there, empty, or no plain file: that is told when it is read
        return log, 0
    if not lines:
        return log, 0
    file = Path(log.path).open("rb")  # noqa: SIM115 - the reader closes it
    file.seek(cut)
    return LogInput(log.path, log.name, io.BufferedReader(_Blanked(lines, file), _PIECE)), lines


def begin_of_run(text: mmap.mmap | bytes, ports: Collection[int]) -> int:
    """Where the run begins whose start is the last in the log: an offset, 0 when everything may be of it."""
    mark = text.rfind(_MARK)
    found = _PORT.match(text[mark : mark + 200]) if mark >= 0 else None
    if found is None or int(found[1]) not in ports:
        return 0
    before = text.rfind(_MARK, 0, mark)
    searched = max(before, mark - _MOST_BETWEEN, 0)
    ends = [m.end() for m in _ENDS.finditer(text[searched:mark])]
    if ends:
        return min(searched + ends[-1] + 1, mark)
    return text.rfind(b"\n", 0, mark) + 1 if before >= 0 or searched else 0


def _newlines(text: mmap.mmap, end: int) -> int:
    return sum(text[at : min(at + _PIECE, end)].count(b"\n") for at in range(0, end, _PIECE))


class _Blanked(io.RawIOBase):
    """So many empty lines, and then what is left of a file."""

    def __init__(self, lines: int, rest: BinaryIO) -> None:
        self._lines = lines
        self._rest = rest

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer as far as possible; 0 at the end."""
        view = memoryview(buffer).cast("B")
        if self._lines:
            count = min(len(view), self._lines)
            view[:count] = b"\n" * count
            self._lines -= count
            return count
        data = self._rest.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file, too."""
        self._rest.close()
        super().close()
