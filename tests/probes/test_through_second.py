"""HTTP/2 with servers of every kind: real frames, broken ones, and floods that must not hold or fill us."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest

from gradio_doctor.probes.exchange import Request, Server
from gradio_doctor.probes.through.second import ask_second, listen_second
from tests.lab import certificates

PREFACE = b"\0\0\0\4\0\0\0\0\0"  # an empty SETTINGS frame
PAGE = Request("second", "GET", "/page", seconds=3.0)
BROKEN = (OSError, ValueError, h2.exceptions.H2Error)
Talk = h2.connection.H2Connection
Answer = Callable[[ssl.SSLSocket], None]


@contextlib.contextmanager
def serving(folder: Path, behave: Answer, protocols: tuple[str, ...] = ("h2",)) -> Iterator[Server]:
    """A TLS server that treats each connection in its way."""
    (folder / "c.pem").write_text(certificates.GOOD)
    (folder / "k.pem").write_text(certificates.KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c.pem", folder / "k.pem")
    context.set_alpn_protocols(list(protocols))
    listening = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listening.accept()
                with contextlib.suppress(*BROKEN), context.wrap_socket(plain, server_side=True) as connection:
                    connection.settimeout(10)
                    behave(connection)

    threading.Thread(target=run, daemon=True).start()
    yield Server("127.0.0.1", listening.getsockname()[1], tls=True)
    listening.shutdown(socket.SHUT_RDWR)  # a close alone leaves it open for the accept() that waits on it
    listening.close()


def proper(*, status: str = "200", body: bytes = b"hello", then: Callable[[Talk], None] | None = None) -> Answer:
    """A server that speaks HTTP/2 well; `then` is what it does after the headers instead of sending the body."""

    def behave(connection: ssl.SSLSocket) -> None:
        talk = Talk(h2.config.H2Configuration(client_side=False))
        talk.initiate_connection()
        connection.sendall(talk.data_to_send())
        while data := connection.recv(65536):
            for event in talk.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    heard = dict(event.headers or {})
                    told = [(":status", status), ("x-path", heard[b":path"].decode()), ("set-cookie", "secret")]
                    talk.send_headers(1, told)
                    if then is not None:
                        then(talk)
                    else:
                        talk.send_data(1, body, end_stream=True)
            connection.sendall(talk.data_to_send())

    return behave


def test_an_answer(tmp_path: Path) -> None:
    with serving(tmp_path, proper()) as server:
        reply = ask_second(server, PAGE)
    assert reply is not None and reply.content == b"hello"
    answer = reply.answer
    assert (answer.outcome, answer.status, answer.protocol, answer.error) == ("answered", 200, "HTTP/2", "")
    assert (answer.headers or {})["x-path"] == "/page" and (answer.headers or {})["set-cookie"] == "[redacted]"


def test_more_than_is_wanted(tmp_path: Path) -> None:
    with serving(tmp_path, proper(body=b"x" * 16_000)) as server:
        reply = ask_second(server, Request("second", "GET", "/", seconds=3.0, limit=100))
    assert reply is not None and reply.content == b"x" * 100 and "only the first 100" in reply.answer.error


def test_it_is_not_offered(tmp_path: Path) -> None:
    with serving(tmp_path, proper(), ("http/1.1",)) as server:
        assert ask_second(server, PAGE) is None
        assert listen_second(server, "/", 2.0, {}) is None
    refused = ask_second(server, PAGE)
    assert refused is not None and refused.answer.outcome == "refused"


def ended(talk: Talk) -> None:
    talk.reset_stream(1, error_code=2)


def hung_up(talk: Talk) -> None:
    talk.close_connection(error_code=11)


@pytest.mark.parametrize(("then", "words"), [(ended, "error 2"), (hung_up, "error 11")])
def test_ended_by_the_server(then: Callable[[Talk], None], words: str, tmp_path: Path) -> None:
    with serving(tmp_path, proper(then=then)) as server:
        reply = ask_second(server, PAGE)
    assert reply is not None and "the server ended the stream" in reply.answer.error
    assert words.split()[1] in reply.answer.error or "INTERNAL" in reply.answer.error or "ENHANCE" in reply.answer.error


def flood(first: bytes, part: bytes) -> Answer:
    def behave(connection: ssl.SSLSocket) -> None:
        connection.sendall(PREFACE + first)
        while True:
            connection.sendall(part)

    return behave


HEADERS = b"\0\0\1\1\0\0\0\0\1\x88"  # HEADERS of stream 1 that do not end: ":status: 200"
FLOODS = {
    "pings": flood(b"", b"\0\0\x08\6\0\0\0\0\0" + b"x" * 8),
    "settings": flood(b"", PREFACE * 100),
    "headers without end": flood(HEADERS, b"\0\0\x04\x09\0\0\0\0\1" + b"\x40\x01a\x00"),
    "window updates": flood(b"", b"\0\0\4\x08\0\0\0\0\0\0\0\0\1"),
    "priorities": flood(b"", b"\0\0\5\2\0\0\0\0\3\0\0\0\0\1"),
    "garbage": flood(b"\xff" * 100, b"\xff" * 1000),
    "HTTP/1.1": flood(b"", b"HTTP/1.1 200 OK\r\n\r\n"),
}


@pytest.mark.parametrize("name", list(FLOODS))
def test_floods_end(name: str, tmp_path: Path) -> None:
    started = time.monotonic()
    with serving(tmp_path, FLOODS[name]) as server:
        reply = ask_second(server, PAGE)
        assert reply is not None and reply.answer.outcome in ("invalid", "timeout", "reset") and not reply.content
        assert listen_second(server, "/", 1.0, {}) is not None
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("behave", [
    lambda c: c.recv(1), lambda _: time.sleep(4), lambda c: c.sendall(PREFACE),
])
def test_silence_and_hanging_up(behave: Answer, tmp_path: Path) -> None:
    with serving(tmp_path, behave) as server:
        reply = ask_second(server, Request("second", "GET", "/", seconds=0.8))
    assert reply is not None and reply.answer.outcome in ("timeout", "reset")


def test_a_stream(tmp_path: Path) -> None:
    with serving(tmp_path, proper(then=lambda talk: talk.send_data(1, b"data: ALIVE\n\n"))) as server:
        heard = listen_second(server, "/heartbeat", 5.0, {})
        assert heard is not None and heard.first is not None and (heard.status, heard.ended) == (200, None)
    with serving(tmp_path, proper(then=lambda _: None)) as server:
        heard = listen_second(server, "/heartbeat", 0.6, {})
        assert heard is not None and heard.first is None and heard.status == 200 and heard.ended is None
