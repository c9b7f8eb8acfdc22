"""One HTTP exchange against servers that answer badly, slowly, endlessly, or not at all."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gradio_doctor.evidence.network import HttpOutcome
from gradio_doctor.probes.exchange import Reply, Request, Server, ask
from tests.ports import free_port
from tests.probes.network_lab import answer, read_request, says, server

GET = Request("page", "GET", "/", seconds=0.6)
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBgDCCASWgAwIBAgIUEhWtpi0c+7NlpgZ5NnXGIdz1yfswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjEzNTI0NFoYDzIxMjYxMDI5
MTM1MjQ0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASNU28ZnPFbbwMTNKMhmp3//srZ9BKcWevjTZlUB3uXfZmn/FB9IeK/
TAUHgQLu+ZdvxFIVf85dsg2jobkharWJo1MwUTAdBgNVHQ4EFgQUVY2SEPG3bfes
h6sgZzX6aOqzDYwwHwYDVR0jBBgwFoAUVY2SEPG3bfesh6sgZzX6aOqzDYwwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAxxopXiyrDtgUOvjBDXCe
vgFZZ8LymWMeFZmm8a3bXtsCIQCzX4e0EVYiNZvPQMDvBEuFm4sPQ4cuwLV+OEl+
CM9jxQ==
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgApq7l2S8lUe0Ttg3
1JbEAWfKJaN+3XBirpdgnNNcJhuhRANCAASNU28ZnPFbbwMTNKMhmp3//srZ9BKc
WevjTZlUB3uXfZmn/FB9IeK/TAUHgQLu+ZdvxFIVf85dsg2jobkharWJ
-----END PRIVATE KEY-----
"""


def asked(behave: Callable[[socket.socket], None], request: Request = GET, *, tls: bool = False) -> tuple[Reply, float]:
    with server(behave) as port:
        started = time.monotonic()
        reply = ask(Server("127.0.0.1", port, tls), request)
        return reply, time.monotonic() - started


def for_ever(part: bytes, pause: float = 0.0, first: bytes = b"") -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(first)
        while True:
            connection.sendall(part)
            time.sleep(pause)

    return behave


def outcome(behave: Callable[[socket.socket], None], *, tls: bool = False) -> HttpOutcome:
    reply, took = asked(behave, tls=tls)
    assert took < 4, "the deadline is for all of the exchange"
    assert reply.answer.status is None or reply.answer.outcome == "answered"
    return reply.answer.outcome


def test_a_plain_answer() -> None:
    reply, took = asked(says(answer(b'{"app_id":7}', headers="Server: uvicorn\r\n")))
    assert reply.content == b'{"app_id":7}' and reply.answer.body == '{"app_id":7}'
    assert (reply.answer.outcome, reply.answer.status, reply.answer.error) == ("answered", 200, "")
    assert reply.answer.headers is not None and reply.answer.headers["server"] == "uvicorn"
    assert 0 < reply.answer.seconds <= took


