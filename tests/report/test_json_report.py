"""The JSON report: as its schema says, whatever the diagnosis; ASCII only; ids never translated."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator, ValidationError

from gradio_doctor.diagnosis import CheckRun, Diagnosis, NextLook
from gradio_doctor.evidence import Target
from gradio_doctor.report.json_report import render_json, to_dict
from gradio_doctor.report.unlock import pasteable
from tests.report.made import DIAGNOSES, cause, diagnosis


@settings(max_examples=25, deadline=None)
@given(made=DIAGNOSES)
def test_every_diagnosis_fits_the_schema(made: Diagnosis, schema: Draft202012Validator) -> None:
    for lang in ("en", "zh"):
        text = render_json(made, lang)
        assert text.isascii()
        assert not [c for c in text if ord(c) < 32 and c != "\n"]
        schema.validate(json.loads(text))


def test_the_schema_refuses_what_is_no_report(schema: Draft202012Validator) -> None:
    good = to_dict(diagnosis(cause()))
    schema.validate(good)
    for change in (
        {"schema_version": 2}, {"verdict": "ill"}, {"unknown_probability": 1.5}, {"surplus": 1},
        {"causes": [{**good["causes"][0], "role": "boss"}]}, {"target": {"kind": "script"}},
    ):
        with pytest.raises(ValidationError):
            schema.validate({**good, **change})
    for key in ("causes", "checks", "ruled_out", "tool"):
        with pytest.raises(ValidationError):
            schema.validate({k: v for k, v in good.items() if k != key})


def test_what_is_in_it() -> None:
    found = to_dict(diagnosis(cause(), cause("gpu.memory", 0.2, role="possible", location=None, snippet=())))
    first, second = found["causes"]
    assert first["location"] == {
        "file": "/srv/app.py", "line": 7, "function": "predict",
        "snippet": [{"line": 6, "text": "def predict():"}, {"line": 7, "text": "    x = 1"}],
    }
    assert "location" not in second
    assert first["evidence"][0]["source"] == {
        "kind": "log", "name": "app.log", "line": 11, "time": "2026-01-02T03:04:05",
    }
    assert first["remedies"] == [
        {"text": "Stop it.", "commands": ["kill 4711"], "safe": False, "verify": ["port-holder"]}
    ]
    assert found["target"]["facts"]["gradio_version"] == "6.31.0"


def test_a_line_that_only_the_traceback_quoted_is_there_too() -> None:
    found = to_dict(diagnosis(cause(snippet=())))
    assert found["causes"][0]["location"]["snippet"] == [{"line": 7, "text": "x = 1"}]


def test_only_prose_is_translated() -> None:
    english, chinese = (to_dict(diagnosis(cause()), lang) for lang in ("en", "zh"))
    assert chinese["causes"][0]["title"] == "旧进程占用端口"
    for key in ("id", "severity", "role", "probability"):
        assert english["causes"][0][key] == chinese["causes"][0][key]
    assert english["causes"][0]["remedies"][0]["commands"] == chinese["causes"][0]["remedies"][0]["commands"]


APP = Target("script", "my app.py", script="/srv/my app.py")


@pytest.mark.parametrize(
    ("unlock", "target", "command"),
    [
        ("--timeout 60", APP, "gradio-doctor diagnose 'my app.py' --timeout 60"),
        ("gradio-doctor diagnose --log FILE", APP, "gradio-doctor diagnose 'my app.py' --log FILE"),
        ("sudo gradio-doctor diagnose", APP, "sudo gradio-doctor diagnose 'my app.py'"),
        ("gradio-doctor diagnose app.py --python PATH", APP, "gradio-doctor diagnose app.py --python PATH"),
        ("sudo dmesg", APP, "sudo dmesg"),
        ("", APP, ""),
        ("gradio-doctor diagnose app.py", Target("log", "a.log"), "gradio-doctor diagnose app.py"),
        ("--timeout 60", Target("none", ""), "gradio-doctor diagnose --timeout 60"),
    ],
)
def test_commands_that_unlock_are_whole(unlock: str, target: Target, command: str) -> None:
    assert pasteable(unlock, target) == command
    checks = (CheckRun("a-check", "skipped", 0.0, "why", unlock),)
    made = to_dict(diagnosis(target=target, checks=checks, next_look=NextLook("a-check", "why", unlock)))
    assert made["checks"][0].get("unlock", "") == command
    assert made["next_look"]["unlock"] == command
