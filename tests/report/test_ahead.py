"""What may go wrong, in the reports: after what is wrong, with the way through the code, never as a cause."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from gradio_doctor.diagnosis import Prediction
from gradio_doctor.evidence import Location
from gradio_doctor.knowledge.model import Prose
from gradio_doctor.report.json_report import render_json
from gradio_doctor.report.text import render_plain
from tests.report.made import cause, diagnosis

CHAIN = (
    Location("/srv/app.py", 7, "answer", "return wait()"), Location("/srv/lib/slow.py", 3, "wait", "time.sleep(9)"),
)


def prediction(number: int = 0) -> Prediction:
    text = Prose(f"answer {number} comes to time.sleep", f"answer {number} 会调用 time.sleep")
    fix = Prose("Use a def.", "用 def。")
    return Prediction("blocking.may-stop-loop", "warning", text, ("blocking.event-loop",), CHAIN, fix)


def test_it_is_told_with_the_way_to_the_line() -> None:
    text = render_plain(diagnosis(predictions=(prediction(),)))
    start = text.index("May go wrong")
    assert text.index("Nothing wrong was found.") < start
    assert text[start:].splitlines()[:5] == [
        "May go wrong (read off the source; nothing was seen of it)",
        "  - blocking.event-loop (warning): answer 0 comes to time.sleep",
        "      app.py:7 answer | return wait()",
        "      lib/slow.py:3 wait | time.sleep(9)",
        "      Use a def.",
    ]


def test_what_was_measured_has_a_heading_of_its_own() -> None:
    measured = Prediction("limits.little-space", "info", Prose("41 MiB are free"), ("limits.disk-full",), measured=True)
    text = render_plain(diagnosis(predictions=(measured,)))
    assert "read off the source" not in text
    assert text.index("May go wrong (measured on this system") < text.index("41 MiB are free")
    both = render_plain(diagnosis(predictions=(measured, prediction())))
    order = ["read off the source", "comes to time.sleep", "measured on this system", "41 MiB are free"]
    assert sorted(order, key=both.index) == order


def test_in_chinese() -> None:
    text = render_plain(diagnosis(predictions=(prediction(),)), "zh")
    assert "可能出问题" in text
    assert "answer 0 会调用 time.sleep" in text
    assert "用 def。" in text


@pytest.mark.parametrize(
    ("wrong", "verbosity", "shown"), [(False, 0, 4), (False, 1, 9), (True, 0, 1), (True, 1, 9), (True, -1, 0)]
)
def test_beside_a_cause_it_keeps_back(wrong: bool, verbosity: int, shown: int) -> None:
    made = diagnosis(*([cause()] if wrong else []), predictions=tuple(map(prediction, range(9))))
    text = render_plain(made, "en", verbosity)
    assert text.count("comes to time.sleep") == shown
    assert (f"... and {9 - shown} more" in text) is (0 < shown < 9)
    if wrong and shown:
        assert text.index("What to do") < text.index("May go wrong")


def test_nothing_foreseen_is_not_mentioned() -> None:
    assert "May go wrong" not in render_plain(diagnosis())


@pytest.mark.parametrize(
    ("file", "shown"), [("/elsewhere/x.py", "/elsewhere/x.py:7"), ("/srv/a/b.py", "a/b.py:7"), ("x.py", "x.py:7")]
)
def test_paths_are_short_inside_the_apps_directory(file: str, shown: str) -> None:
    one = Prediction("a.b", "info", Prose("x"), (), (Location(file, 7),))
    assert f"      {shown} | \n".replace(" | \n", " |") in render_plain(diagnosis(predictions=(one,)))


def test_as_json(schema: Draft202012Validator) -> None:
    data = json.loads(render_json(diagnosis(predictions=(prediction(),))))
    schema.validate(data)
    assert data["causes"] == []
    (told,) = data["predictions"]
    assert told["causes"] == ["blocking.event-loop"]
    assert [(p["file"], p["line"]) for p in told["chain"]] == [("/srv/app.py", 7), ("/srv/lib/slow.py", 3)]
    assert told["fix"] == "Use a def."


def test_without_a_fix_there_is_none(schema: Draft202012Validator) -> None:
    one = Prediction("a.b", "info", Prose("x"), ("a.c",))
    data = json.loads(render_json(diagnosis(predictions=(one,))))
    schema.validate(data)
    assert "fix" not in data["predictions"][0]
