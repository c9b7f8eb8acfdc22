"""Templates filled with facts that nobody vouches for."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_doctor.fill import fill, fill_prose, placeholders
from gradio_doctor.knowledge.model import Prose


def test_fills_or_leaves_out() -> None:
    assert fill("kill {pid}", {"pid": "12"}) == "kill 12"
    assert fill("kill {pid}", {}) is None
    assert fill("kill {pid}", {"pid": ""}) is None
    assert fill("no placeholder", {}) == "no placeholder"


def test_braces_that_are_no_placeholder_stay() -> None:
    block = "location / {\n  proxy_pass http://127.0.0.1:7860;\n}"
    assert fill(block, {}) == block


@pytest.mark.parametrize("template", ["{a.__class__}", "{a[0]}", "{a!r}", "{a:>10}", "{0}"])
def test_only_plain_names_are_placeholders(template: str) -> None:
    with pytest.raises(ValueError, match="placeholder"):
        placeholders(template)
    assert fill(template, {"a": "x"}) == template


@given(st.text())
def test_a_value_is_one_word_of_the_shell(value: str) -> None:
    command = fill("kill {pid}", {"pid": value}, quote=True)
    if command is not None:
        assert shlex.split(command) == ["kill", value]
        assert "\n" not in command


@pytest.mark.parametrize("value", ["-rf /", "--config=x", "a\nb", "a\x1b[2J", "x" * 400])
def test_values_no_command_is_built_from(value: str) -> None:
    assert fill("rm {path}", {"path": value}, quote=True) is None


def test_prose_needs_its_english_only() -> None:
    both = Prose("port {port}", "端口 {port} {zusatz}")
    assert fill_prose(both, {"port": "1"}) == Prose("port 1", "")
    assert fill_prose(both, {}) is None
