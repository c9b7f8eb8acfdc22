# ruff: noqa: E501 - the lines are printed that long
"""Defects of Gradio itself, and its Node front process."""

from __future__ import annotations

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab

CASES = [
    ("gradio.bug", "gradio/utils.py:1942: RuntimeWarning: coroutine method 'aclose' of 'slow_echo' was never awaited"),
    ("gradio.ssr", "Cannot start Node server on any port in the range 7860-7959."),
    ("gradio.ssr", "Please install Node 20 or higher and set the environment variable GRADIO_NODE_PATH to the path of your Node executable."),
    ("gradio.ssr", "UserWarning: Failed to start Node front proxy for SSR, and the user-facing port could not be taken over"),
    ("gradio.ssr", "    at file:///venv/lib/python3.11/site-packages/gradio/templates/node/build/index.js:12:3"),
]
INSIDE = '''\
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/gradio/queueing.py", line 625, in process_events
    response = await route_utils.call_process_api(
  File "/venv/lib/python3.11/site-packages/gradio/blocks.py", line 2042, in process_api
    result = await self.call_function(
{rest}
'''
SLIP = '  File "/venv/lib/python3.11/site-packages/gradio/blocks.py", line 1600, in call_function\n    return thing\n'


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("read"))


@pytest.mark.parametrize(("cause", "line"), CASES)
def test_a_line_means_its_cause(cause: str, line: str, reader: Lab) -> None:
    assert reader.read(line + "\n").first == cause


def test_a_variable_that_gradio_never_set_is_its_defect(reader: Lab) -> None:
    error = "UnboundLocalError: cannot access local variable 'thing' where it is not associated with a value"
    read = reader.read(INSIDE.format(rest=SLIP + error))
    assert read.first == "gradio.bug"
    assert read.findings["gradio.undefined-name-inside"].facts["where"] == "gradio/blocks.py:1600"


def test_a_slip_inside_gradio_may_be_its_defect(reader: Lab) -> None:
    read = reader.read(INSIDE.format(rest=SLIP + "AttributeError: 'Thing' object has no attribute 'is_running'"))
    assert "gradio.raised-inside" in read.findings
    assert "gradio.bug" in list(read.causes)[:3]


def test_the_apps_own_handler_is_no_defect_of_gradio(reader: Lab) -> None:
    own = '  File "/srv/app/app.py", line 12, in predict\n    return image.shape\n'
    read = reader.read(INSIDE.format(rest=own + "AttributeError: 'NoneType' object has no attribute 'shape'"))
    assert "gradio.raised-inside" not in read.findings
    assert read.first == "app.handler-exception"


def test_errors_that_speak_to_the_app_are_no_defect(reader: Lab) -> None:
    read = reader.read(INSIDE.format(rest=SLIP + "ValueError: An event handler (predict) didn't receive enough output values"))
    assert "gradio.raised-inside" not in read.findings


def test_a_normal_start_with_node_is_healthy(reader: Lab) -> None:
    text = "* Running on local URL:  http://127.0.0.1:7860, with SSR ⚡ (Node proxy -> Python :7861)\n* To create a public link, set `share=True` in `launch()`.\n\nStopping Node.js server...\n"
    assert reader.read(text).first == ""


def test_every_cause_of_these_families_is_whole(loaded: Loaded) -> None:
    families = ("proxy", "server", "client", "queue", "blocking", "gradio")
    causes = [c for c in loaded.knowledge.causes.values() if c.family in families]
    assert len(causes) == 31
    for cause in causes:
        assert cause.title.zh and cause.what.zh and cause.says and cause.remedies, cause.id
        assert cause.says[-1].zh and all(r.text.zh for r in cause.remedies), cause.id
        assert len(cause.links) >= 2, cause.id
