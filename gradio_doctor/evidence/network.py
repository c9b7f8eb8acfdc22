"""Listening sockets and what answers behind them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

HttpOutcome = Literal["answered", "refused", "timeout", "reset", "tls", "dns", "unreachable", "invalid"]


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening TCP socket. `backlog` counts connections that wait for accept(); `holders` are pids.

    A socket can have several holders (forked children, worker processes), or none visible (another user's,
    another container's): then `uid` still says whose it is.
    """

    host: str
    port: int
    family: Literal[4, 6]
    inode: int
    uid: int
    backlog: int = 0
    holders: tuple[int, ...] = ()
    only_v6: bool | None = None

    @property
    def wildcard(self) -> bool:
        """True when it accepts on every address of its family."""
        return self.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound

    @property
    def loopback(self) -> bool:
        """True when only this machine can reach it."""
        return self.host == "::1" or self.host.startswith("127.")

    def covers(self, host: str) -> bool:
        """True when a connection to `host` (an IP address) reaches this socket."""
        if self.host == host:
            return True
        wants_v6 = ":" in host
        if self.host == "::":
            return wants_v6 or not self.only_v6
        return self.host == "0.0.0.0" and not wants_v6  # noqa: S104


@dataclass(frozen=True, slots=True)
class LocalListener:
    """One listening Unix socket of a server. `path` is absolute, as the process that bound it sees it."""

    path: str
    inode: int
    holders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Listeners:
    """All listening TCP sockets of this network namespace. `hidden` is True when some holders cannot be seen.

    `local` are the Unix sockets of servers whose processes can be seen.
    """

    sockets: tuple[Listener, ...]
    hidden: bool = False
    local: tuple[LocalListener, ...] = ()

    def on(self, port: int) -> tuple[Listener, ...]:
        """The sockets that listen on a port."""
        return tuple(s for s in self.sockets if s.port == port)

    def held_by(self, pid: int) -> tuple[Listener, ...]:
        """The sockets that a process holds, lowest port first."""
        return tuple(sorted((s for s in self.sockets if pid in s.holders), key=lambda s: s.port))

    def local_of(self, pids: Iterable[int]) -> LocalListener | None:
        """The Unix socket that one of some processes listens on, the first one's first."""
        return next((s for pid in pids for s in self.local if pid in s.holders), None)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer to one harmless request. `seconds` is the time to the answer (or to giving up).

    `probe` says what it tests: "loop" (answered on the event loop), "pool" (needs a worker thread), "page",
    "config", "queue-door", "queue-size", "identity" (a door only Gradio has), "front" (the Node server before the app),
    "plain" (outcome "tls": plain HTTP asked of what turned out to speak TLS). `body` is at most the first 4 KiB,
    decoded, control characters and secrets removed; `error` also says why a body was not read to its end.
    """

    probe: str
    method: str
    url: str
    outcome: HttpOutcome
    seconds: float
    status: int | None = None
    headers: Mapping[str, str] | None = None
    body: str = ""
    error: str = ""

    @property
    def queue_size(self) -> int | None:
        """The number of waiting events that /queue/status tells, None when this is no such answer."""
        if self.outcome != "answered" or self.status != 200:
            return None
        try:
            size = json.loads(self.body)["queue_size"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return size if isinstance(size, int) and not isinstance(size, bool) else None
    protocol: str = ""  # "HTTP/1.1"
    header_bytes: int = 0  # of the answer's headers, as they came


@dataclass(frozen=True, slots=True)
class HttpAnswers:
    """What the app answered when asked directly.

    `base` is the URL asked; `api_prefix` is "/gradio_api" (5 and later) or ""; `is_gradio` is None when nothing
    answered; `version` is Gradio's when the app told it. `socket` is the path of the Unix socket over which it was
    asked, "" for the network.
    """

    base: str
    answers: tuple[HttpAnswer, ...]
    api_prefix: str = ""
    is_gradio: bool | None = None
    version: str = ""
    app_ids: tuple[str, ...] = ()
    socket: str = ""

    def get(self, probe: str) -> HttpAnswer | None:
        """The last answer to one probe (an unanswered first try follows it), or None when it was not asked."""
        return next((a for a in self.answers if a.probe == probe), None)


@dataclass(frozen=True, slots=True)
class AcceptQueue:
    """Connections waiting for accept() on the app's socket, sampled over `seconds`. No privilege is needed."""

    port: int
    samples: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class QueueWatch:
    """How many events waited in the app's queue, asked several times over `seconds` (once, 0 s, when it is short).

    Events that run are not counted. Arrivals and begun events between two looks cancel out, so both are lower bounds.
    """

    sizes: tuple[int, ...]
    seconds: float

    @property
    def arrived(self) -> int:
        """Events that came, at the least."""
        return sum(max(0, after - before) for before, after in pairwise(self.sizes))

    @property
    def begun(self) -> int:
        """Events that left the queue to be run (or whose clients went away), at the least."""
        return sum(max(0, before - after) for before, after in pairwise(self.sizes))


@dataclass(frozen=True, slots=True)
class BindPolicy:
    """Whether the app's user may bind the port and the address it wants, tried without taking the port.

    `lowest` is the lowest port an ordinary user may bind (ip_unprivileged_port_start); `privileged` is True when the
    user may bind lower ones. `host` resolves to `addresses`; `host_error` says why it does not resolve, or that no
    interface of this machine has the address ("" when all is well).
    """

    lowest: int
    privileged: bool
    host: str
    addresses: tuple[str, ...] = ()
    host_error: str = ""


@dataclass(frozen=True, slots=True)
class PortUser:
    """A socket bound to a port that does not listen; `pid` is 0 where its process is gone or hidden from us."""

    pid: int
    remote: str  # "10.0.0.2:443"


@dataclass(frozen=True, slots=True)
class PortUsers:
    """Who uses a port without listening on it. `ephemeral`: the kernel hands it out for connections."""

    port: int
    users: tuple[PortUser, ...] = ()
    ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A request that a process sent `seconds` ago over a connection of its own, and nothing came back since."""

    pid: int
    remote: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What the app's Python processes wait for on connections that they opened, longest first (Linux's own clocks)."""

    unanswered: tuple[Unanswered, ...] = ()
