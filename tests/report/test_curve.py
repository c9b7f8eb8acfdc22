"""The memory curve in the reports: a chart to see, and the figures to read by machine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from gradio_doctor.evidence import MemoryCurve
from gradio_doctor.report.curve import HEIGHT, WIDTH, chart, curve_lines
from gradio_doctor.report.json_report import to_dict
from gradio_doctor.report.text import render_plain
from tests.report.made import cause, diagnosis

MIB = 2**20
WATCHED = diagnosis(cause())
GROWS = MemoryCurve(4711, tuple((0.5 * i, (100 + 10 * i) * MIB) for i in range(20)), 3.25, 512 * MIB)


def test_chart_rises_to_the_right() -> None:
    rows = chart([size for _, size in GROWS.points], 100 * MIB, 290 * MIB)
    assert len(rows) == HEIGHT and {len(row) for row in rows} == {20}
    heights = [sum(" ▁▂▃▄▅▆▇█".index(row[i]) for row in rows) for i in range(20)]
    assert heights == sorted(heights) and (heights[0], heights[-1]) == (1, 8 * HEIGHT)


@pytest.mark.parametrize("count", [2, 59, 60, 61, 1000])
def test_chart_is_never_wider_than_a_terminal(count: int) -> None:
    rows = chart(list(range(count)), 0, count)
    assert {len(row) for row in rows} == {min(count, WIDTH)}


def test_flat_memory_is_a_flat_chart() -> None:
    flat = replace(GROWS, points=tuple((float(i), 200 * MIB + i % 2 * 4096) for i in range(30)))
    text = "\n".join(line.text for line in curve_lines(flat, "en"))
    assert "200 MiB" in text and "196 MiB" in text  # a page more or less does not fill it
    rows = chart([5.0] * 10, 5, 5)
    assert rows[-1] == "▁" * 10 and not "".join(rows[:-1]).strip()


@pytest.mark.parametrize("curve", [None, MemoryCurve(1, ()), MemoryCurve(1, ((0.0, MIB),))])
def test_nothing_to_draw(curve: MemoryCurve | None) -> None:
    assert not list(curve_lines(curve, "en"))


@pytest.mark.parametrize(("lang", "words"), [("en", "3.2 s of CPU time"), ("zh", "观察期间的内存")])
def test_text_report(lang: str, words: str) -> None:
    text = render_plain(replace(WATCHED, memory=GROWS), lang)
    assert words in text and "290 MiB |" in text and "100 MiB |" in text
    assert max(map(len, (line for line in text.splitlines() if "█" in line))) <= 80


def test_json_report(schema: Draft202012Validator) -> None:
    report = json.loads(json.dumps(to_dict(replace(WATCHED, memory=GROWS))))
    schema.validate(report)
    told = report["memory_curve"]
    assert told["points"][1] == [0.5, 110 * MIB]
    assert (told["pid"], told["cpu_seconds"], told["limit"]) == (4711, 3.25, 512 * MIB)
    assert "memory_curve" not in to_dict(WATCHED)
