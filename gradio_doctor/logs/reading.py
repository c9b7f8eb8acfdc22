"""Logs as streams of bytes: files, standard input, compressed files, UTF-16. Bounded in size."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gradio_doctor import progress
from gradio_doctor.errors import UsageError
from gradio_doctor.logs.compressed import BrokenError, Decompressed, kind_of
from gradio_doctor.logs.text import ToUtf8, utf16_codec

PIECE = 1 << 18  # bytes read at once
_GIB = 1 << 30


class LogError(UsageError):
    """A log that cannot be read. The message is one line that names it."""


@dataclass(frozen=True, slots=True)
class LogInput:
    """A log to read: a path, or "-" for standard input. `name` is what the report calls it (the path when empty)."""

    path: str
    name: str = ""
    stream: BinaryIO | None = None

    @property
    def label(self) -> str:
        """What the report calls it."""
        return self.name or ("stdin" if self.path == "-" else self.path)


class Reader:
    """An open log. `size` is known for plain files only; `changed` is when it was last written, 0 when unknown."""

    def __init__(self, raw: BinaryIO, size: int | None, changed: float, max_bytes: int) -> None:
        self._raw = raw
        self.size = size
        self.changed = changed
        self.bytes = 0
        self.plain = True
        self._first = raw.read(8192) or b""
        while len(self._first) < 64 and (more := raw.read(8192)):  # a pipe may give single bytes
            self._first += more
        self._read: Callable[[int], bytes] = self._read_raw
        self._left = max_bytes if size is None else min(size, max_bytes)
        self._over = size is not None and size > max_bytes
        self._compressed: Decompressed | None = None
        self._max = max_bytes
        self._whole = size  # on the disk, compressed or not
        self._watch = progress.current()
        self._prepare()

    def _prepare(self) -> None:
        kind = kind_of(self._first)
        if kind:
            self._compressed = Decompressed(_Rest(self._first, self._raw), kind, self._max)
            self._first, self.size, self.plain = self._compressed.read(8192), None, False
            self.bytes += len(self._first)
            self._read = self._read_compressed
        else:
            self._first = self._first[: self._left]
            self._left -= len(self._first)
            self.bytes += len(self._first)
        codec = utf16_codec(self._first)
        if codec:
            self.plain, inner, decoder = False, self._read, ToUtf8(codec)
            self._first = decoder.feed(self._first, False)
            self._read = lambda size: _feed(decoder, inner, max(size, 8192))
        elif self._first.startswith(b"\xef\xbb\xbf"):
            self._first = self._first[3:]

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of text, b"" at the end."""
        data = self._first or self._read(size)
        data, self._first = data[:size], data[size:]
        return data

    def _read_raw(self, size: int) -> bytes:
        data = self._raw.read(min(size, self._left)) or b""
        self._left -= len(data)
        self._count(len(data))
        return data

    def _read_compressed(self, size: int) -> bytes:
        assert self._compressed is not None  # noqa: S101
        data = self._compressed.read(size)
        self._count(len(data))
        return data

    def _count(self, count: int) -> None:
        self.bytes += count
        if self._watch is not None:
            self._watch(self)

    @property
    def share(self) -> float | None:
        """How much of the file has been read, 0 to 1; None when its size is unknown."""
        done = self._compressed.read_in if self._compressed else self.bytes
        return done / self._whole if self._whole else None

    def readinto(self, view: memoryview) -> int:
        """Fill a buffer from a plain file without a copy; returns the number of bytes, 0 at the end."""
        if self._first or not self.plain:
            data = self.read(len(view))
            view[: len(data)] = data
            return len(data)
        count: int = self._raw.readinto(view[: min(len(view), self._left)]) or 0  # type: ignore[attr-defined]
        self._left -= count
        self._count(count)
        return count

    @property
    def problem(self) -> str:
        """Why reading ended early, "" when it did not."""
        if self._compressed and self._compressed.problem:
            return self._compressed.problem
        return f"only the first {self._max:,} bytes were read" if self._left <= 0 and self._over else ""

    def close(self) -> None:
        """Close the file."""
        self._raw.close()


def _feed(decoder: ToUtf8, read: Callable[[int], bytes], size: int) -> bytes:
    while True:
        data = read(size)
        out = decoder.feed(data, not data)
        if out or not data:
            return out


class _Rest:
    """The bytes already read, then the rest of a stream."""

    def __init__(self, start: bytes, raw: BinaryIO) -> None:
        self._start = start
        self._raw = raw

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        if self._start:
            data, self._start = self._start, b""
            return data
        return self._raw.read(size) or b""


def open_log(source: LogInput, max_bytes: int = 64 * _GIB) -> Reader:
    """Open a log. Raises LogError when it is no readable file."""
    try:
        if source.stream is not None:
            return Reader(source.stream, None, 0.0, max_bytes)
        if source.path == "-":
            return Reader(_stdin(), None, 0.0, max_bytes)
        return _open_file(source, max_bytes)
    except BrokenError as error:
        raise LogError(f"{source.label}: {error}") from error
    except OSError as error:
        raise LogError(f"{source.label}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # an embedded NUL in the path, a closed stdin
        raise LogError(f"{source.label!r}: cannot be read: {error}") from error


def _stdin() -> BinaryIO:
    try:
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    except (OSError, ValueError):  # replaced by something without a file behind it
        return sys.stdin.buffer


def _open_file(source: LogInput, max_bytes: int) -> Reader:
    path = Path(source.path)
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise LogError(f"{source.label}: is a directory; name the files in it, like {source.label.rstrip('/')}/*.log")
    pipe = stat.S_ISFIFO(mode) and str(path).startswith(("/dev/fd/", "/proc/self/fd/"))  # the shell's <(command)
    if not stat.S_ISREG(mode) and not pipe:
        raise LogError(f"{source.label}: is not a regular file; pipe it in: cat {source.label} | gradio-doctor logs -")
    raw = path.open("rb", buffering=0)
    changed = os.fstat(raw.fileno())
    return Reader(raw, None if pipe else changed.st_size, 0.0 if pipe else changed.st_mtime, max_bytes)
