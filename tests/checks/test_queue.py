# ruff: noqa: E501 - the lines are printed that long
"""The queue: its lines, and its door as a real Gradio answers it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from gradio_doctor.evidence import HttpAnswer, HttpAnswers
from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab
from tests.checks.said import named

CASES = [
    ("queue.full", "fastapi.exceptions.HTTPException: 503: Queue is full. Max size is 10 and size is 10."),
    ("queue.full", "gradio_client.utils.QueueError: Queue is full! Please try again."),
    ("queue.full", "This application is too busy. Keep trying!"),
    ("queue.full", "tritonclient.utils.InferenceServerException: [StatusCode.UNAVAILABLE] Exceeds maximum queue size"),
    ("queue.backlog", "Due to heavy traffic on this app, the prediction will take approximately 312 seconds."),
    ("queue.backlog", "metrics.py:345] Running: 256 reqs, Swapped: 0 reqs, Pending: 512 reqs, GPU KV cache usage: 99%"),
    ("queue.backlog", 'data: {"msg":"estimation","event_id":"x","rank":47,"queue_size":49,"rank_eta":null}'),
    ("queue.backlog", "kernel: TCP: request_sock_TCP: Possible SYN flooding on port 8000. Sending cookies.  Check SNMP counters."),
    ("queue.stuck", '{"detail":"Queue is stopped."}'),
]


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("read"))


@pytest.mark.parametrize(("cause", "line"), CASES)
def test_a_line_means_its_cause(cause: str, line: str, reader: Lab) -> None:
    assert reader.read(line + "\n").first == cause


def test_a_short_queue_is_healthy(reader: Lab) -> None:
    assert reader.read('data: {"msg":"estimation","event_id":"x","rank":0,"queue_size":1,"rank_eta":2.1}\n').first == ""


@pytest.fixture(scope="module")
def demo() -> Iterator[object]:
    """A small app of the installed Gradio, launched on a free port."""
    import gradio as gr

    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Textbox().submit(lambda text: text, None, None)
    blocks.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", ssr_mode=False, inbrowser=False)
    yield blocks
    blocks.close()


def _asked(demo: object, probe: str, method: str, path: str, body: object = None) -> HttpAnswers:
    base = demo.local_url.rstrip("/")  # type: ignore[attr-defined]
    with httpx.Client(trust_env=False, timeout=10) as client:
        answer = client.request(method, f"{base}/gradio_api{path}", json=body)
    made = HttpAnswer(probe, method, str(answer.url), "answered", 0.01, answer.status_code, body=answer.text)
    return HttpAnswers(base, (made,), "/gradio_api", True)


def _door(demo: object) -> HttpAnswers:
    return _asked(demo, "queue-door", "POST", "/queue/join", {"data": [], "session_hash": "doctor"})


def test_the_door_of_a_real_queue_open_and_closed(demo: object, loaded: Loaded) -> None:
    check = named(loaded, "queue-door")
    assert [f.seen for f in check(_door(demo))] == [False]
    queue = demo._queue  # type: ignore[attr-defined]
    queue.stopped = True
    try:
        found = list(check(_door(demo)))
    finally:
        queue.stopped = False
    assert [f.seen for f in found] == [True]
    assert "Queue is stopped" in found[0].facts["answer"]


def test_the_length_of_a_real_queue(demo: object, loaded: Loaded) -> None:
    found = list(named(loaded, "queue-length")(_asked(demo, "queue-size", "GET", "/queue/status")))
    assert [(f.seen, f.facts["size"]) for f in found] == [(False, "0")]


@pytest.mark.parametrize(
    ("status", "body", "seen"),
    [
        (200, '{"queue_size": 49}', [True]),
        (200, '{"queue_size": 3}', [False]),
        (200, '{"queue_size": true}', []),
        (200, "<html>", []),
        (200, "[1]", []),
        (401, '{"queue_size": 49}', []),
    ],
)
def test_only_a_real_number_is_a_length(status: int, body: str, seen: list[bool], loaded: Loaded) -> None:
    answer = HttpAnswer("queue-size", "GET", "http://x/queue/status", "answered", 0.01, status, body=body)
    assert [f.seen for f in named(loaded, "queue-length")(HttpAnswers("http://x", (answer,)))] == seen


def test_a_door_that_did_not_answer_says_nothing(loaded: Loaded) -> None:
    silent = HttpAnswer("queue-door", "POST", "http://x/queue/join", "timeout", 5.0)
    assert list(named(loaded, "queue-door")(HttpAnswers("http://x", (silent,)))) == []
    assert list(named(loaded, "queue-door")(HttpAnswers("http://x", ()))) == []