def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[bytes] = []
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # must not be used

    def behave(connection: socket.socket) -> None:
        got.append(connection.recv(4096))
        connection.sendall(answer(b""))

    reply, _ = asked(behave, Request("queue-door", "POST", "/a b\r\nX: y", seconds=1, payload=b'{"data":[]}'))
    assert reply.answer.status == 200
    head, _, body = got[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a%20b%0D%0AX%3A%20y HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nConnection: close\r\n" in head and b"Content-Length: 11" in head and body == b'{"data":[]}'


def test_an_answer_that_announces_its_length_is_not_waited_for_longer() -> None:
    _, took = asked(says(answer(b"done"), stay=3))
    assert took < 2.5
    head, took = asked(says(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 31\r\nAllow: GET\r\n\r\n", stay=3),
                       Request("loop", "HEAD", "/config"))
    assert took < 2.5 and head.answer.status == 405 and head.answer.error == ""


def test_chunks_are_put_together() -> None:
    reply, took = asked(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r\n",
                             b"2\r\nde\r\n0\r\n\r\n", pause=0.05, stay=3))
    assert reply.content == b"abcde" and took < 2.5


def test_an_answer_in_pieces_to_the_close_of_the_connection() -> None:
    reply, _ = asked(says(b"HTTP/1.", b"0 200 OK\r", b"\n\r", b"\nbo", b"dy", pause=0.03))
    assert (reply.answer.status, reply.content) == (200, b"body")


def test_refused() -> None:
    reply = ask(Server("127.0.0.1", free_port()), GET)
    assert (reply.answer.outcome, reply.answer.status) == ("refused", None)


def test_a_server_that_never_accepts_or_never_answers_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        reply = ask(Server("127.0.0.1", deaf.getsockname()[1]), GET)
    assert reply.answer.outcome == "timeout" and 0.55 < reply.answer.seconds < 4
    assert outcome(says(stay=5)) == "timeout"


def test_headers_that_drip_time_out_although_bytes_keep_coming() -> None:
    assert outcome(for_ever(b"X-A: b\r\n", 0.02, first=b"HTTP/1.1 200 OK\r\n")) == "timeout"


def test_a_body_that_drips_is_an_answer_cut_short() -> None:
    reply, took = asked(for_ever(b"x", 0.02, first=b"HTTP/1.1 200 OK\r\n\r\n"))
    assert took < 4 and reply.answer.status == 200 and "end" in reply.answer.error
    assert 0 < len(reply.content) < 100


def test_headers_without_end_are_invalid_before_they_fill_us() -> None:
    assert outcome(for_ever(b"X-A: " + b"b" * 4000 + b"\r\n", first=b"HTTP/1.1 200 OK\r\n")) == "invalid"


def test_a_body_without_end_is_read_to_the_limit() -> None:
    reply, took = asked(for_ever(b"y" * 65536, first=b"HTTP/1.1 200 OK\r\n\r\n"), Request("page", "GET", "/", 2, 5000))
    assert took < 4 and len(reply.content) == 5000 and "5000" in reply.answer.error
    assert len(reply.answer.body) <= 4096


@pytest.mark.parametrize(
    "garbage", [b"\0\xff\xfe" * 50, b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ESMTP\r\n", b"HTTX/1.1 200"]
)
def test_what_is_not_http_is_invalid(garbage: bytes) -> None:
    assert outcome(says(garbage)) == "invalid"


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 99999 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 150 + b"\r\n"]
)
def test_a_broken_status_line_or_too_many_headers_are_invalid(raw: bytes) -> None:
    assert outcome(says(raw)) == "invalid"


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\nshort"]
)
def test_a_wrong_length_is_survived(raw: bytes) -> None:
    reply, _ = asked(says(raw))
    assert reply.answer.outcome in ("answered", "invalid")


def test_closed_or_reset_without_a_word() -> None:
    assert outcome(says()) == "reset"

    def reset(connection: socket.socket) -> None:
        read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert outcome(reset) == "reset"


def test_a_name_without_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    reply = ask(Server("no-such-host.invalid", 80), GET)
    assert reply.answer.outcome == "dns" and "not known" in reply.answer.error


def test_a_name_server_that_does_not_answer_costs_the_deadline_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> list[object]:
        time.sleep(6)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    reply = ask(Server("slow.example", 80), Request("page", "GET", "/", seconds=0.3))
    assert reply.answer.outcome == "dns" and reply.answer.seconds < 4


def test_an_address_that_cannot_be_reached() -> None:
    reply = ask(Server("255.255.255.255", 80), GET)  # the kernel itself refuses
    assert reply.answer.outcome == "unreachable"


def test_ipv6_hosts_are_bracketed_and_reached() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as s:
        reply = ask(Server("::1", s.getsockname()[1]), Request("page", "GET", "/", seconds=0.2))
        assert reply.answer.url.startswith("http://[::1]:") and reply.answer.outcome == "timeout"


def test_the_next_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(says(answer(b"ok"))) as port:
        rows = [(socket.AF_INET6, 1, 6, "", ("::1", port, 0, 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
        assert ask(Server("localhost", port), GET).content == b"ok"


def tls_server(tmp_path: Path) -> Callable[[socket.socket], None]:
    (tmp_path / "pem").write_text(CERTIFICATE + KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(answer(b"", "405 Method Not Allowed", "Allow: GET\r\n"))

    return behave


def test_tls_with_a_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    reply, _ = asked(tls_server(tmp_path), tls=True)
    assert (reply.answer.outcome, reply.answer.status) == ("answered", 405) and reply.answer.url.startswith("https://")


def test_plain_to_tls_and_tls_to_plain(tmp_path: Path) -> None:
    assert outcome(tls_server(tmp_path)) in ("tls", "reset")
    assert outcome(says(b"\x15\x03\x01\x00\x02\x02\x16")) == "tls"

    def plain(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer(b"", "400 Bad Request"))

    assert outcome(plain, tls=True) == "tls"
    assert outcome(lambda _: time.sleep(5), tls=True) == "timeout"


def test_nothing_that_drives_a_terminal_and_no_secret_gets_through() -> None:
    reply, _ = asked(says(answer(
        b"\x1b]0;owned\x07\x1b[31mred hf_abcdefghijklmnopqrstuvwxyz", "200 OK",
        "Set-Cookie: access-token=s3cr3t\r\nX-Evil: \x1b[2J\r\n",
    )))
    shown = repr(reply.answer)
    assert "\\x1b" not in shown and "s3cr3t" not in shown and "hf_abcdefghijkl" not in shown and "red" in shown
