"""Servers in the place of the proxy that mean harm, or speak nothing that is known: bounded in time and size."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from gradio_doctor.errors import UsageError
from gradio_doctor.evidence import Absent, HttpAnswer, HttpAnswers, Instances, Proxies, ProxyAnswers, Target
from gradio_doctor.evidence.proxies import Route, Upstream
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.exchange import Server
from gradio_doctor.probes.through.listening import listen
from gradio_doctor.probes.through.probe import probe_proxied
from gradio_doctor.probes.through.public import parse_public, route_of
from gradio_doctor.probes.through.tls import look_at_tls
from gradio_doctor.probes.through.upstreams import patience
from tests.ports import free_port
from tests.probes.network_lab import Given, answer, read_request, server

Behaviour = Callable[[socket.socket], None]
MOST_SECONDS = 13.0


def app(connection: socket.socket) -> None:
    """A healthy app, as far as its doors are asked."""
    request = read_request(connection)
    if b"/config" in request.partition(b"\r\n")[0]:
        body = b'{"version": "6.31.0", "root": "http://127.0.0.1:1", "app_id": 7, "dependencies": []}'
    elif b"heartbeat" in request:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: ALIVE\n\n")
        time.sleep(2)
        return
    else:
        body = b"<script>window.gradio_config = {}</script>"
    connection.sendall(answer(body))


def through(behave: Behaviour, *, path: str = "", state: int = 200) -> tuple[ProxyAnswers, float]:
    """What is found when that server stands where the proxy should be, before a healthy app."""
    with server(app) as port, server(behave) as front:
        base = f"http://127.0.0.1:{port}"
        asked = HttpAnswer("loop", "HEAD", base + "/config", "answered", 0.01, state)
        direct = HttpAnswers(base, (asked,), "/gradio_api", is_gradio=True, version="6.31.0", app_ids=("7",))
        options = Options(proxy=f"http://127.0.0.1:{front}{path}")
        context = Given(Target("port", "", port=port), options, (direct,))
        started = time.monotonic()
        found = probe_proxied(context)
        took = time.monotonic() - started
    assert isinstance(found, ProxyAnswers)
    return found, took


def endless(first: bytes, part: bytes, pause: float = 0.0) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(first)
        while True:
            connection.sendall(part)
            time.sleep(pause)

    return behave


def says(data: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(data)

    return behave


HOSTILE = {
    "endless headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"x" * 1000 + b"\r\n"),
    "endless body": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100_000),
    "a slow drip of headers": endless(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.3),
    "garbage": says(bytes(range(256)) * 40),
    "an endless stream": endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b"data: x\n\n" * 500),
    "a gzip bomb": endless(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\3", b"\0" * 9999
    ),
    "TLS garbage": says(b"\x16\x03\x03\xff\xff" + b"\0" * 500),
    "a status that is none": says(b"HTTP/1.1 9999999999999999999999 \r\n\r\n"),
    "a length that is none": says(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx"),
    "chunks that are none": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nx"),
    "a redirect to nowhere": says(b"HTTP/1.1 302 Found\r\nLocation: http://[::::\r\n\r\n"),
    "a deep JSON": says(answer(b'{"app_id":' + b"[" * 60_000)),
    "nothing": says(b""),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_server_neither_hangs_nor_fills_us(how: str) -> None:
    found, took = through(HOSTILE[how])
    assert took < MOST_SECONDS
    assert len(found.exchanges) < 30
    assert all(len(e.through.body) <= 4096 for e in found.exchanges)
    assert found.reached is not True


def test_a_silent_server_costs_three_seconds() -> None:
    found, took = through(lambda _: time.sleep(6))
    assert [e.through.outcome for e in found.exchanges] == ["timeout"]
    assert took < 4.5


@pytest.mark.parametrize(
    "location", ["/login/loop", "http://127.0.0.1:1/elsewhere", "//example.invalid/oauth2/start?state=secret"]
)
def test_redirects_are_followed_on_the_same_host_alone_and_not_for_ever(location: str) -> None:
    found, took = through(says(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()))
    assert took < MOST_SECONDS
    assert len(found.redirects) <= 6
    assert found.looped == location.startswith("/login")
    assert found.wall == ("redirect" if "oauth2" in location else "")
    assert "secret" not in repr(found.redirects)


def test_what_the_server_says_cannot_drive_a_terminal() -> None:
    found, _ = through(says(answer(b"\x1b]0;title\x07\x1b[2Jx", "500 Bad", "Server: \x1b[31mred\r\nVia: a\x9bb\r\n")))
    assert "\x1b" not in repr([(e.through.body, e.through.headers) for e in found.exchanges]).replace("\\x1b", "\x1b")


def test_the_login_of_the_url_is_sent_there_alone_and_never_recorded() -> None:
    heard: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        heard.append(read_request(connection))
        connection.sendall(answer(b"hello"))

    with server(behave) as port:
        public = f"http://me:s3cret@127.0.0.1:{port}"
        found = probe_proxied(Given(Target("none", ""), Options(proxy=public), (Instances("app.py"),)))
    assert isinstance(found, ProxyAnswers)
    assert found.app == "dead"
    assert all(b"Authorization: Basic bWU6czNjcmV0" in request for request in heard)
    assert "s3cret" not in repr(found) and "bWU6czNjcmV0" not in repr(found)
    assert found.public == f"http://127.0.0.1:{port}/"


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://a b/", "http://x:99999", "http://\x1b[31m/", "//", ""])
def test_a_proxy_that_is_no_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        parse_public(url)


def test_the_ways_to_write_a_proxy() -> None:
    assert parse_public("example.com/app/").url == "http://example.com/app/"
    assert parse_public("https://example.com:443").server.public == "example.com"
    assert parse_public("http://[::1]:8080/x").server == Server("::1", 8080, False, "[::1]:8080")


def test_without_a_proxy_nothing_is_asked() -> None:
    found = probe_proxied(Given(Target("port", "", port=1), Options()))
    assert isinstance(found, Absent) and "no proxy" in found.why
    assert isinstance(probe_proxied(Given(Target("log", "x"), Options(proxy="http://127.0.0.1:1"))), Absent)
    reading = Options(proxy="http://127.0.0.1:1", invasive="read")
    assert isinstance(probe_proxied(Given(Target("port", "", port=1), reading)), Absent)


def test_a_route_that_was_found_is_asked_by_its_name() -> None:
    heard: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        heard.append(read_request(connection))
        connection.sendall(answer(b"hello"))

    with server(behave) as port:
        to = (Upstream("http"),)
        route = Route("nginx", "f", 1, (f"*:{port}",), names=("_", "app.example"), path="/sub/", upstreams=to)
        given = Given(Target("none", ""), Options(), (Proxies(routes=(route,), ours=(route,), matched="port"),))
        found = probe_proxied(given)
    assert isinstance(found, ProxyAnswers) and not found.told
    assert heard[0].startswith(b"GET /sub/ HTTP/1.1\r\n") or heard[0].startswith(b"GET /sub HTTP/1.1\r\n")
    assert f"Host: app.example:{port}".encode() in heard[0]


def test_a_stream_is_heard_as_it_comes() -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        time.sleep(0.2)
        connection.sendall(b"d\r\ndata: ALIVE\n\n\r\n")
        time.sleep(0.5)

    with server(behave) as port:
        heard = listen(Server("127.0.0.1", port), "/x", 2.0)
        assert heard.first is not None and 0.15 < heard.first < 0.5
        assert heard.ended is not None and heard.ended - (heard.last or 0) > 0.4
        assert listen(Server("127.0.0.1", port), "/x", 2.0, wait=False).listened < 0.6
        assert listen(Server("127.0.0.1", free_port()), "/x", 0.5).outcome == "refused"


def test_how_long_to_listen_follows_a_short_time_out() -> None:
    from gradio_doctor.evidence.proxies import Directive

    def route(value: str) -> Route:
        return Route("nginx", "f", 1, settings=(Directive("proxy_read_timeout", (value,), "f", 1),))

    assert patience(route("5s")) == 5.5
    assert patience(route("500ms")) == 1.0
    assert patience(route("60")) == 0.0  # longer than the heartbeat: harms nothing
    assert patience(route("1h")) == patience(route("nonsense")) == patience(None) == 0.0


def test_the_route_of_a_public_address_is_the_most_specific_one() -> None:
    to = (Upstream("http", "127.0.0.1", 1),)
    wide, narrow = (Route("nginx", "f", 1, ("*:8080",), path=p, upstreams=to) for p in ("/", "/app/"))
    proxies = Proxies(routes=(wide, narrow))
    assert route_of(parse_public("http://x:8080/app"), proxies) is narrow
    assert route_of(parse_public("http://x:8080/"), proxies) is wide
    assert route_of(parse_public("http://x:8081/"), proxies) is None


def test_tls_where_none_is_spoken() -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with server(behave) as port:
        look = look_at_tls(Server("127.0.0.1", port, True))
    assert look is not None and look.outcome == "no-tls"
    assert look_at_tls(Server("127.0.0.1", free_port(), True)) is None


def test_a_mounted_app_is_looked_for_below_the_address_of_its_parent() -> None:
    def parent(connection: socket.socket) -> None:
        request = read_request(connection)
        if b" /gradio/" not in request.partition(b"\r\n")[0]:
            connection.sendall(answer(b"the page of the parent"))
        elif b"app_id" in request or b"config" in request:
            connection.sendall(answer(b'{"version": "6.31.0", "root": "", "app_id": 7, "dependencies": []}'))
        else:
            connection.sendall(answer(b"<script>window.gradio_config = {}</script>"))

    with server(parent) as port:
        base = f"http://127.0.0.1:{port}/gradio"
        asked = HttpAnswer("loop", "HEAD", base + "/config", "answered", 0.01, 405)
        direct = HttpAnswers(base, (asked,), "/gradio_api", is_gradio=True, version="6.31.0", app_ids=("7",))
        options = Options(proxy=f"http://127.0.0.1:{port}")
        found = probe_proxied(Given(Target("port", "", port=port), options, (direct,)))
    assert isinstance(found, ProxyAnswers)
    assert found.reached is True
    assert found.exchanges[0].through.url.endswith("/gradio/")
