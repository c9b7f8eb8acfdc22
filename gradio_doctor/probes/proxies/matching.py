"""Which of the routes lead to the app, or were meant to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import urlsplit

from gradio_doctor.evidence import Absent, Instances, Listeners, Processes, Route, Upstream, WantedAddress
from gradio_doctor.evidence.proxies import is_local
from gradio_doctor.probes.base import Context

_MOST = 100
_EVERYDAY = frozenset({
    "main", "demo", "server", "start", "gradio", "webui", "space", "home", "root", "user", "code", "work", "workspace",
    "project", "default", "nginx", "python", "script", "test", "proxy", "site", "launch", "index", "api", "backend",
    "frontend", "docker", "data", "localhost", "www", "admin",
})


@dataclass(frozen=True, slots=True)
class App:
    """What tells a route of this app: its ports, the ones it wants, its command lines, its public address."""

    ports: frozenset[int] = frozenset()
    wanted: frozenset[int] = frozenset()
    commands: tuple[str, ...] = ()
    public: str = ""
    named: bool = False  # the file was given on the command line
    addresses: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()  # names that only this app has


def app_of(context: Context, addresses: Iterable[str], *, named: bool) -> App:
    """What is known of the app, without starting it."""
    instances, listeners, wanted = context.get(Instances), context.get(Listeners), context.get(WantedAddress)
    running = () if isinstance(instances, Absent) else instances.all
    pids = family(tuple(p.pid for p in running), context.get(Processes))
    held = () if isinstance(listeners, Absent) else tuple(s.port for pid in pids for s in listeners.held_by(pid))
    asked = () if context.target.port is None else (context.target.port,)
    first = () if isinstance(wanted, Absent) or not wanted.known else (wanted.first,)
    return App(
        frozenset(held), frozenset((*first, *asked)), tuple(p.command_line for p in running),
        context.options.proxy or "", named, frozenset(addresses), frozenset(_words(context.target.script or "")),
    )


def _words(script: str) -> Iterator[str]:
    """The names of the script and its directory, where they say something."""
    path = PurePath(script)
    yield from (w for w in (path.stem.lower(), path.parent.name.lower()) if len(w) > 3 and w not in _EVERYDAY)


def family(pids: tuple[int, ...], processes: Processes | Absent) -> tuple[int, ...]:
    """The processes and those that they started: Gradio's Node server listens in the app's name."""
    return pids if isinstance(processes, Absent) else tuple(sorted(processes.with_descendants(pids)))


def ours(routes: tuple[Route, ...], app: App) -> tuple[tuple[Route, ...], str]:
    """The routes of the app, and by what they were told: the surest way that finds any."""
    ways: tuple[tuple[str, Callable[[Route], bool]], ...] = (
        ("public", lambda r: bool(app.public) and _surely_public(r, app)),
        ("port", lambda r: any(_leads(u, app.ports, app) for u in r.upstreams)),
        ("socket", lambda r: any(u.socket and _says(app.commands, u.socket) for u in r.upstreams)),
        ("port", lambda r: any(_leads(u, app.wanted, app) for u in r.upstreams)),
        ("name", lambda r: bool(app.public) and _public(r, app.public)),
        ("name", lambda r: _mentions(r, app.words)),
        ("named", lambda _: app.named),
    )
    for how, test in ways:
        if found := tuple(r for r in routes if test(r)):
            by_name = tuple(r for r in found if set(r.names) - {"_", ""}) if how == "name" else ()
            return (by_name or found)[:_MOST], how  # a server without names takes what no other one takes
    targets = {u.url.removesuffix(u.path) for r in routes for u in r.upstreams}
    return (routes[:_MOST], "only") if len(targets) == 1 else ((), "")


def _leads(upstream: Upstream, ports: frozenset[int], app: App) -> bool:
    return upstream.port in ports and is_local(upstream.host, app.addresses)


def _mentions(route: Route, words: Iterable[str]) -> bool:
    """True when the name of a server, a location or a file is that of the app."""
    said = {*route.names, PurePath(route.file).stem, *route.path.split("/")}
    return not {s.lower().partition(".")[0] for s in said}.isdisjoint(words)


def _says(commands: Iterable[str], socket: str) -> bool:
    return any(socket in command for command in commands)


def _surely_public(route: Route, app: App) -> bool:
    """True when the public URL is of this machine, or names a server by its name, and comes in through a route.

    What is asked there is what the route is for, wherever it leads.
    """
    try:
        host = (urlsplit(app.public).hostname or "").lower()
    except ValueError:
        return False
    return (is_local(host, app.addresses) or host in map(str.lower, route.names)) and _public(route, app.public)


def _public(route: Route, url: str) -> bool:
    """True when a public URL comes in through a route: host (where names are given), port and path."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return False
    if str(port) not in {where.rpartition(":")[2] for where in route.listens}:
        return False
    names = [n for n in route.names if n not in ("_", "")]
    host = (parts.hostname or "").lower()
    if names and not _is_named(host, names):
        return False
    return (parts.path.rstrip("/") + "/").startswith(route.path.rstrip("/") + "/")


def _is_named(host: str, names: Iterable[str]) -> bool:
    """True for a host that one of a server's names means, whatever its case: a.org, *.a.org, and .a.org for both."""
    lower = [n.lower() for n in names]
    wild = (n.removeprefix("*") for n in lower if n.startswith(("*.", ".")))
    return host in lower or f".{host}" in lower or any(host.endswith(n) for n in wild)
