"""Is the queue as full as the app's own source lets it be? Sizes from HTTP, limits from real sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.evidence import HttpAnswer, HttpAnswers
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.said import named
from tests.probes.source_apps import read_app

APP = """
import gradio as gr
LIMIT = 6

with gr.Blocks() as demo:
    box = gr.Textbox()
    box.submit(lambda x: x, box, box)
demo.queue({queue})
demo.launch()
"""
LINE = 8  # of demo.queue() in APP


def size(text: str, status: int = 200) -> HttpAnswers:
    """What the queue's status page says."""
    answer = HttpAnswer("queue-size", "GET", "http://127.0.0.1:7860/queue/status", "answered", 0.01, status, body=text)
    return HttpAnswers("http://127.0.0.1:7860", (answer,))


def look(loaded: Loaded, folder: Path, queue: str, http: HttpAnswers, source: str = APP) -> list[Finding]:
    return list(named(loaded, "queue-limit")(http, read_app(folder, source.format(queue=queue))))


@pytest.mark.parametrize(("waiting", "full"), [(0, False), (3, False), (4, True), (5, True)])
def test_full_is_as_many_as_the_limit(waiting: int, full: bool, loaded: Loaded, tmp_path: Path) -> None:
    [found] = look(loaded, tmp_path, "max_size=4", size(f'{{"queue_size": {waiting}}}'))
    assert (found.id, found.seen) == ("queue.at-limit", full)
    assert found.facts == {"size": str(waiting), "limit": "4", "where": f"{tmp_path / 'app.py'}:{LINE}"}
    assert found.source is not None and found.source.kind == "http"


@pytest.mark.parametrize(("queue", "limit"), [
    ("max_size=LIMIT", "6"), ("default_concurrency_limit=2, max_size=7", "7"), ("max_size=0", "0"),
])
def test_limits_are_read_off_the_source(queue: str, limit: str, loaded: Loaded, tmp_path: Path) -> None:
    [found] = look(loaded, tmp_path, queue, size('{"queue_size": 6}'))
    assert found.facts["limit"] == limit and found.seen is (int(limit) <= 6)


@pytest.mark.parametrize("queue", ["", "max_size=None", "max_size=True", "max_size=unknown()", "max_size='4'"])
def test_no_limit_no_finding(queue: str, loaded: Loaded, tmp_path: Path) -> None:
    """Nothing is claimed of a limit that is not there or cannot be read, not even that it was not reached."""
    assert look(loaded, tmp_path, queue, size('{"queue_size": 900}')) == []


@pytest.mark.parametrize(("body", "status"), [
    ("<html>", 200), ('{"queue_size": "4"}', 200), ('{"queue_size": true}', 200), ("[]", 200), ("null", 200),
    ('{"queue_size": 4}', 401), ("[" * 5000, 200),
])
def test_what_is_no_size_is_not_compared(body: str, status: int, loaded: Loaded, tmp_path: Path) -> None:
    assert look(loaded, tmp_path, "max_size=4", size(body, status)) == []


def test_a_status_page_that_was_not_asked(loaded: Loaded, tmp_path: Path) -> None:
    assert look(loaded, tmp_path, "max_size=4", HttpAnswers("http://x", ())) == []


def test_of_two_queues_the_tighter_one_counts(loaded: Loaded, tmp_path: Path) -> None:
    """Nobody can tell from outside which of two apps in one file it is that runs. It is named with its own line."""
    twice = APP + "demo.queue(max_size=3)\n"
    [found] = look(loaded, tmp_path, "max_size=9", size('{"queue_size": 3}'), twice)
    assert found.seen and found.facts["limit"] == "3"
    assert found.facts["where"] == f"{tmp_path / 'app.py'}:10"
