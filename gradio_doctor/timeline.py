"""What happened when, across logs and layers: a time line, and the chain from the deepest layer up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from gradio_doctor.evidence import Layer, LogEvents, LogMatch, Source
from gradio_doctor.logs.times import moment

# Deepest first: what a lower layer does (the kernel kills) shows in the ones above it (nginx answers 502).
DEPTH: tuple[Layer, ...] = (
    "kernel", "systemd", "container", "kubernetes", "platform", "app", "server", "proxy", "unknown",
)
MOST_EVENTS = 20
_PAIRS, _APART = 3, 30.0  # processes two logs must tell of, and seconds they must lie apart, to say the same
_SKEW = 2.0  # seconds two logs may differ on one request before their clocks are said to differ


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of line on the time line: its first occurrence, how often it came, and until when.

    `rate` is occurrences per second between the first and the last, 0.0 when there are no times.
    """

    finding: str
    layer: Layer
    text: str
    source: Source
    count: int = 1
    until: str = ""
    rate: float = 0.0


def timeline(log: LogEvents, findings: Iterable[str]) -> tuple[Event, ...]:
    """The matched lines of those findings, in order of time (of the file's lines where there are no times)."""
    wanted = set(findings)
    events = [_event(m) for m in log.matches if m.signature in wanted]
    order = {f.name: i for i, f in enumerate(log.files)}
    timed = all(e.source.time for e in events)

    def key(event: Event) -> tuple[float, int, int]:
        stamp = _seconds(event.source.time) if timed else 0.0
        return (stamp or 0.0, order.get(event.source.name, 0), event.source.line or 0)

    return tuple(sorted(events, key=key)[:MOST_EVENTS])


def chain(events: Iterable[Event]) -> tuple[Event, ...]:
    """The first event of each layer, deepest layer first; () when only one layer speaks."""
    first: dict[Layer, Event] = {}
    for event in events:
        first.setdefault(event.layer, event)
    ordered = [first[layer] for layer in DEPTH if layer in first and layer != "unknown"]
    return tuple(ordered) if len(ordered) > 1 else ()


def skews(log: LogEvents) -> Iterator[str]:
    """Logs that time one and the same request (by its trace id), or several processes, differently."""
    seen: dict[str, dict[str, float]] = {}
    for match in log.matches:
        for sample in match.samples:
            stamp = _seconds(sample.source.time)
            if sample.trace and stamp is not None:
                seen.setdefault(sample.trace, {}).setdefault(sample.source.name, stamp)
    told: set[tuple[str, str]] = set()
    for trace, times in seen.items():
        for (one, a), (other, b) in combinations(sorted(times.items()), 2):
            if abs(a - b) > _SKEW and (one, other) not in told:
                told.add((one, other))
                yield f"the clocks of {one} and {other} differ by {b - a:+.0f} s (request {trace})"
    if not told:
        yield from _by_process(log)


def _by_process(log: LogEvents) -> Iterator[str]:
    """Logs that tell of the same processes (the kernel kills a worker, gunicorn misses it) at a constant distance."""
    seen: dict[str, dict[str, float]] = {}
    for sample in (s for m in log.matches for s in m.samples):
        stamp, pid = _seconds(sample.source.time), sample.captures.get("pid")
        if pid and stamp is not None:
            seen.setdefault(sample.source.name, {}).setdefault(pid, stamp)
    for (one, a), (other, b) in combinations(sorted(seen.items()), 2):
        gaps = sorted(b[pid] - a[pid] for pid in a.keys() & b.keys())
        if len(gaps) < _PAIRS or gaps[-1] - gaps[0] > _SKEW or abs(gap := gaps[len(gaps) // 2]) < _APART:
            continue
        zone = ", perhaps another time zone" if abs(gap) > 900 - _SKEW and abs((gap + 450) % 900 - 450) <= _SKEW else ""
        yield f"the clocks of {one} and {other} differ by {gap:+.0f} s{zone} ({len(gaps)} processes that both tell of)"


def _event(match: LogMatch) -> Event:
    until = match.last.time or "" if match.last else ""
    start, end = _seconds(match.source.time), _seconds(until)
    rate = match.count / (end - start) if start is not None and end is not None and end > start else 0.0
    return Event(match.signature, match.layer, match.text, match.source, match.count, until, rate)


def _seconds(time: str | None) -> float | None:
    """Seconds since the epoch of an ISO 8601 time (without a zone: as if UTC, all logs alike), None without one."""
    try:
        return moment(time) if time else None
    except (ValueError, OverflowError):
        return None
