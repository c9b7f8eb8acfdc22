"""One line of a log, or the window round a token in an over-long one: read lazily, as most are never needed whole."""

from __future__ import annotations

import re

from gradio_doctor.evidence.logs import Layer
from gradio_doctor.logs.layers import layer_of, may_be_of
from gradio_doctor.logs.records import Record, unwrap
from gradio_doctor.logs.text import decode, without_ansi

LONG = 1 << 13  # bytes: longer lines are looked at in windows
_AROUND = 2100  # bytes on both sides of a token's end: the widest match (lint.WIDEST) fits
RECORD = 1 << 16  # bytes of a JSON record that is read whole
_INDENT = "    "  # what the traceback module puts before a source line
_FRAME = re.compile(r'File "[^"]{1,1000}", line \d{1,9}, in ')


class Line:
    """A line. `start` and `end` are its place in the block, `until` how far the next hit may lie to be on it."""

    __slots__ = ("_layer", "_record", "_text", "end", "layers_tried", "now", "number", "raw", "start", "until", "whole")

    def __init__(self, raw: bytes, start: int, end: int, whole: bool = True) -> None:
        self.raw = raw
        self.start = start
        self.end = end
        self.until = end
        self.whole = whole
        self.number = 0
        self.now: float | None = None
        self.layers_tried: dict[tuple[str, ...], bool] = {}
        self._text: str | None = None
        self._record: Record | None = None
        self._layer: Layer | None = None

    @classmethod
    def around(cls, data: bytes | bytearray, stop: int, limit: int) -> Line:
        """The line that a token ending at `stop` lies in; data behind `limit` is not there yet."""
        low, high = max(0, stop - LONG), min(limit, stop + LONG)
        start = data.rfind(b"\n", low, stop) + 1
        end = data.find(b"\n", stop, high)
        if (start == 0 and low > 0) or (end < 0 and high < limit) or (end - start if end >= 0 else high - start) > LONG:
            return cls._window(data, stop, max(start, low), end if end >= 0 else high)
        end = end if end >= 0 else high
        if data.find(b"\r", start, end) >= 0:
            start, end = _segment(data, start, stop, end)
        return cls(bytes(data[start:end]), start, end)

    @classmethod
    def _window(cls, data: bytes | bytearray, stop: int, start: int, end: int) -> Line:
        segment, after = _segment(data, start, stop, end)
        begin = max(segment, stop - _AROUND)
        line = cls(bytes(data[begin:after]), begin, after, whole=False)
        # Up to there, whatever a token is part of lies in the window: its hits need no window of their own.
        line.until = after if after < end else max(stop, after - _AROUND)
        return line

    def widened(self, data: bytes | bytearray, limit: int) -> Line:
        """All of an over-long line that is one JSON record of at most 64 KiB; else the line as it is."""
        if self.whole:
            return self
        start = data.rfind(b"\n", max(0, self.start - RECORD), self.start) + 1
        end = data.find(b"\n", self.start, min(limit, start + RECORD))
        if end < 0 or not start or not bytes(data[end - 2:end]).rstrip().endswith(b"}"):
            return self
        line = Line(bytes(data[start:end]), start, end)
        line.number, line.now = self.number, self.now
        return line

    @property
    def text(self) -> str:
        """The line as text."""
        if self._text is None:
            self._text = without_ansi(decode(self.raw))
        return self._text

    def record(self) -> Record:
        """What the line says behind its prefixes and JSON."""
        if self._record is None:
            self._record = unwrap(self.text, self.now)
        return self._record

    def says(self, record: Record) -> None:
        """It has been read before: spare the work."""
        self._record = record

    def layer(self) -> Layer:
        """The kind of program it comes from."""
        if self._layer is None:
            record = self.record()
            self._layer = layer_of(self.text, record.ident)
            if self._layer == "unknown" and record.embedded:
                self._layer = layer_of(record.lines[0][0])
        return self._layer

    def may_be_of(self, layers: tuple[str, ...]) -> bool:
        """True when the line can come from one of some layers."""
        if layers not in self.layers_tried:
            record = self.record()
            texts = (self.text, record.lines[0][0]) if record.embedded else (self.text,)
            self.layers_tried[layers] = any(may_be_of(text, record.ident, layers) for text in texts)
        return self.layers_tried[layers]

    def is_quoted_code(self, data: bytes | bytearray) -> bool:
        """True for the source line that a traceback prints below a frame: it tells what was to be done, not what was.

        `raise ValueError("Model file not found: {path}")` is no message yet.
        """
        if _INDENT not in self.text[:120]:
            return False
        own = _indent(self.record())
        return any(_FRAME.search(text) and own > _indent(unwrap(text)) for text in self.above(data, 1))

    def above(self, data: bytes | bytearray, count: int) -> list[str]:
        """Up to `count` lines above it, as far as the block's history goes."""
        parts = self.raw_above(data, count).split(b"\n")
        return [without_ansi(decode(part[:LONG].rstrip(b"\r"))) for part in parts if part][-count:]

    def raw_above(self, data: bytes | bytearray, count: int) -> bytes:
        """The bytes of up to `count` lines above it, and of the one above these."""
        begin = self.start
        for _ in range(count + 1):
            begin = data.rfind(b"\n", 0, begin - 1) + 1 if begin > 1 else 0
            if begin == 0:
                break
        return bytes(data[begin:self.start])


def _indent(record: Record) -> int:
    """By how many blanks the content of a line is indented."""
    content = record.contents[0]
    return len(content) - len(content.lstrip(" "))


def _segment(data: bytes | bytearray, start: int, stop: int, end: int) -> tuple[int, int]:
    """The part between carriage returns (progress bars) that a token lies in."""
    begin = max(start, data.rfind(b"\r", start, stop) + 1)
    behind = data.find(b"\r", stop, end)
    return begin, behind if behind >= 0 else end
