"""What becomes of candidate lines: signatures are counted and sampled, tracebacks parsed and folded."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradio_doctor.logs import frames
from gradio_doctor.logs.lines import LONG, RECORD, Line
from gradio_doctor.logs.links import Parsed
from gradio_doctor.logs.records import Record, read_line, unwrap
from gradio_doctor.logs.rules import TRACEBACK, VERSION_PATTERN, RuleSet, split
from gradio_doctor.logs.tally import SAMPLES, Sample, Scan, Tally
from gradio_doctor.logs.text import clean, decode, visible, without_ansi
from gradio_doctor.logs.times import may_hold_times
from gradio_doctor.logs.tracebacks import TracebackParser
from gradio_doctor.logs.window import Window

_LOOK_BACK = 30  # lines above a line that its time is looked for in
_STARTS = (frames.HEADER, frames.FATAL, frames.STACK_HEADER, frames.CAUSE, frames.CONTEXT, frames.FILE_LINE)


@dataclass(slots=True)
class Block:
    """Bytes of a log: data[begin:end] is new and ends at a line's end if it can, before it is history."""

    data: bytes | bytearray
    begin: int
    end: int
    limit: int  # up to here bytes are valid: more of an over-long line


class Collector:
    """Gets the candidate lines in their order and keeps what they say in a Scan."""

    def __init__(self, rules: RuleSet, scan: Scan, context: int, window: Window | None, now: float | None) -> None:
        self._rules = rules.rules
        self._scan = scan
        self._context = context
        self._window = window
        self._now = now
        self._open: list[Sample] = []  # wait for lines behind them
        self._waiting: list[Tally] = []  # lie in the traceback that is being read
        # A line without a time, the nearest time above it, and where the line is.
        self._clock: tuple[int, str | None, Block | None, int] = (-1, None, None, 0)
        self._here: tuple[int, list[Tally]] = (0, [])  # signatures found on the current line
        self.latest: int | None = None  # the number of the traceback that was complete last
        self.latest_line = 0  # where it began
        self.parser = TracebackParser(self._done)
        self.fed_to = 0  # a place in the block: lines above it were fed to the parser, or are in no traceback

    def enter(self, block: Block, number: int) -> None:
        """A new block, whose first line has that number."""
        pos, self.fed_to = block.begin, 0
        if self.parser.active or self._open:
            if pos and block.data[pos - 1:pos] != b"\n":  # inside an over-long line
                pos = block.data.find(b"\n", pos, block.end) + 1
                number += 1
            if pos or not block.begin:
                self._behind(block, pos)
                self._feed(block, pos, number)

    def candidate(self, owner: int, line: Line, block: Block) -> None:
        """A line that holds a token of a rule."""
        if owner >= 0:
            rule, pattern = split(owner)
            tally = self._scan.tallies.get(rule)
            if tally is None or tally.last_line != line.number:
                self._signature(rule, pattern, tally, line, block)
        elif owner == TRACEBACK:
            self._traceback(line, block)
        elif not self._scan.version and (found := VERSION_PATTERN.search(line.text)):
            self._scan.version = next((g for g in found.groups() if g), "")

    def tally(self, rule: int) -> Tally | None:
        """What a rule has matched so far."""
        return self._scan.tallies.get(rule)

    def counts_blindly(self, number: int) -> bool:
        """True when a match on a line of that number only counts: no time limits it, it lies in no traceback."""
        return self._window is None and number > self.parser.last_line

    def _signature(self, number: int, pattern: int, tally: Tally | None, line: Line, block: Block) -> None:
        rule = self._rules[number]
        found = rule.search(pattern, line.text, line.record)
        if found is None or (rule.signature.layers and not line.may_be_of(rule.signature.layers)):
            return
        if line.is_quoted_code(block.data):
            return
        if self._window and not self._window.admits(self._time(line, block)):
            return
        if tally is None:
            tally = self._scan.tallies[number] = Tally()
        tally.count += 1
        tally.last_line, tally.last_raw = line.number, line.raw
        if len(tally.samples) < SAMPLES:
            tally.samples.append(self._sample(line, found, block))
        self._place(tally, line.number)

    def _place(self, tally: Tally, number: int) -> None:
        """Note which traceback a match lies in."""
        if self._here[0] != number:
            self._here = (number, [])
        self._here[1].append(tally)
        if self.parser.first_line <= number <= self.parser.last_line:
            if self.parser.active:
                self._waiting.append(tally)
            elif self.latest is not None:
                tally.lies_in(self.latest)

    # -- samples

    def _sample(self, line: Line, found: re.Match[str], block: Block) -> Sample:
        record, text = line.record(), found.string
        cut = next((p.content for t, p in record.lines if t == text), 0)
        place = max(0, found.start() - cut)
        sample = Sample(
            line.number, self._time(line, block), clean(text[cut:].rstrip(), around=place).strip(),
            {k: clean(v, 300) for k, v in found.groupdict().items() if v is not None}, line.layer(), record.level,
            record.trace,
        )
        self._scan.layers[sample.layer] = self._scan.layers.get(sample.layer, 0) + 1
        if self._context:
            sample.before = tuple(clean(t) for t in line.above(block.data, self._context))
            self._open.append(sample)
            self._behind(block, block.data.find(b"\n", line.end, block.end) + 1 or block.end, self._open[-1:])
        return sample

    def _behind(self, block: Block, pos: int, samples: list[Sample] | None = None) -> None:
        """Give samples the lines behind them."""
        samples = self._open if samples is None else samples
        need = max((self._context - len(s.after) for s in samples), default=0)
        raw = bytes(block.data[pos:min(block.end, pos + need * LONG)]).split(b"\n", need)[:need]
        texts = [clean(visible(decode(r[:LONG]))) for r in raw if r]
        for sample in samples:
            sample.after = (*sample.after, *texts)[: self._context]
        self._open = [s for s in self._open if len(s.after) < self._context]

    def _time(self, line: Line, block: Block) -> str | None:
        """The time of a line: its own, else the nearest one above it."""
        if found := line.record().time:
            return found
        known, told, its_block, begin = self._clock
        fresh = 0 < line.number - known <= _LOOK_BACK  # lines further up were looked at already
        count = line.number - known if fresh else _LOOK_BACK
        near = fresh and its_block is block
        raw = bytes(block.data[begin:line.start]) if near else line.raw_above(block.data, count)
        rows = [row for row in raw.split(b"\n") if row][-count:] if may_hold_times(raw) else []
        times = (self._time_of(row) for row in reversed(rows) if may_hold_times(row))
        time = next(filter(None, times), told if fresh else None)
        self._clock = (line.number, time, block, line.start)
        return time

    def _time_of(self, row: bytes) -> str | None:
        return unwrap(without_ansi(decode(row[:LONG].rstrip(b"\r"))), self._now).time

    # -- tracebacks

    def _traceback(self, line: Line, block: Block) -> None:
        parser = self.parser
        line = line.widened(block.data, block.limit)
        if parser.active or line.number <= parser.fed or not line.whole:
            return
        record = line.record()
        if not any(p.search(text) for text, _ in record.lines for p in _STARTS):
            return
        time = self._time(line, block)
        if self._window and not self._window.admits(time):
            return
        before = line.above(block.data, 4) if "he above exception" in line.text else []
        parser.begin(line.number, time, tuple(before))
        self._waiting = list(self._here[1]) if self._here[0] == line.number else []
        self._feed(block, line.start, line.number)

    def repeated(self, traceback: int, line: Line, block: Block, last: int, lines: int) -> None:
        """Count the traceback of a number once more, without reading it: it starts on `line`."""
        self._time(line, block)  # what lines below are dated by
        self._scan.folded[traceback].count += 1
        self.latest, self.latest_line = traceback, line.number
        self.parser.skip(line.number, line.number + last, line.number + lines - 1)

    def _feed(self, block: Block, pos: int, number: int) -> None:
        data, parser = block.data, self.parser
        while parser.active and pos < block.end:
            self.fed_to = pos
            stop = data.find(b"\n", pos, block.end)
            stop = stop if stop >= 0 else block.end
            end = stop if stop - pos <= LONG else _end_of_long(data, pos, stop)
            self._feed_record(read_line(bytes(data[pos:end]), self._now), number)
            pos, number = stop + 1, number + 1

    def _feed_record(self, record: Record, number: int) -> None:
        started = number > self.parser.first_line
        for text, peeled in record.lines:
            started = started or any(p.search(text) for p in _STARTS)
            if started and not self.parser.feed(number, text, peeled):
                return
        if record.embedded and len(record.lines) > 1:
            self.parser.close(cut=True)

    def _done(self, parsed: Parsed) -> None:
        self.latest = self._scan.fold(parsed, self.parser.first_line, self.parser.last_line)
        self.latest_line = self.parser.first_line
        for tally in self._waiting:
            tally.lies_in(self.latest)
        self._waiting = []


def _end_of_long(data: bytes | bytearray, pos: int, stop: int) -> int:
    """How far a line of more than LONG bytes is read: a JSON record to its end if it can be."""
    return min(stop, pos + (RECORD if data[stop - 1:stop] in (b"}", b"\r") else LONG))
