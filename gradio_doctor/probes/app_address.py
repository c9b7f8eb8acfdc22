"""Where the app is to be asked: the address of its own Python server, not of what stands in front of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

from gradio_doctor.evidence import (
    Absent,
    AppSource,
    Environment,
    Instances,
    Listener,
    Listeners,
    Process,
    Processes,
    Run,
    WantedAddress,
)
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.exchange import Server
from gradio_doctor.probes.looks import read_environment
from gradio_doctor.probes.scripts import is_python
from gradio_doctor.probes.unix_sockets import reachable
from gradio_doctor.probes.wanted import resolved

_NODE_SERVER = "gradio/templates/node/build"
_LOOPBACKS = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class AppAddress:
    """Where to ask. `prefixes` are the paths to try it under, best first.

    `front` is the port of the Node server (server-side rendering) that stands before the Python server on `port`;
    `local` is True when it runs on this machine; `shared` when several processes accept on the port. `socket` is the
    Unix socket that it listens on instead of a port, as we reach it.
    """

    host: str
    port: int
    tls: bool = False
    prefixes: tuple[str, ...] = ("",)
    front: int | None = None
    local: bool = True
    shared: bool = False
    socket: str = ""

    @property
    def server(self) -> Server:
        """Where to send requests."""
        return Server(self.host, self.port, self.tls, public=self.host if self.socket else "", socket=self.socket)


def find_address(context: Context) -> AppAddress | Absent:
    """The target's URL or port, else the port that the running app holds, else that of our own supervised start."""
    target = context.target
    if target.kind in ("log", "bundle"):
        return Absent("a recording cannot be asked")
    if target.url is not None:
        found = _of_url(context, target.url)
    else:
        port = target.port if target.port is not None else _port_of_app(context)
        found = (_of_socket(context) or port) if isinstance(port, Absent) else _of_port(context, port)
    if isinstance(found, Absent):
        return found
    return replace(found, prefixes=tuple(dict.fromkeys((*found.prefixes, *_mount_paths(context)))))


def _of_url(context: Context, url: str) -> AppAddress | Absent:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = (parts.hostname or "").encode("idna" if ":" not in (parts.hostname or "") else "ascii").decode()
    except (ValueError, KeyError):
        return Absent("the URL is not one of an HTTP server")
    if not host:
        return Absent("the URL names no host")
    if host.lower() == "localhost" and not parts.path.strip("/") and parts.scheme == "http":
        return _of_port(context, port)
    return _at(context, host, port, parts)


def _at(context: Context, host: str, port: int, parts: SplitResult) -> AppAddress:
    path = parts.path.rstrip("/")
    sockets = _sockets_on(context, port)
    local = host == "localhost" or _is_own(host, sockets)
    return AppAddress(host, port, parts.scheme == "https", (path, "") if path else ("",), local=local,
                      shared=local and (_shared(sockets) or _is_proxy(context, sockets)))


