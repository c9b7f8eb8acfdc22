"""The memory of a watched app as a small chart of block characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from gradio_doctor.evidence import MemoryCurve
from gradio_doctor.report.line import Line, heading
from gradio_doctor.report.words import WORDS
from gradio_doctor.sizes import in_words

WIDTH, HEIGHT = 60, 6
_BLOCKS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_LEAST_SPAN = 0.02  # of the size: noise is not blown up to fill the chart


def curve_lines(curve: MemoryCurve | None, lang: str) -> Iterator[Line]:
    """The chart with its scale: the highest and the lowest value, the time it covers."""
    if curve is None or len(curve.points) < 2:
        return
    sizes = [size for _, size in curve.points]
    most = max(sizes)
    least = min(min(sizes), round(most * (1 - _LEAST_SPAN)))
    yield from heading("memory-curve", lang)
    rows = chart(sizes, least, most)
    for number, row in enumerate(rows):
        label = in_words(most) if number == 0 else in_words(least) if number == len(rows) - 1 else ""
        yield Line(f"{label:>10} |{row}".rstrip(), "code", 2, 0)
    words = WORDS["memory-curve-time"].pick(lang)
    yield Line(words.format(seconds=f"{curve.seconds:.0f}", cpu=f"{curve.cpu:.1f}", pid=curve.pid), "dim", 14)


def chart(sizes: Sequence[float], least: float, most: float, width: int = WIDTH, height: int = HEIGHT) -> list[str]:
    """Rows from top to bottom, a column for each slice of the sizes (its median); the lowest row is never empty."""
    columns = min(width, len(sizes))
    bounds = [round(i * len(sizes) / columns) for i in range(columns + 1)]
    values = [median(sizes[a:b]) for a, b in pairwise(bounds)]
    steps = [max(1, round(8 * height * (v - least) / (most - least))) if most > least else 1 for v in values]
    return ["".join(_BLOCKS[min(max(s - 8 * row, 0), 8)] for s in steps) for row in reversed(range(height))]
