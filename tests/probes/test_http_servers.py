"""The ladder of harmless requests against what is no Gradio, is an old one, or has something in front of it."""

from __future__ import annotations

import socket
import textwrap
import threading
import time

import pytest

from gradio_doctor.evidence import Absent, HttpAnswers, Target
from gradio_doctor.probes.app_address import AppAddress
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.http import ask_app, probe_http
from gradio_doctor.probes.sockets import probe_listeners
from tests.ports import free_port
from tests.probes.network_lab import Given, answer, ask_at, child, read_request, server, told

REFUSED = ("405 Method Not Allowed", "")
APP_ID = ("200 OK", '{"app_id":12}')


class Site:
    """A server that answers by method and path, and remembers what it was asked."""

    def __init__(self, **answers: tuple[str, str]) -> None:
        self.answers = {k.replace("_", " /", 1).replace("__", "/"): v for k, v in answers.items()}
        self.asked: list[str] = []
        self.lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        line = read_request(connection).split(b" HTTP/")[0].decode().removesuffix("?gradio-doctor")
        with self.lock:
            self.asked.append(line)
        status, body = self.answers.get(line, ("404 Not Found", '{"detail":"Not Found"}'))
        connection.sendall(answer(b"" if line.startswith("HEAD") else body.encode(), status))


def test_gradio_3_is_never_asked_at_its_queue() -> None:
    page = '<script>window.gradio_config = {"version": "3.50.2", "mode": "blocks"}; window.__gradio_mode__ = "app";'
    site = Site(HEAD_config=REFUSED, GET_app_id=APP_ID, GET_=("200 OK", page))
    with server(site) as port:
        found = ask_at(port)
    assert (found.is_gradio, found.version, found.api_prefix, found.app_ids) == (True, "3.50.2", "", ("12",))
    assert not [line for line in site.asked if "queue" in line or line.startswith("POST")]


def test_gradio_4_is_asked_at_its_queue_at_the_root() -> None:
    page = '<script>window.gradio_config = {"version":"4.44.1"};</script>'
    site = Site(HEAD_config=REFUSED, GET_app_id=APP_ID, GET_=("200 OK", page))
    with server(site) as port:
        found = ask_at(port)
    assert found.version == "4.44.1" and "POST /queue/join" in site.asked and "GET /queue/status" in site.asked


@pytest.mark.parametrize(("status", "asked"), [("403 Forbidden", True), ("404 Not Found", False)])
def test_an_old_gradio_with_a_login_shows_by_the_monitoring_door_whether_it_is_4(status: str, asked: bool) -> None:
    site = Site(HEAD_config=REFUSED, GET_app_id=APP_ID,
                GET_=("200 OK", "__gradio_mode__"), GET_monitoring__doctor=(status, '{"detail":"Invalid key."}'))
    with server(site) as port:
        found = ask_at(port)
    assert found.is_gradio and found.version == "" and ("POST /queue/join" in site.asked) is asked


def test_another_server_is_asked_no_post_and_said_not_to_be_gradio() -> None:
    site = Site(GET_=("200 OK", "<h1>It works!</h1>"))
    with server(site) as port:
        found = ask_at(port)
    assert found.is_gradio is False and not [line for line in site.asked if line.startswith("POST")]
    assert len(site.asked) < 6


def test_an_error_page_does_not_say_whose_it_is() -> None:
    with server(Site(HEAD_config=("502 Bad Gateway", ""), GET_=("502 Bad Gateway", "Bad Gateway"))) as port:
        found = ask_at(port)
    assert found.is_gradio is None and told(found)["loop"] == 502


@pytest.mark.parametrize("body", ["[]", "{}", '{"app_id":', '{"app_id":[1]}', "[" * 900, '{"app_id":null}'])
def test_an_app_id_of_another_shape_is_none(body: str) -> None:
    with server(Site(HEAD_config=REFUSED, GET_gradio_api__app__id=("200 OK", body))) as port:
        assert ask_at(port).app_ids == () and ask_at(port).get("queue-door") is None


def test_several_processes_behind_one_port_have_several_ids() -> None:
    code = """
        import os, socket
        s = socket.create_server(("127.0.0.1", 0))
        turn = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        first = os.fork()
        print(s.getsockname()[1], flush=True) if first else None
        while True:
            if first:
                c, _ = s.accept()
            else:
                import time; time.sleep(60); continue
            c.recv(4096)
            first += 1  # every request another worker
            body = b'{"app_id":%d}' % first
            c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
            c.close()
    """
    with child(textwrap.dedent(code)) as (_, line):
        found = probe_http(Given(Target("port", line, port=int(line)), evidence=(probe_listeners(Given()),)))
        assert isinstance(found, HttpAnswers) and len(found.app_ids) == 4
        assert len(ask_at(int(line)).app_ids) == 1


def test_refused_garbage_and_silence() -> None:
    refused = ask_at(free_port())
    assert told(refused) == {"loop": "refused"} and refused.is_gradio is None
    with server(lambda c: c.sendall(b"\0\1\2 garbage\r\n")) as port:
        assert told(ask_at(port)) == {"loop": "invalid"} and ask_at(port).is_gradio is False


def test_a_server_that_answers_each_request_late_does_not_hold_us() -> None:
    site = Site(HEAD_config=REFUSED, GET_=("200 OK", "__gradio_mode__"),
                GET_gradio_api__app__id=APP_ID)

    def late(connection: socket.socket) -> None:
        time.sleep(0.9)
        site(connection)

    with server(late) as port:
        started = time.monotonic()
        found = ask_at(port, shared=True)
        assert time.monotonic() - started < 12
        assert found.is_gradio


def test_the_node_server_in_front_is_asked_too() -> None:
    page = 'window.gradio_config = {"version":"6.31.0"}'
    site = Site(HEAD_config=REFUSED, GET_=("200 OK", page),
                GET_gradio_api__app__id=APP_ID)
    node = Site(HEAD_config=("502 Bad Gateway", ""))
    with server(site) as port, server(node) as front:
        found = ask_app(AppAddress("127.0.0.1", port, front=front))
        assert told(found)["front"] == 502 and told(found)["loop"] == 405 and node.asked == ["HEAD /config"]
    with server(site) as port, server(site) as front:
        assert told(ask_app(AppAddress("127.0.0.1", port, front=front)))["front-page"] == 200
    node.asked.clear()
    with server(node) as front:  # an orphaned Node server dies of the first request: leave it alone
        ask_app(AppAddress("127.0.0.1", free_port(), front=front))
        assert node.asked == []


def test_the_probe_asks_nothing_when_it_may_only_read() -> None:
    def behave(connection: socket.socket) -> None:
        hits.append(connection.recv(4096))

    hits: list[bytes] = []
    with server(behave) as port:
        found = probe_http(Given(Target("port", str(port), port=port), Options(invasive="read")))
        assert isinstance(found, Absent) and found.unlock.endswith("--invasive probe")
        assert isinstance(probe_http(Given(Target("log", "x.log"))), Absent)
        assert hits == []
