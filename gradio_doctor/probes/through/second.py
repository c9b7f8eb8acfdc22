"""The same requests over HTTP/2, which browsers speak wherever TLS offers it (ALPN). Frames are read by the package h2.

Bounded as HTTP/1.1 is: in time, in the bytes of the answer, and in all that the server sends beside it.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlsplit

from gradio_doctor.evidence import HttpAnswer, StreamHeard
from gradio_doctor.evidence.network import HttpOutcome
from gradio_doctor.probes.exchange import Reply, Request, Server, connect, left, outcome_of, readable_headers
from gradio_doctor.probes.redact import clean, redact_text
from gradio_doctor.probes.through.gateways import who_spoke
from gradio_doctor.probes.through.listening import STREAM_HEADERS, has_event

_KEPT_BODY = 4 * 1024
_MOST_BESIDE = 256 * 1024  # bytes of frames that are no answer: pings, settings, headers without an end


class _NotOffered(Exception):  # noqa: N818 - not an error of ours
    """The server does not speak HTTP/2."""


@dataclass
class _Heard:
    """What came of one request so far. Times are seconds after it was sent."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    received: int = 0
    at: float = 0.0
    ended: float | None = None
    error: str = ""

    @property
    def status(self) -> int:
        value = dict(self.headers).get(":status", "")
        return int(value) if value.isascii() and value.isdigit() and len(value) == 3 else 0


def ask_second(server: Server, request: Request) -> Reply | None:
    """One request over HTTP/2; None when the server does not offer it. Every failure is an outcome, none is raised."""
    started = time.monotonic()
    heard, answer = _Heard(), HttpAnswer(request.probe, request.method, server.url(request.path), "invalid", 0.0)
    try:
        for heard in _exchange(server, request, started + request.seconds):
            if len(heard.body) > request.limit:
                heard.error = f"only the first {request.limit} bytes were read"
                break
    except _NotOffered:
        return None
    except TimeoutError as error:
        if not heard.status:
            return Reply(_failed(answer, error, started))
        heard.error = "the body did not come to its end"
    except (OSError, ValueError, OverflowError) as error:
        return Reply(_failed(answer, error, started))
    return _reply(answer, heard, request.limit, started)


def _failed(blank: HttpAnswer, error: Exception, started: float) -> HttpAnswer:
    words = clean(f"{type(error).__name__}: {error}", 300)
    return replace(blank, outcome=outcome_of(error), error=words, seconds=time.monotonic() - started, protocol="HTTP/2")


def _reply(blank: HttpAnswer, heard: _Heard, limit: int, started: float) -> Reply:
    content = heard.body[:limit]
    text = clean(redact_text(content[:_KEPT_BODY].decode("utf-8", "replace")), _KEPT_BODY)
    outcome: HttpOutcome = "answered" if heard.status else "reset"
    return Reply(replace(
        blank, outcome=outcome, status=heard.status or None, headers=readable_headers(heard.headers), body=text,
        error=heard.error, seconds=time.monotonic() - started, protocol="HTTP/2",
    ), content)


def listen_second(server: Server, path: str, seconds: float, headers: dict[str, str]) -> StreamHeard | None:
    """Listen to a stream of events over HTTP/2 until its first one; None when HTTP/2 is not offered."""
    request = Request("stream", "GET", path, headers={**STREAM_HEADERS, **headers})
    started = time.monotonic()
    heard, first = _Heard(), None
    try:
        for heard in _exchange(server, request, started + seconds):
            if heard.status and has_event(readable_headers(heard.headers), heard.body):
                first = heard.at
                break
    except _NotOffered:
        return None
    except TimeoutError:
        pass
    except (OSError, ValueError, OverflowError) as error:
        if not heard.status:
            return StreamHeard(outcome_of(error), time.monotonic() - started, error=clean(str(error), 200))
        heard.ended, heard.error = time.monotonic() - started, clean(str(error), 200)
    listened, told = time.monotonic() - started, readable_headers(heard.headers)
    if not heard.status:
        return StreamHeard("timeout" if heard.ended is None else "reset", listened, error=heard.error)
    body = heard.body[:2000].decode("utf-8", "replace")
    answer = HttpAnswer("stream", "GET", "", "answered", 0.0, heard.status, told, body)
    return StreamHeard(
        "answered", listened, heard.status, first, heard.at, heard.ended, told.get("content-encoding", ""),
        told.get("content-type", ""), heard.error, who_spoke(answer),
    )


def _exchange(server: Server, request: Request, deadline: float) -> Iterator[_Heard]:
    """What is heard, after each piece. Ends with the answer; raises OSError, ValueError (a bad frame), TimeoutError."""
    import h2.config
    import h2.connection
    import h2.exceptions

    with connect(replace(server, tls=False), deadline) as plain, _encrypted(plain, server, deadline) as connection:
        if connection.selected_alpn_protocol() != "h2":
            raise _NotOffered
        talk = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="latin-1"))
        heard, started = _Heard(), time.monotonic()
        try:
            talk.initiate_connection()
            talk.send_headers(1, _wire(server, request), end_stream=True)
            while heard.ended is None:
                connection.settimeout(left(deadline))
                connection.sendall(talk.data_to_send())
                part = connection.recv(16 * 1024)
                heard.received += len(part)
                heard.at = time.monotonic() - started
                if not part:
                    heard.ended = heard.at
                for event in talk.receive_data(part):
                    _take(heard, event, talk)
                if heard.received - len(heard.body) > _MOST_BESIDE:
                    raise ValueError("more frames beside the answer than any server sends")
                yield heard
        except ssl.SSLEOFError as error:
            raise ConnectionResetError("the server hung up") from error
        except h2.exceptions.H2Error as error:
            raise ValueError(f"not HTTP/2: {type(error).__name__}: {error}"[:300]) from error


def _take(heard: _Heard, event: object, talk: object) -> None:
    """Note one event of the connection."""
    import h2.connection
    import h2.events

    assert isinstance(talk, h2.connection.H2Connection)  # noqa: S101 - for the type checker; h2 is imported late
    if isinstance(event, h2.events.ResponseReceived):
        heard.headers = [(str(name), str(value)) for name, value in event.headers]
    elif isinstance(event, h2.events.DataReceived):
        heard.body += event.data
        talk.acknowledge_received_data(event.flow_controlled_length, 1)
    elif isinstance(event, h2.events.StreamEnded):
        heard.ended = heard.at
    elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
        heard.ended = heard.at
        heard.error = f"the server ended the stream with the error {event.error_code!s}"


def _wire(server: Server, request: Request) -> list[tuple[str, str]]:
    """The headers of a request, those in front by which HTTP/2 says what HTTP/1.1 has in its first line."""
    usual = {"user-agent": "gradio-doctor", "accept": "*/*", "accept-encoding": "identity"}
    given = usual | {name.lower(): value for name, value in request.headers.items()}
    path = quote(request.path, safe="/%~?=&")
    return [
        (":method", request.method), (":scheme", "https"), (":authority", server.public or server.name),
        (":path", path or "/"), *given.items(),
    ]


def _encrypted(connection: socket.socket, server: Server, deadline: float) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    connection.settimeout(left(deadline))
    name = urlsplit("//" + server.public).hostname if server.public else server.host
    return context.wrap_socket(connection, server_hostname=name or server.host)
