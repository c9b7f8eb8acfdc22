"""The arithmetic of a queue: what came, what was begun, how long the last one waits, how many slots would do."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gradio_doctor.evidence import Absent, HttpAnswer, HttpAnswers, QueueWatch
from gradio_doctor.probes.queue_watch import probe_queue, watch_queue
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.said import named
from tests.probes.network_lab import Given
from tests.probes.source_apps import read_app

APP = """
import gradio as gr
with gr.Blocks() as demo:
    box = gr.Textbox()
    box.submit(lambda x: x, box, box{event})
    box.change(lambda x: x, box, box{other})
demo.queue({queue})
demo.launch()
"""


def answers(body: str, url: str = "http://127.0.0.1:7860/gradio_api/queue/status") -> HttpAnswers:
    answer = HttpAnswer("queue-size", "GET", url, "answered", 0.01, 200, body=body)
    return HttpAnswers("http://127.0.0.1:7860", (answer,))


def flow(
    loaded: Loaded, folder: Path, sizes: Sequence[int], *, queue: str = "", event: str = "", other: str = "",
) -> list[Finding]:
    source = read_app(folder, APP.format(queue=queue, event=event, other=other))
    return list(named(loaded, "queue-flow")(QueueWatch(tuple(sizes), 2.0), answers("{}"), source))


def test_what_came_and_what_was_begun() -> None:
    watch = QueueWatch((40, 41, 42, 41, 41, 43, 42), 2.0)
    assert (watch.arrived, watch.begun) == (4, 2)
    assert (QueueWatch((3,), 0.0).arrived, QueueWatch((), 0.0).begun) == (0, 0)


def test_the_numbers_of_a_growing_queue(loaded: Loaded, tmp_path: Path) -> None:
    [found] = flow(loaded, tmp_path, [40, 41, 42, 41, 42, 43, 44], queue="default_concurrency_limit=3")
    assert (found.id, found.seen) == ("queue.keeps-waiting", True)
    facts = found.facts
    assert (facts["arrived"], facts["begun"], facts["size"], facts["watched"]) == ("5", "1", "44", "2")
    assert facts["wait"] == "88 s"  # 44 at one in two seconds
    assert facts["service"] == "6 s"  # three slots begin one in two seconds
    assert facts["needed"] == "15"  # 2.5 a second x 6 s
    assert facts["setting"].startswith("default_concurrency_limit=3 (") and facts["setting"].endswith("app.py:7)")


def test_a_long_one_that_empties_soon_is_no_complaint(loaded: Loaded, tmp_path: Path) -> None:
    assert [f.seen for f in flow(loaded, tmp_path, [24, 20, 16, 12, 8])] == [False]


def test_one_that_was_asked_once_says_nothing(loaded: Loaded, tmp_path: Path) -> None:
    assert flow(loaded, tmp_path, [3]) == []


def test_nothing_begun(loaded: Loaded, tmp_path: Path) -> None:
    [found] = flow(loaded, tmp_path, [30, 30, 31, 31])
    assert (found.id, found.facts["setting"]) == ("queue.none-begun", "concurrency_limit=1 (Gradio's default)")


@pytest.mark.parametrize(("settings", "setting", "service"), [
    ({"event": ", concurrency_limit=2", "other": ", concurrency_limit=2"}, "concurrency_limit=2", True),
    ({"event": ", concurrency_limit=2", "other": ", concurrency_limit=5"}, "concurrency_limit=2, 5", False),
    ({"event": ", concurrency_limit=None"}, "concurrency_limit=None", False),
    ({"queue": "default_concurrency_limit=unknown()"}, "default_concurrency_limit=unknown()", False),
])
def test_slots_are_only_named_where_the_source_says_one_number(
    settings: dict[str, str], setting: str, service: bool, loaded: Loaded, tmp_path: Path,
) -> None:
    [found] = flow(loaded, tmp_path, [40, 41, 40, 41, 40], **settings)
    assert found.facts["setting"].partition(" (")[0] == setting
    assert ("service" in found.facts, "needed" in found.facts) == (service, service)


class _Growing(http.server.BaseHTTPRequestHandler):
    size = 30

    def do_GET(self) -> None:
        type(self).size += 1
        body = b'{"queue_size": %d}' % self.size if self.size < 100 else b"gone"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    _Growing.size = 30
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Growing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/gradio_api/queue/status"
    server.shutdown()


def test_a_long_queue_is_asked_again(url: str) -> None:
    found = watch_queue(url, 30, seconds=0.2, looks=5)
    assert isinstance(found, QueueWatch) and found.sizes == (30, 31, 32, 33, 34, 35) and found.seconds >= 0.2


def test_one_that_stops_telling_is_not_taken_for_empty(url: str) -> None:
    _Growing.size = 98
    assert isinstance(watch_queue(url, 98, seconds=0.1, looks=5), Absent)


@pytest.mark.parametrize(("body", "expected"), [
    ('{"queue_size": 3}', QueueWatch((3,), 0.0)), ('{"queue_size": true}', None), ("[]", None), ("[" * 5000, None),
])
def test_a_short_queue_is_asked_once(body: str, expected: QueueWatch | None) -> None:
    found = probe_queue(Given(evidence=(answers(body),)))
    assert found == expected if expected else isinstance(found, Absent)
