"""Tracebacks that come again: what the lines of one did to the counts is noted once, and then done again at once.

An app that is out of descriptors prints the same ten lines 200,000 times. What they say is the same as long as they
are the same byte for byte; only the digits of time stamps in front of them may be others. A traceback is noted when
it has been read line by line before, and its signatures have all the samples that are kept: from then on its lines
only count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from gradio_doctor.logs.collector import Block, Collector
from gradio_doctor.logs.forms import may_be_quoted
from gradio_doctor.logs.lines import LONG, Line
from gradio_doctor.logs.links import Ending
from gradio_doctor.logs.records import read_line
from gradio_doctor.logs.tally import SAMPLES, Scan, Tally
from gradio_doctor.logs.text import MASK
from gradio_doctor.logs.tracebacks import TracebackParser

_MOST = 256  # tracebacks noted; then all are forgotten, so that memory stays constant
_LONGEST = 1 << 14  # bytes of one
_CLOSERS = 64  # lines remembered behind one
_CLOSER = 512  # bytes of such a line
_EPOCH = b"0" * 10  # seconds since the epoch are told from other numbers by their digits


@dataclass(slots=True, eq=False)
class Repeat:
    """A traceback that has come before: its lines and what each further one counts for."""

    masked: bytes  # its lines, all digits as one
    parts: tuple[tuple[int, bytes], ...]  # what must be the same in its digits too, and where
    lines: int
    last: int  # lines from its first to its last; a blank one may follow
    number: int
    counts: tuple[tuple[Tally, int, int, slice], ...]  # how many matches, the line and the place of the last
    ending: Ending
    closers: set[bytes] = field(default_factory=set)  # lines (masked) known to belong to it no longer

    def is_at(self, pos: int, text: bytes, masked: bytes) -> bool:
        """Whether its lines stand at a place."""
        return masked.startswith(self.masked, pos) and all(text.startswith(p, pos + at) for at, p in self.parts)


class Repeats:
    """The tracebacks of one log that may come again."""

    def __init__(self, scan: Scan, collector: Collector, now: float | None) -> None:
        self._scan = scan
        self._collector = collector
        self._now = now
        self._trial = TracebackParser(lambda _: None)
        self._noted: dict[bytes, list[Repeat]] = {}  # by their first two lines, masked
        self._kept = 0
        self._block: Block | None = None
        self._text = self._masked = b""  # of the block
        self._watched: tuple[int, int, Mapping[int, int]] | None = None  # place, line, matches before

    def enter(self, block: Block) -> None:
        """A new block."""
        self._block, self._text, self._masked = block, b"", b""

    def again(self, start: int, number: int) -> Repeat | None:
        """Count the traceback that starts at a place, on the line of that number, if it is one of those noted."""
        block = self._block
        if block is None or start < block.begin or not self._collector.counts_blindly(number):
            return None
        if not self._text:
            self._text = bytes(memoryview(block.data)[block.begin:block.end])
            self._masked = self._text.translate(MASK)
        pos = start - block.begin
        for repeat in self._noted.get(self._key(pos), ()):
            if repeat.is_at(pos, self._text, self._masked) and self._closed(repeat, pos + len(repeat.masked)):
                return repeat if self._count(repeat, start, number, block) else None
        self._watched = start, number, {rule: tally.count for rule, tally in self._scan.tallies.items()}
        return None

    def _key(self, pos: int) -> bytes:
        return self._masked[pos:self._masked.find(b"\n", self._masked.find(b"\n", pos) + 1)]

    def _closed(self, repeat: Repeat, pos: int) -> bool:
        """Whether the line at a place of the block's text no longer belongs to the traceback above it."""
        end = self._masked.find(b"\n", pos)
        if not 0 <= end - pos <= LONG:
            return False
        masked = self._masked[pos:end]
        if masked in repeat.closers:
            return True
        record = read_line(self._text[pos:end], self._now)
        if len(record.lines) != 1 or record.embedded:
            return False
        self._trial.resume(repeat.ending)
        line, peeled = record.lines[0]
        if self._trial.feed(1, line, peeled):
            return False
        if not peeled.time and len(masked) <= _CLOSER and len(repeat.closers) < _CLOSERS and _EPOCH not in masked:
            repeat.closers.add(masked)
        return True

    def _count(self, repeat: Repeat, start: int, number: int, block: Block) -> bool:
        pos = start - block.begin
        line = _line(self._text, pos, start, number, self._now)
        if repeat.number not in self._scan.folded or may_be_quoted(line.raw, start, block):
            return False
        self._collector.repeated(repeat.number, line, block, repeat.last, repeat.lines)
        for tally, count, last, place in repeat.counts:
            tally.count += count
            tally.last_line, tally.last_raw = number + last, self._text[pos + place.start:pos + place.stop]
        return True

    # -- learning

    def learn(self, number: int | None = None) -> None:
        """Note the traceback watched when it is over before a line (None: before the end of the block)."""
        parser = self._collector.parser
        if self._watched is None or (number is not None and number <= parser.fed):
            return
        (start, first, before), self._watched = self._watched, None
        latest, block = self._collector.latest, self._block
        if block is None or latest is None or parser.active or self._collector.latest_line != first:
            return
        folded, ending = self._scan.folded.get(latest), parser.ending()
        line = _line(self._text, start - block.begin, start, first, self._now)
        if folded is None or folded.count < 2 or ending is None or parser.fed <= first:
            return
        if "he above exception" not in line.text and not may_be_quoted(line.raw, start, block):
            self._note(start - block.begin, first, before, latest, ending)

    def _note(self, pos: int, first: int, before: Mapping[int, int], latest: int, ending: Ending) -> None:
        parser = self._collector.parser
        starts = [pos]
        while len(starts) <= parser.fed - first + 1:
            starts.append(self._text.find(b"\n", starts[-1]) + 1)
            if not starts[-1] or starts[-1] - pos > _LONGEST:
                return
        spans = list(pairwise(starts))
        parts = _parts([self._text[begin:end] for begin, end in spans], self._now)
        counts = self._counts(first, before, spans)
        if parts is None or counts is None:
            return
        repeat = Repeat(
            self._masked[pos:starts[-1]], parts, len(spans), parser.last_line - first, latest, counts, ending
        )
        if not self._closed(repeat, starts[-1]):  # a record of several lines, some of which belonged to it
            return
        self._kept += 1
        if self._kept > _MOST:
            self._noted.clear()
            self._kept = 1
        self._noted.setdefault(self._key(pos), []).append(repeat)

    def _counts(
        self, first: int, before: Mapping[int, int], spans: list[tuple[int, int]]
    ) -> tuple[tuple[Tally, int, int, slice], ...] | None:
        """What the lines have counted for; None when some of them gave a sample that another may give too."""
        counts = []
        for rule, tally in self._scan.tallies.items():
            fresh, last = tally.count - before.get(rule, 0), tally.last_line - first
            if not fresh:
                continue
            at = self._text.find(tally.last_raw, *spans[last]) if 0 <= last < len(spans) else -1
            if at < 0 or len(tally.samples) < SAMPLES:
                return None
            at -= spans[0][0]
            counts.append((tally, fresh, last, slice(at, at + len(tally.last_raw))))
        return tuple(counts)


def _line(text: bytes, pos: int, start: int, number: int, now: float | None) -> Line:
    raw = text[pos:text.find(b"\n", pos)].rstrip(b"\r")
    line = Line(raw, start, start + len(raw))
    line.number, line.now = number, now
    if b"\r" not in raw:
        line.says(read_line(raw, now))
    return line


def _parts(lines: list[bytes], now: float | None) -> tuple[tuple[int, bytes], ...] | None:
    """The places of lines whose digits count: all but time stamps. None when they are no plain lines."""
    parts: list[tuple[int, bytes]] = []
    at, run = 0, b""
    for line in lines:
        record = read_line(line[:-1], now)
        if len(record.lines) != 1 or record.embedded or len(line) > LONG:
            return None
        peeled = record.lines[0][1]
        stamp = line[:peeled.content]
        if peeled.time and b"\r" not in line[:-2] and stamp.isascii() and _EPOCH not in stamp.translate(MASK):
            parts.append((at - len(run), run))
            at, run = at + len(stamp), line[len(stamp):]
            at += len(run)
        else:
            run += line
            at += len(line)
    return tuple((begin, part) for begin, part in (*parts, (at - len(run), run)) if part)
