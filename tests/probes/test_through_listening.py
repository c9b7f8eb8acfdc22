"""Listening to streams of events: compressed, in pieces, cut, silent, or no stream at all."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Callable

import pytest

from gradio_doctor.evidence import StreamHeard
from gradio_doctor.probes.exchange import Server
from gradio_doctor.probes.through.listening import listen
from tests.probes.network_lab import says, server

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
EVENT = b"data: ALIVE\n\n"


def heard(behave: Callable[[socket.socket], None], seconds: float = 0.6) -> StreamHeard:
    with server(behave) as port:
        return listen(Server("127.0.0.1", port), "/stream", seconds)


def compressed(*, flushed: bool, wbits: int) -> bytes:
    made = zlib.compressobj(wbits=wbits)
    return made.compress(EVENT) + (made.flush(zlib.Z_SYNC_FLUSH) if flushed else b"")


@pytest.mark.parametrize(("name", "wbits"), [("gzip", 31), ("deflate", 15)])
def test_a_compressed_stream_counts_when_its_event_can_be_read(name: str, wbits: int) -> None:
    head = HEAD + f"Content-Encoding: {name}\r\n\r\n".encode()
    good = heard(says(head, compressed(flushed=True, wbits=wbits), stay=1.0))
    held = heard(says(head, compressed(flushed=False, wbits=wbits), stay=1.0))
    assert good.encoding == held.encoding == name
    assert good.first is not None and good.ended is None
    assert held.first is None and held.status == 200


def test_an_event_in_pieces_is_one_event() -> None:
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    found = heard(says(chunked, b"5\r\ndata", b":\r\n", b"4\r\n x\n\n\r\n", pause=0.05, stay=1.0))
    assert found.first is not None and found.first >= 0.1


def test_a_stream_that_ends_properly_has_ended() -> None:
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    by_chunk = heard(says(chunked, b"d\r\n" + EVENT + b"\r\n", b"0\r\n\r\n", stay=1.0))
    by_length = heard(says(HEAD + b"Content-Length: 13\r\n\r\n" + EVENT, stay=1.0))
    by_close = heard(says(HEAD + b"\r\n" + EVENT, stay=0.0))
    for found in (by_chunk, by_length, by_close):
        assert found.first is not None
        assert found.ended is not None and found.ended < 0.5


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [((), "timeout"), ((b"HTTP/1.1 200 OK\r\nX: ",), "timeout"), ((b"no HTTP\r\n\r\n",), "invalid")],
)
def test_no_stream_at_all(parts: tuple[bytes, ...], outcome: str) -> None:
    found = heard(says(*parts, stay=1.0))
    assert (found.first, found.status) == (None, 0)
    assert found.outcome == outcome or found.error
    assert found.listened < 1.0


def test_a_page_instead_of_a_stream_is_told_by_its_type() -> None:
    found = heard(says(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello", stay=1.0))
    assert (found.first, found.content_type) == (None, "text/html")
    assert found.ended is not None
