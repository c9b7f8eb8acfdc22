"""When is an app serving? When a socket of its own processes answers HTTP, and goes on living."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Collection
from dataclasses import dataclass

from gradio_doctor.evidence import Listener
from gradio_doctor.probes.sockets import listening_sockets, with_holders
from gradio_doctor.supervise.announced import StartLines

REQUEST_TIMEOUT = 1.0  # seconds for the whole request
BETWEEN_REQUESTS = 0.5
_MOST_BYTES = 4096
# how long an app that answers must go on living, in seconds after its first answer
_SETTLE_LAUNCHED = 1.5  # seconds; a main thread that ends right after launch() takes its time to end the process
_SETTLE_SILENT = 3.0  # launch(quiet=True), or no launch() at all; a Node front may still be on its way
_SETTLE_CHECKING = 4.0  # the URL is printed, launch() still checks itself
_SETTLE_FAULTY_PAGE = 20.0  # it checks "HEAD /" five times, and ends when that is an error


@dataclass(frozen=True, slots=True)
class Door:
    """A socket to ask. `host` is an address that reaches it."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """Its address, for people and for later probes."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class Readiness:
    """Finds out, by at most two harmless requests a second, one at a time, whether the app serves.

    `door` is where it answered first, at `answered` (seconds, monotonic clock).
    """

    def __init__(self, lines: StartLines) -> None:
        self.lines = lines
        self.door: Door | None = None
        self.answered = 0.0
        self._page: int | None = None
        self._page_asked = False
        self._next = 0.0
        self._turn = 0

    def step(self, pids: Collection[int]) -> bool:
        """Look once, if it is time; True when the app serves and has gone on living long enough."""
        now = time.monotonic()
        if self.door and now - self.answered >= settle_seconds(self.lines, self._page):
            self.door = self._final_door(pids)
            return True
        if now >= self._next:
            self._next = now + BETWEEN_REQUESTS
            self._ask(pids)
            self._next = max(self._next, time.monotonic() + 0.1)
        return False

    def _ask(self, pids: Collection[int]) -> None:
        if self.door is None:
            self._look_for_door(pids)
        elif not self._page_asked and not self.lines.launched:
            self._page_asked = True
            self._page = ask(self.door, "/")

    def _look_for_door(self, pids: Collection[int]) -> None:
        doors = doors_of(own_listeners(pids), self.lines)
        if not doors:
            return
        door = doors[self._turn % len(doors)]
        self._turn += 1
        if ask(door, "/config") is not None:
            self.door, self.answered = door, time.monotonic()

    def _final_door(self, pids: Collection[int]) -> Door | None:
        """The announced address when it was printed after the first answer (a Node front comes up later)."""
        address = self.lines.address
        if self.door and address and address.port != self.door.port:
            return next((d for d in doors_of(own_listeners(pids), self.lines) if d.port == address.port), self.door)
        return self.door


def settle_seconds(lines: StartLines, page: int | None) -> float:
    """How long after its first answer an app must live to count as serving. `page` is the status of "HEAD /"."""
    if lines.launched:
        return _SETTLE_LAUNCHED
    if page is not None and page >= 500:
        return _SETTLE_FAULTY_PAGE
    return _SETTLE_CHECKING if lines.address else _SETTLE_SILENT


def own_listeners(pids: Collection[int]) -> list[Listener]:
    """The listening sockets that any of these processes holds, lowest port first. Empty when they cannot be read."""
    try:
        sockets = with_holders(listening_sockets()).sockets
    except OSError:
        return []
    return sorted((s for s in sockets if set(s.holders) & set(pids)), key=lambda s: s.port)


def doors_of(listeners: Collection[Listener], lines: StartLines) -> list[Door]:
    """What to ask, in turn: the announced port alone when it is open, else every port, plain and then with TLS.

    Only ports are taken from what an app prints, never a host: nothing but its own sockets is ever asked.
    """
    address = lines.address
    for listener in listeners:
        if address and listener.port == address.port:
            return [Door(address.scheme, reachable(listener), listener.port)]
    return [Door(scheme, reachable(s), s.port) for scheme in ("http", "https") for s in listeners]


def reachable(listener: Listener) -> str:
    """An address of this machine that reaches the socket."""
    if not listener.wildcard:
        return listener.host
    return "::1" if listener.family == 6 and listener.only_v6 else "127.0.0.1"


def ask(door: Door, path: str) -> int | None:
    """The status of a HEAD request, None without one in time. It reads 4 KiB at most, and knows no proxies."""
    until = time.monotonic() + REQUEST_TIMEOUT
    try:
        plain = socket.create_connection((door.host, door.port), REQUEST_TIMEOUT)
        with plain, _secured(plain) if door.scheme == "https" else plain as connection:
            return _status(connection, door, path, until)
    except (OSError, ValueError):
        return None


def _status(connection: socket.socket, door: Door, path: str, until: float) -> int | None:
    host = door.url.partition("//")[2]
    connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = b""
    while b"\n" not in answer and len(answer) < _MOST_BYTES:
        connection.settimeout(max(until - time.monotonic(), 0.001))
        piece = connection.recv(_MOST_BYTES)
        if not piece:
            break
        answer += piece
    words = answer.split(b"\n")[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return None
    return int(words[1][:3])


def _secured(plain: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the app's own certificate is often self-signed, and it is our own child
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)
