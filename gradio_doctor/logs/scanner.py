"""One pass over one log: blocks in, a Scan out. Memory stays constant whatever the log holds."""

from __future__ import annotations

import time as clock
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from gradio_doctor.logs.bulk import Bulk
from gradio_doctor.logs.collector import Block, Collector
from gradio_doctor.logs.engines import MASK, SHIFT, Find, choose
from gradio_doctor.logs.forms import Forms
from gradio_doctor.logs.layers import layer_of
from gradio_doctor.logs.lines import LONG, Line
from gradio_doctor.logs.reading import Reader
from gradio_doctor.logs.records import unwrap
from gradio_doctor.logs.repeats import Repeat, Repeats
from gradio_doctor.logs.rules import TRACEBACK, RuleSet
from gradio_doctor.logs.tally import ENDS, Scan
from gradio_doctor.logs.text import ANSI, clean, decode, visible, without_ansi
from gradio_doctor.logs.window import Window

BLOCK = 1 << 18
HISTORY = 1 << 13  # bytes kept in front of a block: lines above a match, the time above it
_ENDS_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a scan. `seconds` ends it early (None: never); `context` lines are kept around samples.

    `since` and `until` (ISO 8601) limit the lines by their time, or the nearest time above them.
    """

    seconds: float | None = None
    context: int = 0
    since: str = ""
    until: str = ""
    max_bytes: int = 64 << 30


class Scanner:
    """The state of one pass. `find` overrides the choice of the engine."""

    def __init__(
        self, rules: RuleSet, name: str, limits: Limits, now: float | None = None, find: Find | None = None
    ) -> None:
        self.scan = Scan(name)
        self._rules = rules
        self._owners = [t.owners for t in rules.tokens]
        self._limits = limits
        self._now = now
        self._find = find
        self._number = 1  # of the line at the place reached
        self._deadline = clock.monotonic() + limits.seconds if limits.seconds is not None else None
        self._head = self._tail = b""
        window = Window.of(limits.since, limits.until)
        self._collector = Collector(rules, self.scan, limits.context, window, now)
        self._forms = Forms(rules, self._collector)
        self._bulk = Bulk(rules, self._forms)
        self._repeats = Repeats(self.scan, self._collector, now)
        self._starts = frozenset(n for n, t in enumerate(rules.tokens) if t.owners == (TRACEBACK,))

    def run(self, reader: Reader, behind: bytes = b"") -> Scan:
        """Read a log to its end (or a limit). `behind` is what follows, for a traceback that goes on there."""
        buffer = bytearray(HISTORY + BLOCK + LONG)
        view = memoryview(buffer)
        begin = fill = 0  # buffer[:begin] is history, buffer[begin:fill] not scanned yet
        while True:
            fill, ended = _fill(reader, view, fill)
            if self._find is None:
                self._find = choose(self._rules.tokens, fill if ended else reader.size)
            cut = fill if ended else _cut(buffer, begin, fill)
            self._block(buffer, begin, cut, fill)
            if ended or self._late():
                break
            keep = max(0, cut - HISTORY)
            view[: fill - keep] = bytes(view[keep:fill])
            begin, fill = cut - keep, fill - keep
        self._finish(reader, behind)
        return self.scan

    def _late(self) -> bool:
        if self._deadline is None or clock.monotonic() < self._deadline:
            return False
        self.scan.truncated = f"reading stopped after {self._limits.seconds:g} s"
        return True

    def _block(self, buffer: bytearray, begin: int, end: int, limit: int) -> None:
        block = Block(buffer, begin, end, limit)
        if buffer.find(b"\x1b", begin, end) >= 0:
            block = _without_ansi(block)
        find = self._find
        assert find is not None  # noqa: S101
        self._remember_ends(block)
        self._collector.enter(block, self._number)
        self._repeats.enter(block)
        lines = self._bulk.count(block, self._number, find, self._look)
        self._number = self._number + lines if lines is not None else self._by_hits(block, find)

    def _by_hits(self, block: Block, find: Find) -> int:
        """Go through the lines that hold tokens; returns the number of the line behind the block."""
        data, reached, number, repeats, looked_at = block.data, block.begin, self._number, 0, 0
        hits = find(data, max(0, block.begin - self._rules.longest), block.end)
        at = bisect_right(hits, block.begin << SHIFT | MASK)  # hits up to there belong to the block before
        while at < len(hits):
            stop = hits[at] >> SHIFT
            if stop <= self._collector.fed_to and hits[at] & MASK in self._starts:  # in a traceback read already
                at += 1
                continue
            high = min(block.limit, stop + LONG)
            end = data.find(b"\n", stop, high)
            start = data.rfind(b"\n", max(0, stop - LONG), stop) + 1
            behind = bisect_right(hits, (end if end >= 0 else high) << SHIFT | MASK, at + 1)
            if start > reached:
                number += data.count(b"\n", reached, start)
                reached = start
            whole = end >= 0 and (start or stop <= LONG)
            if whole and (again := self._traceback_again(hits[at:behind], start, number)):
                number, reached = number + again.lines, start + len(again.masked)
                looked_at += 1
                behind = bisect_right(hits, reached << SHIFT | MASK, behind)
            elif whole and self._forms.repeat(bytes(data[start:end]), start, number, block):
                repeats += 1
            else:
                looked_at += 1
                self._look(hits[at:behind], number, block)
            at = behind
        self._repeats.learn()
        number += data.count(b"\n", reached, block.end)
        self._bulk.judge(number - self._number, repeats, looked_at)
        return number

    def _traceback_again(self, hits: Sequence[int], start: int, number: int) -> Repeat | None:
        """Count the traceback that starts on a line if it has come before."""
        if number <= self._collector.parser.fed:
            return None
        self._repeats.learn(number)
        starts = any(hit & MASK in self._starts for hit in hits)
        return self._repeats.again(start, number) if starts else None

    def _look(self, hits: Sequence[int], number: int, block: Block) -> None:
        """Look at a line (or at its segments, when it has carriage returns) that holds tokens."""
        line: Line | None = None
        tried: set[int] = set()
        for hit in hits:
            stop = hit >> SHIFT
            if line is None or stop > line.until:
                line = Line.around(block.data, stop, block.limit)
                line.number, line.now, tried = number, self._now, set()
            fresh = [o for o in self._owners[hit & MASK] if o not in tried]
            for owner in fresh:
                tried.add(owner)
                self._collector.candidate(owner, line, block)
        if line is not None and line.whole and number > self._collector.parser.fed:
            self._forms.learn(line, [hit & MASK for hit in hits], block)

    # -- the first and the last lines

    def _remember_ends(self, block: Block) -> None:
        if len(self._head) < _ENDS_BYTES:
            self._head += bytes(block.data[block.begin:min(block.end, block.begin + _ENDS_BYTES)])
        new = bytes(block.data[max(block.begin, block.end - _ENDS_BYTES):block.end])
        self._tail = (self._tail + new)[-_ENDS_BYTES:]

    def _finish(self, reader: Reader, behind: bytes) -> None:
        scan, parser = self.scan, self._collector.parser
        scan.lines = self._number - 1 + (1 if self._tail and not self._tail.endswith(b"\n") else 0)
        if behind:
            self._collector.enter(Block(behind, 0, len(behind), len(behind)), self._number)
        parser.close(cut=True)
        scan.spill = max(0, parser.last_line - scan.lines)
        scan.spilled = self._collector.latest if scan.spill else None
        scan.bytes = reader.bytes
        scan.truncated = scan.truncated or reader.problem
        head = _texts(self._head)[:ENDS]
        tail = _texts(self._tail)[-ENDS:]
        if len(self._tail) >= _ENDS_BYTES and len(tail) < ENDS:
            tail = tail[1:] or tail  # the first of them may be the rest of a line
        scan.head, scan.tail = [clean(t) for t in head], [clean(t) for t in tail]
        for text in (*head, *tail):
            record = unwrap(text, self._now)
            scan.first_time = scan.first_time or record.time
            layer = layer_of(text, record.ident)
            scan.layers[layer] = scan.layers.get(layer, 0) + 1
        for tally in scan.tallies.values():
            tally.last_time = unwrap(without_ansi(decode(tally.last_raw)), self._now).time
            tally.last_raw = b""


def _texts(raw: bytes) -> list[str]:
    return [visible(without_ansi(decode(part))) for part in raw.removesuffix(b"\n").split(b"\n")] if raw else []


def _fill(reader: Reader, view: memoryview, fill: int) -> tuple[int, bool]:
    """Fill the buffer; returns how far it is filled and whether the log has ended."""
    while fill < len(view):
        count = reader.readinto(view[fill:])
        if not count:
            return fill, True
        fill += count
    return fill, False


def _cut(buffer: bytearray, begin: int, fill: int) -> int:
    """The end of the last whole line; in an over-long line, a place with enough of it behind."""
    cut = buffer.rfind(b"\n", begin, fill) + 1
    return cut if cut > begin else max(begin, fill - LONG)


def _without_ansi(block: Block) -> Block:
    """The block without terminal colours, which would tear tokens apart."""
    history = bytes(memoryview(block.data)[: block.begin])
    clear = ANSI.sub(b"", bytes(memoryview(block.data)[block.begin:block.end]))
    rest = bytes(memoryview(block.data)[block.end:block.limit])
    return Block(history + clear + rest, block.begin, block.begin + len(clear), block.begin + len(clear) + len(rest))