def _is_own(host: str, sockets: Iterable[Listener]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or any(s.host == host for s in sockets)


def _of_port(context: Context, port: int) -> AppAddress:
    node = next((p for s in _sockets_on(context, port) for p in _holders(context, s) if is_node_server(p)), None)
    front = None
    if node is not None and (behind := _python_port(context, node)) not in (None, port):
        front, port = port, behind or port
    elif node is None:
        front = _front_port(context, port)
    sockets = _sockets_on(context, port)
    shared = _shared(sockets) or (node is None and _is_proxy(context, sockets))
    return AppAddress(_reachable_host(sockets), port, front=front, shared=shared)


def _reachable_host(sockets: tuple[Listener, ...]) -> str:
    """An address that reaches the sockets from here."""
    for host in _LOOPBACKS:
        if any(s.covers(host) for s in sockets):
            return host
    return sockets[0].host if sockets else _LOOPBACKS[0]


def _shared(sockets: tuple[Listener, ...]) -> bool:
    return len(sockets) > 1 or any(len(s.holders) > 1 for s in sockets)


def _is_proxy(context: Context, sockets: tuple[Listener, ...]) -> bool:
    """True when what listens there is known and no Python: several replicas may stand behind it."""
    holders = [p for s in sockets for p in _holders(context, s)]
    return bool(holders) and not any(is_python(p.command, p.exe) or p.script for p in holders)


def _port_of_app(context: Context) -> int | Absent:
    """The port that a process of the app listens on: a wanted one first, else its lowest."""
    instances, listeners, run = context.get(Instances), context.get(Listeners), context.known(Run)
    if not isinstance(instances, Absent) and not isinstance(listeners, Absent):
        wanted = context.get(WantedAddress)
        ports = () if isinstance(wanted, Absent) else wanted.ports
        for process in sorted(instances.all, key=is_node_server):  # Python processes first
            held = listeners.held_by(process.pid)
            if held:
                return next((s.port for s in held if s.port in ports), held[0].port)
    if isinstance(run, Run) and run.port is not None:
        return run.port
    if isinstance(listeners, Absent):
        return listeners
    if isinstance(instances, Absent):
        return instances
    return Absent("the app listens on no port" if instances.all else "the app is not running")


def _of_socket(context: Context) -> AppAddress | None:
    """The Unix socket that a process of the app listens on."""
    instances, listeners = context.get(Instances), context.get(Listeners)
    if isinstance(instances, Absent) or isinstance(listeners, Absent):
        return None
    found = listeners.local_of(p.pid for p in instances.all)
    if found is None:
        return None
    path = reachable(found.path, found.holders[0])
    return AppAddress("localhost", 80, shared=len(found.holders) > 1, socket=path)


def is_node_server(process: Process) -> bool:
    """True for the Node process that Gradio puts in front of its Python server for server-side rendering."""
    return any(_NODE_SERVER in part.replace("\\", "/") for part in process.command[1:4])


def _python_port(context: Context, node: Process) -> int | None:
    """The port of the Python server behind a Node server: as it was told, else what its parent listens on."""
    told = read_environment(node.pid).get("GRADIO_PYTHON_PORT", "")
    if told.isascii() and told.isdigit() and int(told) < 65536:
        return int(told)
    listeners = context.get(Listeners)
    held = () if isinstance(listeners, Absent) else listeners.held_by(node.ppid)
    return held[0].port if held else None


def _front_port(context: Context, port: int) -> int | None:
    """The port of the Node server that stands before the Python server on `port`, if one does."""
    listeners, processes = context.get(Listeners), context.get(Processes)
    if isinstance(listeners, Absent) or isinstance(processes, Absent):
        return None
    pids = {pid for s in listeners.on(port) for pid in s.holders}
    nodes = (child for pid in pids for child in processes.children(pid) if is_node_server(child))
    return next((s.port for node in nodes for s in listeners.held_by(node.pid) if s.port != port), None)


def _sockets_on(context: Context, port: int) -> tuple[Listener, ...]:
    listeners = context.get(Listeners)
    return () if isinstance(listeners, Absent) else listeners.on(port)


def _holders(context: Context, socket: Listener) -> Iterator[Process]:
    processes = context.get(Processes)
    if not isinstance(processes, Absent):
        yield from (p for pid in socket.holders if (p := processes.get(pid)))


def _mount_paths(context: Context) -> Iterator[str]:
    """The paths that the app may live under, from its environment and its source."""
    environment, source = context.get(Environment), context.get(AppSource)
    if not isinstance(environment, Absent):
        root = environment.variables.get("GRADIO_ROOT_PATH", "")
        yield urlsplit(root).path.rstrip("/") if root.startswith(("/", "http")) else ""
    if not isinstance(source, Absent):
        for call in source.named("mount_gradio_app"):
            path = call.get("path")
            value = resolved(path, context) if path is not None else None
            if isinstance(value, str) and value.startswith("/"):
                yield value.rstrip("/")
