"""The text report: what leads, what is folded, what can be pasted, and that nothing drives the terminal."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from rich.cells import cell_len

from gradio_doctor.diagnosis import CheckRun, Diagnosis, Fix, NextLook
from gradio_doctor.knowledge.model import Prose
from gradio_doctor.report.text import render_plain, render_rich
from gradio_doctor.report.wrapping import wrapped
from tests.report.made import DIAGNOSES, cause, diagnosis, evidence

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LONG = "a very long piece of evidence with many words " * 40


def plain(text: str) -> str:
    return COLOURS.sub("", text)


@settings(max_examples=20, deadline=None)
@given(made=DIAGNOSES)
def test_nothing_drives_the_terminal(made: Diagnosis) -> None:
    for verbosity in (-1, 0, 1):
        for text in (render_plain(made, "en", verbosity), plain(render_rich(made, "zh", verbosity))):
            bad = [c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c != "\n"]
            assert not bad


@settings(max_examples=15, deadline=None)
@given(made=DIAGNOSES)
def test_the_coloured_report_says_what_the_plain_one_says(made: Diagnosis) -> None:
    def letters(text: str) -> str:
        return "".join(c for c in text if c.isalnum() and c.isascii())

    assert letters(plain(render_rich(made, "en", 1))) == letters(render_plain(made, "en", 1))


def test_order() -> None:
    """The sentence, the evidence, the code, the fix, the others, the path, what was ruled out, what was not seen."""
    made = diagnosis(
        cause(), cause("gpu.memory", 0.2, role="possible"),
        checks=(CheckRun("stacks", "skipped", 0.0, "no py-spy", "pip install py-spy"),),
    )
    text = render_plain(made)
    assert text.startswith("port.leftover-process it is.\n")
    order = [
        "90 % sure", "Evidence", "evidence number 1", "(app.log:11, 2026-01-02T03:04:05)", "In your code",
        "/srv/app.py:7, in predict", ">    7 |     x = 1", "What to do", "      kill 4711\n", "Also possible",
        "gpu.memory", "How it was found", "Is the port listening? no", "Ruled out", "it may bind",
        "Could not be looked at", "no py-spy", "      pip install py-spy\n",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_verbosity() -> None:
    made = diagnosis(cause())
    usual, everything, little = (render_plain(made, "en", v) for v in (0, 1, -1))
    assert "evidence number 2" not in usual
    assert "not seen: evidence number 2 [+1.5]" in everything
    assert "Evidence" not in little
    assert "kill 4711" in little


def test_many_pieces_of_evidence_and_many_causes_are_counted() -> None:
    many = tuple(evidence(n) for n in range(9))
    others = [cause(f"gpu.memory-{n}", 0.1, role="possible") for n in range(8)]
    text = render_plain(diagnosis(cause(evidence=many), *others))
    assert "evidence number 5" in text
    assert "evidence number 6" not in text
    assert text.count("... and 3 more (-v shows them)\n") == 2
    assert "evidence number 8" in render_plain(diagnosis(cause(evidence=many), *others), "en", 1)


def test_a_place_is_said_once() -> None:
    text = render_plain(diagnosis(cause(evidence=(evidence(1, text="app.log:11, 2026-01-02T03:04:05 says so"),))))
    assert text.count("app.log:11") == 1


def test_verdicts() -> None:
    assert render_plain(diagnosis()).startswith("Nothing wrong was found.\n")
    blind = diagnosis(verdict="inconclusive")
    assert render_plain(blind).startswith("Could not tell: something that has to be looked at could not be.\n")
    unexplained = diagnosis(verdict="inconclusive", symptoms=(evidence(1),))
    assert render_plain(unexplained).startswith("No single cause explains what was seen.\n")
    assert "Seen, and not explained\n  - evidence number 1" in render_plain(unexplained)
    unsure = diagnosis(cause(probability=0.2, role="possible"), verdict="inconclusive")
    assert "Possible, but not sure enough to call\n" in render_plain(unsure)


def test_ruled_out_is_grouped_and_left_out_of_a_healthy_report() -> None:
    made = diagnosis(cause())
    assert "\nRuled out\n  - port.permission: it may bind\n" in render_plain(made)
    assert "Ruled out" not in render_plain(diagnosis())
    assert "Ruled out" in render_plain(diagnosis(), "en", 1)


def test_the_look_that_tells_most_comes_first_and_once() -> None:
    checks = (
        CheckRun("one", "skipped", 0.0, "why one", "unlock-one"),
        CheckRun("two", "skipped", 0.0, "why two", "unlock-two"),
        CheckRun("three", "failed", 0.0, "broke"),
    )
    look = NextLook("two", "why two", "unlock-two")
    text = render_plain(diagnosis(cause(probability=0.6), checks=checks, next_look=look))
    sure = render_plain(diagnosis(cause(probability=0.95), checks=checks, next_look=look))
    assert "two: why two\n" in sure
    assert text.index("two: why two (this look would tell most)") < text.index("one: why one")
    assert text.count("unlock-two") == 1
    assert "three: broke" in text


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_width(lang: str, width: int) -> None:
    """Every line fits, but commands and code, which are never broken."""
    long_command = "gradio-doctor " + "x" * 300
    fixes = (Fix(Prose(LONG, "很长的说明" * 60), (long_command,), True, ()),)
    made = diagnosis(cause(evidence=(evidence(1, text=LONG),), fixes=fixes))
    lines = plain(render_rich(made, lang, 1, width)).splitlines()
    for line in lines:
        assert cell_len(line) <= width or long_command in line or " | " in line
        assert line == line.rstrip()
    assert f"      {long_command}" in lines


def test_long_evidence_is_folded_on_a_terminal_only() -> None:
    made = diagnosis(cause(evidence=(evidence(1, text=LONG),)))
    assert LONG.strip() in render_plain(made)
    folded = plain(render_rich(made, "en", 0, 80))
    assert "... (-v)" in folded
    assert folded.count("a very long piece") < 10
    whole = " ".join(plain(render_rich(made, "en", 1, 80)).split())
    assert whole.count("a very long piece of evidence") == 40


def test_commands_of_several_lines_stay_in_line() -> None:
    fixes = (Fix(Prose("Do."), ("cat > x <<EOF\n  indented\nEOF",), True, ()),)
    assert "      cat > x <<EOF\n        indented\n      EOF\n" in render_plain(diagnosis(cause(fixes=fixes)))


def test_wrapping() -> None:
    assert wrapped("one two three", 80, "- ", "  ") == "- one two three\n"
    for line in wrapped("中文字符" * 30, 40, "  ", "  ").splitlines():
        assert cell_len(line) <= 40
    assert wrapped("", 80) == "\n"
    assert wrapped("no-break-at-hyphens " * 8, 40).count("no-break-at-hyphens") == 8
