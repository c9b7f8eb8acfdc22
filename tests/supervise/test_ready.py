"""What an app announces, and when it counts as serving."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import Listener
from gradio_doctor.supervise.announced import Announced, StartLines
from gradio_doctor.supervise.app import SupervisedApp
from gradio_doctor.supervise.ready import Door, ask, doors_of, own_listeners, reachable, settle_seconds

Supervise = Callable[[str], SupervisedApp]

def lines(text: str, piece: int = 7) -> StartLines:
    found = StartLines()
    data = text.encode()
    for at in range(0, len(data), piece):
        found.feed(data[at : at + piece])
    return found


@pytest.mark.parametrize(
    ("text", "address", "launched"),
    [
        ("* Running on local URL:  http://127.0.0.1:7860\n", Announced("http", "127.0.0.1", 7860), False),
        ("Running on local URL:  http://0.0.0.0:7860\n\n", Announced("http", "0.0.0.0", 7860), False),
        ("* Running on local URL:  https://[::1]:81\n", Announced("https", "[::1]", 81), False),
        (
            "* Running on local URL:  http://127.0.0.1:7860, with SSR ⚡ (Node proxy -> Python :7861)\n"
            "* To create a public link, set `share=True` in `launch()`.\n",
            Announced("http", "127.0.0.1", 7860),
            True,
        ),
        ("* Running on public URL: https://abc.gradio.live\n", None, True),
        ("Could not create share link. Missing file: x\n", None, True),
        ("INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)\n", None, True),
        ("* Running on local URL:  http://127.0.0.1:99999\n", None, False),
        ("* Running on local URL:  http://127.0.0.1:7860", None, False),  # the line is not complete
        ("x" * 100_000 + "\n* Running on local URL:  http://h:1\n", Announced("http", "h", 1), False),
        ("loading the model\n", None, False),
    ],
)
def test_start_lines(text: str, address: Announced | None, launched: bool) -> None:
    for piece in (1, 7, 1 << 20):
        found = lines(text, piece)
        assert (found.address, found.launched) == (address, launched)


def test_an_endless_line_takes_no_memory() -> None:
    found = StartLines()
    for _ in range(200):
        found.feed(b"x" * 65536)
    assert len(found._begun) <= 4096


def test_settle_times() -> None:
    silent, begun = lines(""), lines("* Running on local URL:  http://127.0.0.1:1\n")
    done = lines("* Running on local URL:  http://127.0.0.1:1\n* To create a public link, set\n")
    assert settle_seconds(done, None) < settle_seconds(silent, 200) < settle_seconds(begun, 200)
    assert settle_seconds(begun, 500) == settle_seconds(silent, 503) == 20
    assert settle_seconds(done, 500) < 2


def listener(host: str, port: int = 7860, only_v6: bool | None = None) -> Listener:
    return Listener(host, port, 6 if ":" in host else 4, 1, 0, only_v6=only_v6)


def test_reachable_addresses() -> None:
    assert reachable(listener("0.0.0.0")) == reachable(listener("::")) == "127.0.0.1"
    assert reachable(listener("::", only_v6=True)) == "::1"
    assert reachable(listener("10.1.2.3")) == "10.1.2.3"
    assert Door("https", "::1", 5).url == "https://[::1]:5"


def test_doors() -> None:
    begun = lines("* Running on local URL:  https://evil.example:7861\n")
    both = [listener("127.0.0.1", 7860), listener("127.0.0.1", 7861)]
    assert doors_of(both, begun) == [Door("https", "127.0.0.1", 7861)]  # the port is believed, the host never
    assert doors_of(both[:1], begun)[0] == Door("http", "127.0.0.1", 7860)
    assert [d.scheme for d in doors_of(both, lines(""))] == ["http", "http", "https", "https"]
    assert doors_of([], begun) == []


def test_own_listeners() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port in [s.port for s in own_listeners([os.getpid()])]
        assert port not in [s.port for s in own_listeners([1])]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 405 Method Not Allowed\r\nallow: GET\r\n\r\n", 405),
        (b"HTTP/1.0 500\n\n", 500),
        (b"SSH-2.0-OpenSSH_9.2\r\n", None),
        (b"", None),
        (b"x" * 100_000, None),
        (b"HTTP/1.1 abc\r\n", None),
        (None, None),  # never answers
    ],
)
def test_asking(answer: bytes | None, status: int | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        given_up = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(4096).startswith(b"HEAD /config HTTP/1.1\r\nHost: 127.0.0.1:")
                if answer is None:
                    given_up.wait(20)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        started = time.monotonic()
        assert ask(Door("http", "127.0.0.1", server.getsockname()[1]), "/config") == status
        assert time.monotonic() - started < 15
        given_up.set()
        thread.join()


def test_an_answer_in_drops_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        given_up = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while not given_up.wait(0.2):
                    connection.send(b"H")

        thread = threading.Thread(target=serve)
        thread.start()
        started = time.monotonic()
        assert ask(Door("http", "127.0.0.1", server.getsockname()[1]), "/config") is None
        assert time.monotonic() - started < 15
        given_up.set()
        thread.join()


def test_asking_where_nobody_listens(port: int) -> None:
    assert ask(Door("http", "127.0.0.1", port), "/") is None
    assert ask(Door("https", "127.0.0.1", port), "/") is None


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.binary(max_size=60)), st.integers(min_value=1, max_value=50))
def test_pieces_do_not_matter(parts: list[bytes], size: int) -> None:
    data = b"\n".join([*parts, b"* Running on local URL:  http://127.0.0.1:7860", b""])
    whole, pieces = StartLines(), StartLines()
    whole.feed(data)
    for at in range(0, len(data), size):
        pieces.feed(data[at : at + size])
    assert whole.address == pieces.address == Announced("http", "127.0.0.1", 7860)
    assert whole.launched == pieces.launched
