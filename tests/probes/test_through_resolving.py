"""What the name servers say that a proxy asks while it runs: real UDP sockets on the loopback, and hostile words."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import Directive, Proxies, Route, Upstream
from gradio_doctor.evidence.proxies import ProxyProcess
from gradio_doctor.probes.through.resolving import ask_resolver, judge, name_looked_up
from tests.ports import free_ports


def line(name: str, *arguments: str) -> Directive:
    return Directive(name, arguments, "n.conf", 1)


def route(passing: str, host: str, *settings_: Directive, kind: str = "nginx", pid: int | None = None) -> Route:
    own = (line("proxy_pass", passing),)
    return Route(kind, "n.conf", 1, upstreams=(Upstream("http", host, 7860),), own=own, settings=settings_, pid=pid)  # type: ignore[arg-type]


SET = line("set", "$app", "app.internal")


@contextlib.contextmanager
def name_server(code: int | None, first: int = 0) -> Iterator[str]:
    """A name server that answers every question with that code, from the one with the number `first` on; or nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            asked = 0
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    question, sender = server.recvfrom(512)
                    asked += 1
                    if code is not None and asked > first:
                        server.sendto(question[:2] + struct.pack("!H", 0x8180 | code) + question[4:], sender)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        stop.set()
        thread.join()


@pytest.mark.parametrize(("code", "first", "outcome"), [
    (0, 0, "answers"), (3, 0, "no-name"), (2, 0, "fails"), (5, 0, "fails"), (None, 0, "silent"), (0, 1, "answers"),
])
def test_what_a_name_server_says(code: int | None, first: int, outcome: str) -> None:
    with name_server(code, first) as address:
        known = route("http://$app:7860", "app.internal", SET, line("resolver", address, "valid=10s"))
        told = ask_resolver(known, Proxies())
    assert told is not None
    assert (told.outcome, told.resolver, told.host) == (outcome, address, "app.internal")


def test_nobody_takes_questions_there() -> None:
    closed = f"127.0.0.1:{free_ports()[0]}"
    told = ask_resolver(route("http://$app:7860", "app.internal", SET, line("resolver", closed)), Proxies())
    assert told is not None
    assert told.outcome == "refused"


def test_one_name_server_of_two_is_enough() -> None:
    with name_server(0) as address:
        both = line("resolver", f"127.0.0.1:{free_ports()[0]}", address, "ipv6=off")
        told = ask_resolver(route("http://$app:7860", "app.internal", SET, both), Proxies())
    assert told is not None
    assert (told.outcome, told.resolver) == ("answers", address)


def test_a_name_server_of_a_container_is_not_ours() -> None:
    inside = route("http://$app:7860", "app.internal", SET, line("resolver", "127.0.0.11"), pid=7)
    told = ask_resolver(inside, Proxies((ProxyProcess(7, "nginx", apart=True),)))
    assert told is not None
    assert (told.outcome, told.resolver) == ("unknown", "127.0.0.11")


def test_without_a_resolver_nginx_knows_no_name() -> None:
    told = ask_resolver(route("http://$app:7860", "app.internal", SET), Proxies())
    assert told is not None
    assert told.outcome == "none"


@pytest.mark.parametrize(("passing", "host", "kind", "name"), [
    ("http://$app:7860", "app.internal", "nginx", "app.internal"),
    ("http://app.internal$request_uri", "app.internal", "nginx", "app.internal"),
    ("http://app.internal:7860", "app.internal", "nginx", ""),  # looked up when nginx starts
    ("http://$app", "127.0.0.1", "nginx", ""), ("http://$app", "[::1]", "nginx", ""), ("http://$app", "", "nginx", ""),
    ("http://$app", "server-of-the-group", "nginx", ""),
    ("http://$app:7860", "app.internal", "caddy", ""),
])
def test_which_names_nginx_looks_up_while_it_runs(passing: str, host: str, kind: str, name: str) -> None:
    assert name_looked_up(route(passing, host, SET, kind=kind)) == name
    if not name:
        assert ask_resolver(route(passing, host, SET, kind=kind), Proxies()) is None


def test_nothing_is_looked_up_where_no_route_is_known() -> None:
    assert ask_resolver(None, Proxies()) is None
    assert name_looked_up(Route("nginx", "n.conf", 1)) == ""


@pytest.mark.parametrize("server", ["ns.example", "127.0.0.1:99999", "[", "[::1", "unix:/x", "", "999.1.1.1"])
def test_a_name_server_that_cannot_be_asked(server: str) -> None:
    told = ask_resolver(route("http://$app", "app.internal", SET, line("resolver", server)), Proxies())
    assert told is not None
    assert told.outcome == "unknown"


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "x" * 300, "\udcff", "é" * 70])
def test_a_host_that_is_no_name(host: str) -> None:
    named = route("http://$app", host, line("set", "$app", host), line("resolver", "127.0.0.1:9"))
    told = ask_resolver(named, Proxies())
    assert told is not None
    assert told.outcome == "unknown"


@settings(max_examples=100, deadline=None)
@given(answer=st.binary(max_size=40))
def test_any_answer_can_be_judged(answer: bytes) -> None:
    assert judge(answer, b"\x00\x07question") in ("unknown", "answers", "no-name", "fails")
    assert judge(b"\x00\x08" + answer, b"\x00\x07question") == "unknown"  # of another question
