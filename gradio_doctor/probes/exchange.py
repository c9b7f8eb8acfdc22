"""One bounded HTTP exchange: a request that no server, however hostile, can make hang or fill us.

The standard library and not httpx: httpx has a time-out per read but none for the whole answer (a server that drips a
byte a second holds it for ever), reads headers and bodies without a limit of ours, and costs 100 ms more to import.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast
from urllib.parse import quote, urlsplit, urlunsplit

from gradio_doctor.evidence import HttpAnswer
from gradio_doctor.evidence.network import HttpOutcome
from gradio_doctor.probes.redact import clean, redact_text

_MOST_BODY = 64 * 1024
_MOST_HEADERS = 32 * 1024
_KEPT_BODY = 4 * 1024
_CONNECT_SECONDS = 1.0
_SECRET_HEADERS = frozenset({"set-cookie", "set-cookie2", "www-authenticate", "authorization", "proxy-authenticate"})
_SENT_AT_ONCE = 64 * 1024
NOT_ACCEPTED = "the connection was not accepted"  # neither taken nor refused: a firewall, or a full accept queue
_TLS_ALERT = b"\x15\x03"


@dataclass(frozen=True, slots=True)
class Server:
    """Where to send requests. `host` is a name or an address, without brackets."""

    host: str
    port: int
    tls: bool = False
    public: str = ""  # the name to ask for, where that is not the address
    socket: str = ""  # the path of a Unix socket to use instead of the network

    def url(self, path: str = "") -> str:
        """The URL of a path on this server."""
        return urlunsplit(("https" if self.tls else "http", self.public or self.name, path, "", ""))

    @property
    def name(self) -> str:
        """host:port as it stands in a URL and in the Host header."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `seconds` bounds all of it; `limit` bounds the bytes of the body that are read."""

    probe: str
    method: str
    path: str
    seconds: float = 1.0
    limit: int = _MOST_BODY
    payload: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # beside, or instead of, the usual ones

    def wire(self, server: Server) -> bytes:
        """The bytes to send."""
        path = quote(self.path, safe="/%~?=&")
        headers = {"Host": server.public or server.name, "User-Agent": "gradio-doctor", "Accept": "*/*",
                   "Accept-Encoding": "identity", "Connection": "close", **self.headers}
        lines = [f"{self.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if self.payload and "Content-Length" not in headers:
            lines += ["Content-Type: application/json", f"Content-Length: {len(self.payload)}"]
        return "\r\n".join([*lines, "", ""]).encode("ascii", "replace") + self.payload


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer as evidence, and the start of its body as it came (at most the request's limit)."""

    answer: HttpAnswer
    content: bytes = b""


class _Closed(Exception):  # noqa: N818 - not an error of ours
    """The server closed the connection without a word."""


class _SpeaksTls(Exception):  # noqa: N818
    """The server answered plain HTTP with a TLS alert."""


def ask(server: Server, request: Request) -> Reply:
    """Send one request and read its answer; every failure is an outcome, none is raised."""
    started = time.monotonic()
    blank = HttpAnswer(request.probe, request.method, server.url(request.path), "invalid", 0.0)
    try:
        raw, cut = _exchange(server, request, started + request.seconds)
        reply = _parse(raw, blank, cut)
    except (OSError, http.client.HTTPException, _Closed, _SpeaksTls, ValueError, OverflowError) as error:
        reply = Reply(replace(blank, outcome=outcome_of(error), error=clean(_words(error), 300)))
    return replace(reply, answer=replace(reply.answer, seconds=time.monotonic() - started))


def _exchange(server: Server, request: Request, deadline: float) -> tuple[bytes, str]:
    """The raw answer, and why its body was cut short ("" when it was not)."""
    with connect(server, deadline) as connection:
        _send(connection, request.wire(server), deadline)
        raw = b""
        while (head := raw.find(b"\r\n\r\n")) < 0 or not _complete(raw, head, request.method):
            if head < 0 and len(raw) > _MOST_HEADERS:
                raise http.client.HTTPException(f"headers of more than {_MOST_HEADERS} bytes")
            if not b"HTTP/".startswith(raw[:5]):
                _refuse(raw)
            if head >= 0 and len(raw) - head > request.limit:
                return raw[: head + 4 + request.limit], f"only the first {request.limit} bytes were read"
            try:
                connection.settimeout(left(deadline))
                part = connection.recv(16 * 1024)
            except (TimeoutError, ConnectionResetError):
                if head < 0:
                    raise
                return raw, "the body did not come to its end"
            if not part:
                break
            raw += part
        if not raw:
            raise _Closed
        return raw, ""


def _send(connection: socket.socket, data: bytes, deadline: float) -> None:
    """Send all of it, or as much as the server reads: it may answer before it has read a large body."""
    for start in range(0, len(data), _SENT_AT_ONCE):
        if start and select.select([connection], [], [], 0)[0]:
            return
        connection.settimeout(left(deadline))
        try:
            connection.sendall(data[start : start + _SENT_AT_ONCE])
        except (BrokenPipeError, ConnectionResetError):
            if not start:
                raise
            return


def _refuse(raw: bytes) -> None:
    if raw.startswith(_TLS_ALERT):
        raise _SpeaksTls
    raise http.client.BadStatusLine(repr(raw[:60]))


def _complete(raw: bytes, head: int, method: str) -> bool:
    """True when no more of the answer is to come, as far as its headers tell."""
    if method == "HEAD":
        return True
    for line in raw[:head].lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length" and value.strip().isdigit():
            return len(raw) - head - 4 >= int(value[:20])
        if name == b"transfer-encoding" and b"chunked" in value:
            return raw.endswith(b"\r\n0\r\n\r\n")
    return False


def left(deadline: float) -> float:
    """Seconds left. Raises TimeoutError when none are."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left


def connect(server: Server, deadline: float) -> socket.socket:
    """A connection, encrypted where that is wanted. Raises OSError."""
    if server.socket:
        return _connect_local(server, deadline)
    refused: OSError = socket.gaierror(f"{server.host} has no address")
    for family, address in addresses_of(server, deadline):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(min(_CONNECT_SECONDS, left(deadline)))
            _reach(connection, address)
            connection.settimeout(left(deadline))
            return _encrypted(connection, server) if server.tls else connection
        except OSError as error:
            connection.close()
            refused = error
    raise refused


def _reach(connection: socket.socket, address: tuple[str, int]) -> None:
    try:
        connection.connect(address)
    except TimeoutError:
        raise TimeoutError(NOT_ACCEPTED) from None


def _connect_local(server: Server, deadline: float) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no Unix sockets")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(min(_CONNECT_SECONDS, left(deadline)))
        connection.connect(server.socket)
        return connection
    except OSError:
        connection.close()
        raise


def _encrypted(connection: socket.socket, server: Server) -> socket.socket:
    name = urlsplit("//" + server.public).hostname if server.public else server.host
    return _unverified().wrap_socket(connection, server_hostname=name or server.host)


def addresses_of(server: Server, deadline: float) -> Iterator[tuple[int, tuple[str, int]]]:
    """The addresses of a host; raises OSError. A name server that does not answer costs no more than the deadline."""
    found: list[tuple[int, tuple[str, int]]] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
            found.extend((row[0], cast("tuple[str, int]", row[4])) for row in rows[:4])
        except (OSError, UnicodeError) as error:
            failed.append(socket.gaierror(str(error)))

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(left(deadline))
    if thread.is_alive():
        raise socket.gaierror(f"no answer from the name server for {server.host}")
    if failed:
        raise failed[0]
    return iter(found)


def _unverified() -> ssl.SSLContext:
    """TLS as a diagnosing eye wants it: we ask what answers there, not whether it can be trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Recorded:
    """What http.client takes for a socket: the bytes that were read."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def makefile(self, _mode: str) -> io.BytesIO:
        """The bytes as a file."""
        return io.BytesIO(self.raw)


def _parse(raw: bytes, blank: HttpAnswer, cut: str) -> Reply:
    response = http.client.HTTPResponse(cast(socket.socket, _Recorded(raw)), method=blank.method)
    response.begin()
    try:
        content = response.read()
    except http.client.IncompleteRead as short:
        content, cut = short.partial, cut or "the body is shorter than announced"
    headers = readable_headers(response.getheaders())
    text = clean(redact_text(content[:_KEPT_BODY].decode("utf-8", "replace")), _KEPT_BODY)
    protocol = "HTTP/1.0" if response.version == 10 else "HTTP/1.1"
    blank = replace(blank, protocol=protocol, header_bytes=raw.find(b"\r\n\r\n"))
    answer = replace(blank, outcome="answered", status=response.status, headers=headers, body=text, error=cut)
    return Reply(answer, content)


def readable_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers as they may be shown: by their names in lower case, without secrets."""
    return {
        clean(name.lower(), 100): "[redacted]" if name.lower() in _SECRET_HEADERS else clean(redact_text(value), 500)
        for name, value in headers
    }


def outcome_of(error: Exception) -> HttpOutcome:
    """What kind of failure an exception of an exchange is."""
    kinds: tuple[tuple[type[Exception], HttpOutcome], ...] = (
        (ssl.SSLError, "tls"), (_SpeaksTls, "tls"), (socket.gaierror, "dns"), (ConnectionRefusedError, "refused"),
        (ConnectionError, "reset"), (_Closed, "reset"), (TimeoutError, "timeout"), (OSError, "unreachable"),
    )
    return next((outcome for kind, outcome in kinds if isinstance(error, kind)), "invalid")


def _words(error: Exception) -> str:
    if isinstance(error, (_Closed, _SpeaksTls)):
        return (error.__doc__ or "").strip()
    return f"{type(error).__name__}: {error}"
