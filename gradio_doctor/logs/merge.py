"""From the scans of logs (and of parts of one) to the evidence, in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gradio_doctor.evidence.base import Source
from gradio_doctor.evidence.logs import (
    ExceptionLink,
    LogEvents,
    LogFile,
    LogMatch,
    LogSample,
    Traceback,
)
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs.tally import INDICES, SAMPLES, TRACEBACKS, Folded, Sample, Scan, Tally
from gradio_doctor.logs.text import clean
from gradio_doctor.logs.times import moment

_Place = tuple[float, int, int]  # time, position of the file, line


def append(scan: Scan, part: Scan) -> None:
    """Add the scan of the next part of the same log."""
    numbers: dict[int, int] = {}
    for number, folded in sorted(part.folded.items()):
        if folded.first_line <= scan.spill:  # the part before has read this traceback to its end
            folded.count -= 1
            if not folded.count and scan.spilled is not None:
                numbers[number] = scan.spilled
                continue
        first, last = folded.first_line + scan.lines, folded.last_line + scan.lines
        for link in folded.parsed.links:
            link.line += scan.lines
            link.last_line += scan.lines
        numbers[number] = scan.fold(folded.parsed, first, last, folded.count)
    for owner, tally in part.tallies.items():
        tally.tracebacks = [numbers[n] for n in tally.tracebacks if n in numbers]
        if scan.spilled is not None and any(s.line <= scan.spill for s in tally.samples):
            tally.lies_in(scan.spilled)
        tally.shifted(scan.lines)
        mine = scan.tallies.setdefault(owner, Tally())
        mine.count += tally.count
        mine.last_line, mine.last_time = tally.last_line, tally.last_time
        mine.samples = (mine.samples + tally.samples)[:SAMPLES]
        for number in tally.tracebacks:
            mine.lies_in(number)
    spilled = numbers.get(part.spilled) if part.spilled is not None else None
    for layer, count in part.layers.items():
        scan.layers[layer] = scan.layers.get(layer, 0) + count
    scan.version = scan.version or part.version
    scan.truncated = scan.truncated or part.truncated
    scan.tail, scan.spill, scan.spilled = part.tail, part.spill, spilled
    scan.lines += part.lines
    scan.bytes += part.bytes


@dataclass(slots=True)
class _One:
    """A traceback with its place among all."""

    scan: int
    number: int
    folded: Folded
    index: int = -1


def events(scans: Sequence[Scan], signatures: Sequence[Signature]) -> LogEvents:
    """The evidence of one or more logs."""
    ordered = _in_order(scans)
    timed = len(ordered) > 1 and all(s.first_time for s in ordered)
    every = [_One(i, n, folded) for i, s in enumerate(ordered) for n, folded in s.folded.items()]
    every.sort(key=lambda one: _place(one.folded.parsed.time, one.scan, one.folded.first_line, ordered, timed))
    if len(every) > TRACEBACKS:
        every = every[: TRACEBACKS // 2] + every[-TRACEBACKS // 2:]
    for index, one in enumerate(every):
        one.index = index
    indices = {(one.scan, one.number): one.index for one in every}
    matches: list[tuple[_Place, LogMatch]] = []
    for owner in dict.fromkeys(o for s in ordered for o in s.tallies):
        matches.append(_match(owner, ordered, signatures, indices, timed))
    matches.sort(key=lambda pair: pair[0])
    return LogEvents(
        files=tuple(_file(s) for s in ordered),
        matches=tuple(match for _, match in matches),
        tracebacks=tuple(_traceback(one.folded, ordered[one.scan].name) for one in every),
        head=tuple(ordered[0].head) if ordered else (),
        tail=tuple(ordered[-1].tail) if ordered else (),
        gradio_version=next((s.version for s in ordered if s.version), ""),
    )


def _in_order(scans: Sequence[Scan]) -> list[Scan]:
    """The logs by the time of their first dated line, if all have one."""
    times = [_moment(s.first_time) for s in scans]
    if any(t is None for t in times):
        return list(scans)
    return [s for _, s in sorted(zip(times, scans, strict=True), key=lambda pair: pair[0] or 0.0)]


def _moment(time: str | None) -> float | None:
    with suppress(ValueError, OverflowError):
        return moment(time) if time else None
    return None


def _place(time: str | None, scan: int, line: int, ordered: Sequence[Scan], timed: bool) -> _Place:
    """Where something stands among all: by time when every log has times, else by log and line."""
    if not timed:
        return (0.0, scan, line)
    return (_moment(time) or _moment(ordered[scan].first_time) or 0.0, scan, line)


def _match(
    owner: int, ordered: Sequence[Scan], signatures: Sequence[Signature], indices: dict[tuple[int, int], int],
    timed: bool,
) -> tuple[_Place, LogMatch]:
    """One signature over all logs."""
    samples: list[tuple[_Place, Sample, str]] = []
    lasts: list[tuple[_Place, Source]] = []
    count, inside = 0, []
    for i, scan in enumerate(ordered):
        tally = scan.tallies.get(owner)
        if tally is None:
            continue
        count += tally.count
        samples += [(_place(s.time, i, s.line, ordered, timed), s, scan.name) for s in tally.samples]
        last = Source("log", scan.name, tally.last_line, tally.last_time)
        lasts.append((_place(tally.last_time, i, tally.last_line, ordered, timed), last))
        inside += [indices[i, n] for n in tally.tracebacks if (i, n) in indices]
    samples.sort(key=lambda entry: entry[0])
    place, first, _ = samples[0]
    kept = tuple(_sample(s, n) for _, s, n in samples[:SAMPLES])
    return place, LogMatch(
        signatures[owner].id, first.captures, first.text, kept[0].source, first.layer, count,
        last=max(lasts, key=lambda entry: entry[0])[1] if count > 1 else None, samples=kept,
        tracebacks=tuple(sorted(set(inside)))[:INDICES],
    )


def _sample(sample: Sample, name: str) -> LogSample:
    source = Source("log", name, sample.line, sample.time)
    return LogSample(
        sample.captures, sample.text, source, sample.level, sample.trace, sample.before, sample.after
    )


def _file(scan: Scan) -> LogFile:
    layers = sorted((k for k in scan.layers if k != "unknown"), key=lambda k: -scan.layers[k])
    return LogFile(scan.name, scan.lines, scan.bytes, tuple(layers), scan.truncated)


def _traceback(folded: Folded, name: str) -> Traceback:
    parsed = folded.parsed
    return Traceback(tuple(_links(folded, name)), folded.count, parsed.truncated)


def _links(folded: Folded, name: str) -> Iterable[ExceptionLink]:
    for link in folded.parsed.links:
        yield ExceptionLink(
            clean(link.type, 200), "\n".join(clean(part) for part in link.message.split("\n")), tuple(link.frames),
            Source("log", name, link.line, folded.parsed.time), link.last_line, link.relation,
        )
