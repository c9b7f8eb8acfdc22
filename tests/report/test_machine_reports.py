"""JUnit XML and GitHub's annotations: well formed whatever is in them, and failed only by what reaches the bar."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from gradio_doctor.diagnosis import CheckRun, Diagnosis, Prediction
from gradio_doctor.evidence import Location
from gradio_doctor.knowledge.model import Prose
from gradio_doctor.report.bar import Bar
from gradio_doctor.report.github import render_github
from gradio_doctor.report.junit import render_junit
from tests.report.made import DIAGNOSES, cause, diagnosis

COMMAND = re.compile(r"::(error|warning|notice) (?:file=[^,:\r\n]+,)?(?:line=\d+,)?title=[^,:\r\n]*::[^\r\n]*")
PLACE = Location("/srv/Dockerfile", 3)
FORESEEN = Prediction(
    "deploy.x", "error", Prose("it will not be reached", "无法访问"), ("port.loopback-only",), (PLACE,),
    Prose("bind 0.0.0.0", "监听 0.0.0.0"),
)


def cases(made: Diagnosis, bar: Bar | None = None, lang: str = "en") -> dict[str, ET.Element]:
    suite = ET.fromstring(render_junit(made, lang, bar)).find("testsuite")  # noqa: S314
    assert suite is not None
    found = {f"{c.get('classname')}:{c.get('name')}": c for c in suite}
    assert int(suite.get("tests", "")) == len(list(suite))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(attribute, "")) == len(suite.findall(f"testcase/{tag}"))
    return found


@pytest.mark.parametrize(("bar", "failed"), [
    (Bar(), True), (Bar("warning"), True), (Bar("none"), False), (Bar(min_probability=0.95), False),
])
def test_a_cause_fails_where_it_reaches_the_bar(bar: Bar, failed: bool) -> None:
    case = cases(diagnosis(cause()), bar)["gradio-doctor.cause:port.leftover-process"]
    told = case.find("failure" if failed else "system-out")
    assert told is not None and told.text is not None
    assert "kill 4711" in told.text and "/srv/app.py:7" in told.text
    assert bar.reached(diagnosis(cause())) is failed
    line = "::error file=/srv/app.py,line=7,title=port.leftover-process::"
    assert render_github(diagnosis(cause()), bar=bar).startswith(line)


@pytest.mark.parametrize("foreseen", [True, False])
def test_predictions_fail_only_at_the_gate(foreseen: bool) -> None:
    made, bar = diagnosis(predictions=(FORESEEN,)), Bar(foreseen=foreseen)
    case = cases(made, bar)["gradio-doctor.prediction:deploy.x"]
    assert (case.find("failure") is not None) is foreseen
    assert bar.reached(made) is foreseen
    assert not Bar("none", foreseen=True).reached(made)


def test_a_healthy_app_passes() -> None:
    found = cases(diagnosis())
    assert not [n for n, c in found.items() if c.find("failure") is not None or c.find("error") is not None]
    assert render_github(diagnosis()) == "::notice title=gradio-doctor::app.py: healthy\n"


def test_what_could_not_be_told_is_an_error() -> None:
    runs = (CheckRun("a", "skipped", 0.1, "no right to look"), CheckRun("b", "failed", 0.1, "it broke"))
    found = cases(diagnosis(verdict="inconclusive", checks=runs))
    verdict = found["gradio-doctor.verdict:app.py"].find("error")
    assert verdict is not None and "no right to look" in (verdict.text or "")
    skipped = found["gradio-doctor.check:a"].find("skipped")
    assert skipped is not None and skipped.get("message") == "no right to look"
    assert found["gradio-doctor.check:b"].find("error") is not None
    assert render_github(diagnosis(verdict="inconclusive")).startswith("::warning title=gradio-doctor::could not tell")


def test_in_chinese() -> None:
    assert "无法访问" in render_github(diagnosis(predictions=(FORESEEN,)), "zh")
    case = cases(diagnosis(predictions=(FORESEEN,)), lang="zh")["gradio-doctor.prediction:deploy.x"]
    assert "无法访问" in "".join(case.itertext())


def test_paths_are_relative_to_the_checkout() -> None:
    made = diagnosis(predictions=(FORESEEN,))
    assert "file=Dockerfile,line=3," in render_github(made, root="/srv")
    assert "file=/srv/Dockerfile,line=3," in render_github(made, root="/elsewhere")


def test_nothing_ends_a_field_or_a_command_early() -> None:
    odd = Prediction("a.b", "warning", Prose("one\n::error::two % 100\r::x\u2028y"), ("c,d:e",),
                     (Location("/srv/a,b:c\n::error::x.py", 2),))
    text = render_github(diagnosis(predictions=(odd,)), root="/srv")
    assert text.count("\n") == 1
    assert COMMAND.fullmatch(text.rstrip("\n"))
    assert "file=a%2Cb%3Ac" in text and "%25 100" in text


@settings(max_examples=15, deadline=None)
@given(DIAGNOSES)
def test_any_diagnosis_makes_sound_reports(made: Diagnosis) -> None:
    for bar in (Bar(), Bar("info", 0.0, foreseen=True)):
        suite = ET.fromstring(render_junit(made, "en", bar))  # noqa: S314
        assert len(suite.findall(".//testcase")) == 1 + len(made.causes) + len(made.predictions) + len(made.checks)
        for line in render_github(made, "en", bar).splitlines():
            assert COMMAND.fullmatch(line), line
