"""Which apps have a door of the queue to knock at, and what is sent there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from gradio_doctor.probes.exchange import Server
from gradio_doctor.probes.through.app import App
from gradio_doctor.probes.through.doors import ask_doors, needs_queue
from gradio_doctor.probes.through.public import Public
from gradio_doctor.probes.through.talk import Talk

SETTINGS: dict[str, object] = {"version": "6.31.0", "api_prefix": "/gradio_api", "dependencies": [{"queue": True}]}


@contextmanager
def gate(refuses: str = "") -> Iterator[tuple[Server, list[str]]]:
    """A server that notes what it is asked, and answers one method with 405."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            asked.append(f"{self.command} {self.path} {body}".strip())
            self.send_response(405 if self.command == refuses else 400)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_HEAD = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Server("127.0.0.1", server.server_address[1]), asked
    server.shutdown()
    server.server_close()
    thread.join()


def talk_to(server: Server, version: str = "6.31.0", **app: object) -> Talk:
    return Talk(Public(server, "/sub"), App("answers", server, version=version, **app))  # type: ignore[arg-type]


def test_both_doors_are_asked_on_both_sides_and_nothing_is_made_of_it() -> None:
    with gate() as (server, asked):
        talk = talk_to(server, api="/gradio_api")
        ask_doors(talk, SETTINGS)
    event = '{"data":[],"session_hash":"doctor"}'
    assert asked == [
        f"POST /sub/gradio_api/queue/join {event}", f"POST /gradio_api/queue/join {event}",
        "HEAD /sub/gradio_api/queue/data", "HEAD /gradio_api/queue/data",
    ]
    assert [e.probe for e in talk.exchanges] == ["door", "events"]
    assert "fn_index" not in event


def test_a_refused_method_is_looked_into() -> None:
    with gate("POST") as (server, asked):
        talk = talk_to(server)
        ask_doors(talk, SETTINGS)
    assert [e.probe for e in talk.exchanges] == ["door", "door-path", "events"]
    assert "GET /sub/gradio_api/queue/join" in asked  # the prefix as the app's configuration tells it


@pytest.mark.parametrize(("version", "known"), [("4.0.0", True), ("10.1", True), ("3.50.2", False), ("", False),
                                                ("x.y", False), ("²", False), ("9" * 5000, False)])
def test_only_gradio_4_and_later_have_such_a_door(version: str, known: bool) -> None:
    with gate() as (server, asked):
        ask_doors(talk_to(server, version), SETTINGS | {"api_prefix": ""})
    assert bool(asked) is known


def test_a_login_hides_the_version_and_not_the_prefix() -> None:
    with gate() as (server, asked):
        ask_doors(talk_to(server, "", api="/gradio_api"), {})
    assert asked


def test_another_program_is_sent_nothing() -> None:
    with gate() as (server, asked):
        talk = talk_to(server)
        talk.reached = False
        ask_doors(talk, SETTINGS)
    assert not asked


@pytest.mark.parametrize(("settings", "wanted"), [
    ({}, True), ({"dependencies": None}, True), ({"dependencies": []}, False),
    ({"dependencies": [{"queue": None}]}, True), ({"dependencies": [{"queue": False}]}, False),
    ({"dependencies": [{"queue": True, "backend_fn": False}]}, False), ({"dependencies": ["x", 7]}, False),
    ({"dependencies": [{"queue": False}, {"queue": True, "backend_fn": True}]}, True),
])
def test_which_apps_need_the_queue(settings: dict[str, object], wanted: bool) -> None:
    assert needs_queue(settings) is wanted


@pytest.mark.parametrize("prefix", [7, None, "no-slash", "/" + "x" * 100])
def test_a_prefix_that_is_none_is_not_used(prefix: object) -> None:
    with gate() as (server, asked):
        ask_doors(talk_to(server), SETTINGS | {"api_prefix": prefix})
    assert asked[0].startswith("POST /sub/queue/join ")
