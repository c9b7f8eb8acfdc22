"""Does the memory of an app that was watched grow for ever? Told from warm-up, from a plateau and from a saw-tooth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from gradio_doctor.sdk import Finding, MemoryCurve, Source, check, in_words

_LEAST_SECONDS, _LEAST_POINTS = 5.0, 15
_MOST_POINTS = 60  # pairs of points grow with their square
_LEAST_GROWTH = 3 * 2**20  # bytes over the time watched: an allocator takes and keeps that much without any leak
_KEEPS_ON = 0.4  # how much of the overall rate the last third must still have: warm-up fades
_KEPT = 0.9  # of the growth, at the end: what is given back is no leak
_Z = 1.96  # 95 %

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Slope:
    """A robust slope (Theil-Sen), in units a second, with its 95 % confidence interval (Sen 1968)."""

    rate: float
    low: float
    high: float


def theil_sen(points: Points) -> Slope:
    """The median of the slopes between all pairs of points; the interval by the variance of Kendall's S."""
    slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0])
    if not slopes:
        return Slope(0.0, 0.0, 0.0)
    n = len(points)
    spread = _Z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = max(int((len(slopes) - spread) / 2), 0)
    high = min(int((len(slopes) + spread) / 2) + 1, len(slopes) - 1)
    return Slope(median(slopes), slopes[low], slopes[high])


def thinned(points: Sequence[tuple[float, int]]) -> list[tuple[float, float]]:
    """At most 60 points, each the median of its neighbours in a slice: a short peak is no growth."""
    size = max(1, math.ceil(len(points) / _MOST_POINTS))
    slices = [points[i : i + size] for i in range(0, len(points), size)]
    return [(median(p[0] for p in part), float(median(p[1] for p in part))) for part in slices]


def leak_of(curve: MemoryCurve) -> Slope | None:
    """The rate of a growth that goes on, None when it does not grow, fades out, or falls back."""
    points = thinned(curve.points)
    if curve.seconds < _LEAST_SECONDS or len(points) < _LEAST_POINTS:
        return None
    slope = theil_sen(points)
    grown = slope.rate * curve.seconds
    if slope.low <= 0 or grown < max(_LEAST_GROWTH, 0.01 * points[0][1]):
        return None
    third = len(points) // 3
    parts = [points[:third], points[third : 2 * third], points[2 * third :]]
    gains = [part[-1][1] - part[0][1] for part in parts]
    fading = theil_sen(parts[2]).rate < _KEEPS_ON * slope.rate and gains[2] < _KEEPS_ON * grown / 3
    most = max(size for _, size in points)
    kept = points[-1][1] - points[0][1] >= _KEPT * (most - points[0][1])
    return slope if min(gains) > 0 and not fading and kept else None


@check("memory-growth-live", finds=("memory.grows-steadily", "memory.served-meanwhile"), cost=30.0)
def memory_growth_live(curve: MemoryCurve) -> Iterator[Finding]:
    """Memory that grows in every part of the time it was watched, at a rate that does not fade."""
    slope = leak_of(curve)
    if slope is None:
        yield Finding("memory.grows-steadily", seen=False)
        return
    first, last = curve.points[0][1], curve.points[-1][1]
    left = (curve.limit - last) / slope.rate / 60 if curve.limit and curve.limit > last else None
    facts = {
        "seconds": f"{curve.seconds:.0f}", "from": in_words(first), "to": in_words(last), "pid": str(curve.pid),
        "rate": in_words(60 * slope.rate), "low": in_words(60 * slope.low), "high": in_words(60 * slope.high),
        "cpu": f"{curve.cpu:.1f}",
        "connections": "?" if curve.connections is None else str(curve.connections),
        "until": f"; in about {left:.0f} minutes it is at the limit of {in_words(curve.limit or 0)}" if left else " ",
    }
    source = Source("process", f"pid {curve.pid}")
    yield Finding("memory.grows-steadily", facts=facts, source=source)
    if curve.connections is not None:
        yield Finding("memory.served-meanwhile", facts=facts, source=source)
