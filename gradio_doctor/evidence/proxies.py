"""What the reverse proxies of this machine are configured to do, as far as their files can be read."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

ProxyKind = Literal["nginx", "caddy", "haproxy", "apache", "traefik", "envoy", "other"]


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive that counts for a route, with the place it stands at (its own block's, or an inherited one).

    `block` are the directives between its braces, None where it has none.
    """

    name: str
    arguments: tuple[str, ...]
    file: str
    line: int
    block: tuple[Directive, ...] | None = None

    @property
    def value(self) -> str:
        """The arguments as written."""
        return " ".join(self.arguments)


@dataclass(frozen=True, slots=True)
class Upstream:
    """One address that a route passes requests to. `port` is None for a Unix socket, whose path is `socket`.

    `scheme` is "http", "https", or what else the directive speaks ("uwsgi", "fastcgi", "grpc", "h2c"). `there`: for a
    Unix socket, whether a socket is at that path (None: not looked).
    """

    scheme: str
    host: str = ""
    port: int | None = None
    socket: str = ""
    path: str = ""  # what replaces the location's prefix, "" when the path is passed on as it is
    there: bool | None = None

    @property
    def url(self) -> str:
        """The address as a person writes it."""
        if self.socket:
            return f"{self.scheme}://unix:{self.socket}"
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "") + self.path


@dataclass(frozen=True, slots=True)
class Route:
    """One way through a proxy: where it listens, which names and paths it takes, and where it passes them to.

    `listens` are "host:port", the host as written ("*" where none is, "unix:/path" for a socket); `tls` is True when
    the side of the browser is encrypted. `settings` are in force for this route, inherited ones included, the innermost
    first. `path` is a prefix; "= /x" is that path alone, "~ REGEX" a pattern. `own` are the statements of its own
    block, in their order, and `opening` is how that block begins. `pid` is the process that reads the file,
    None for one that was only named.
    """

    kind: ProxyKind
    file: str
    line: int
    listens: tuple[str, ...] = ()
    tls: bool = False
    names: tuple[str, ...] = ()
    path: str = "/"
    upstreams: tuple[Upstream, ...] = ()
    settings: tuple[Directive, ...] = ()
    own: tuple[Directive, ...] = ()
    opening: str = ""
    pid: int | None = None

    def get(self, name: str) -> Directive | None:
        """The setting of a name that is in force, or None."""
        return next((s for s in self.settings if s.name == name), None)

    def all(self, name: str) -> tuple[Directive, ...]:
        """Every setting of a name, where a directive may stand several times."""
        return tuple(s for s in self.settings if s.name == name)


@dataclass(frozen=True, slots=True)
class ProxyProcess:
    """A running proxy: its pid, what it is, the ports it listens on, and its configuration file.

    `apart` is True when it lives in another network namespace (a container) than we do: its 127.0.0.1 is not ours, and
    `neighbours` are the ports that something listens on in there.
    """

    pid: int
    kind: ProxyKind
    ports: tuple[int, ...] = ()
    config: str = ""
    apart: bool = False
    neighbours: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies found: those that run here, and the routes read off their files (or off the file that was named).

    `ours` are the routes that lead to the app that is examined, or that were meant to (`matched` says by what:
    "public", "port", "socket", "name", "named" for a file given on the command line, "only"; "" none). `unread` are the
    files and dialects that could not be read, with the reason: nothing is guessed about them. `addresses` are those of
    this machine's interfaces; `unlock` is the command that would let us read what we may not, "" when there is none.
    """

    processes: tuple[ProxyProcess, ...] = ()
    routes: tuple[Route, ...] = ()
    ours: tuple[Route, ...] = ()
    matched: str = ""
    unread: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    unlock: str = ""

    def local(self, host: str) -> bool:
        """True for a host that is surely this machine."""
        return is_local(host, self.addresses)

    def process(self, pid: int | None) -> ProxyProcess | None:
        """The running proxy of that pid."""
        return next((p for p in self.processes if p.pid == pid), None)


def is_local(host: str, addresses: Iterable[str]) -> bool:
    """True for a host that is surely this machine, whose interfaces have these addresses."""
    plain = host.strip("[]").lower()
    if plain == "localhost" or plain in addresses:
        return True
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
