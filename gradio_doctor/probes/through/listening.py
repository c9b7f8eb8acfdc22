"""Listening to a stream of events for a while: when its first event comes, and whether it is cut off.

What is sent compressed is looked into: a proxy that compresses a stream often holds it back until its buffer is full.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from gradio_doctor.evidence import HttpAnswer, StreamHeard
from gradio_doctor.probes.exchange import Request, Server, connect, left, outcome_of
from gradio_doctor.probes.redact import clean
from gradio_doctor.probes.through.gateways import who_spoke

_MOST_BYTES = 64 * 1024
_MOST_HEADERS = 32 * 1024
_EVENT = b"data:"
# What a browser sends with an EventSource: without the encodings no proxy would compress.
STREAM_HEADERS = {"Accept": "text/event-stream", "Accept-Encoding": "gzip, deflate, br", "Cache-Control": "no-cache"}


def listen(server: Server, path: str, seconds: float, *, wait: bool = True, headers: dict[str, str] | None = None,
           ) -> StreamHeard:
    """Listen for at most `seconds`; only until the first event when not `wait`. Nothing is raised."""
    request = Request("stream", "GET", path, headers={**STREAM_HEADERS, **(headers or {})})
    started = time.monotonic()
    heard = _Heard()
    try:
        with connect(server, started + seconds) as connection:
            connection.sendall(request.wire(server))
            _listen(connection, heard, started, started + seconds, wait=wait)
    except (OSError, ValueError, OverflowError, http.client.HTTPException) as error:
        if not heard.head:
            outcome = outcome_of(error)
            return StreamHeard(outcome, time.monotonic() - started, error=clean(f"{error}", 200))
        heard.ended, heard.error = time.monotonic() - started, clean(f"{type(error).__name__}: {error}", 200)
    return heard.told(time.monotonic() - started)


@dataclass
class _Heard:
    """What was heard so far."""

    head: bytes = b""
    body: bytes = b""
    first: float | None = None
    last: float | None = None
    ended: float | None = None
    error: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 0

    def told(self, listened: float) -> StreamHeard:
        if not self.status:
            return StreamHeard("reset" if self.ended is not None else "timeout", listened, error=self.error)
        blank = HttpAnswer("stream", "GET", "", "answered", 0.0, self.status, self.headers,
                           self.body[:2000].decode("utf-8", "replace"))
        return StreamHeard(
            "answered", listened, self.status, self.first, self.last, self.ended,
            clean(self.headers.get("content-encoding", ""), 40), clean(self.headers.get("content-type", ""), 80),
            self.error, who_spoke(blank),
        )


def _listen(connection: socket.socket, heard: _Heard, started: float, deadline: float, *, wait: bool) -> None:
    raw = b""
    while True:
        try:
            connection.settimeout(left(deadline))
            part = connection.recv(16 * 1024)
        except TimeoutError:
            return
        now = time.monotonic() - started
        if not part:
            heard.ended = now
            return
        raw += part
        heard.last = now
        if not heard.head and b"\r\n\r\n" in raw:
            _read_head(heard, raw[: raw.index(b"\r\n\r\n") + 4])
        if heard.head:
            heard.body = raw[len(heard.head) :]
            if heard.first is None and has_event(heard.headers, heard.body):
                heard.first = now
            if _complete(heard):
                heard.ended = now
                return
        enough = heard.first is not None and not wait
        if enough or len(heard.body) > _MOST_BYTES or (not heard.head and len(raw) > _MOST_HEADERS):
            return


class _Recorded:
    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.raw)


def _read_head(heard: _Heard, head: bytes) -> None:
    response = http.client.HTTPResponse(cast(socket.socket, _Recorded(head)), method="GET")
    response.begin()
    heard.head, heard.status = head, response.status
    heard.headers = {clean(name.lower(), 100): clean(value, 300) for name, value in response.getheaders()}


def _complete(heard: _Heard) -> bool:
    """True when the answer says that it has ended, with the connection still open."""
    length = heard.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and len(length) < 12:
        return len(heard.body) >= int(length)
    return heard.headers.get("transfer-encoding", "") == "chunked" and heard.body.endswith(b"0\r\n\r\n")


def has_event(headers: Mapping[str, str], body: bytes) -> bool:
    """True when the start of an answer's body, as it came, holds an event."""
    encoding = headers.get("content-encoding", "").lower()
    body = _dechunked(body) if "transfer-encoding" in headers else body
    if encoding in ("gzip", "deflate"):
        try:
            return _EVENT in zlib.decompressobj(47).decompress(body, _MOST_BYTES)  # 47: gzip or zlib
        except zlib.error:
            return False
    return len(body) > 8 if encoding else _EVENT in body  # what we cannot decompress: anything but a bare header


def _dechunked(raw: bytes) -> bytes:
    out = b""
    while raw:
        size, found, raw = raw.partition(b"\r\n")
        try:
            length = int(size.partition(b";")[0][:8], 16)
        except ValueError:
            break
        if not found or length == 0:
            break
        out, raw = out + raw[:length], raw[length + 2 :]
    return out


