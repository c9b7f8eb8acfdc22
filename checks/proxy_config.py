"""Proxy family, read off the proxy's configuration: does it lead to the app that runs here? Certain faults only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from gradio_doctor.nginx_text import block
from gradio_doctor.sdk import (
    Finding,
    HttpAnswers,
    Instances,
    Listener,
    Listeners,
    Location,
    Processes,
    Proxies,
    Route,
    Source,
    Upstream,
    check,
)

_MISSES = (
    "proxy.route-misses-app", "proxy.route-socket-missing", "proxy.route-outer-address", "proxy.route-own-loopback",
    "proxy.may-miss-app",
)
_LOOPBACKS = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class _App:
    """The sockets of the running app, and those of everybody."""

    sockets: tuple[Listener, ...]
    listeners: Listeners
    proxies: Proxies

    def anybody(self, upstream: Upstream) -> bool:
        """True when some program listens where a route leads."""
        return any(self._covers(s, upstream.host) for s in self.listeners.on(upstream.port or 0))

    @staticmethod
    def _covers(socket: Listener, host: str) -> bool:
        hosts = _LOOPBACKS if host.lower() == "localhost" else (host.strip("[]"),)
        if hosts[0] in ("0.0.0.0", "::"):  # noqa: S104 - as an address to connect to it means this machine
            hosts = _LOOPBACKS
        return any(socket.covers(h) for h in hosts)

    def local(self, route: Route) -> bool:
        """True when every address of a route is surely on this machine, so that we can tell who is there."""
        return all(not u.socket and u.port and self.proxies.local(u.host) for u in route.upstreams)


@check("proxy-config-target", finds=_MISSES, cost=0.05)
def proxy_config_target(
    proxies: Proxies, instances: Instances, listeners: Listeners, processes: Processes
) -> Iterator[Finding]:
    """Does any route that is meant for the app lead to where it listens?"""
    pids = processes.with_descendants(p.pid for p in instances.all)
    sockets = tuple(s for s in listeners.sockets if pids.intersection(s.holders))
    if not sockets or not proxies.ours:
        return
    app = _App(sockets, listeners, proxies)
    if any(_arrives(r, app) for r in proxies.ours):
        yield Finding("proxy.route-misses-app", seen=False, source=_source(proxies.ours[0]))
        return
    if proxies.matched == "only":
        yield from (replace(f, id="proxy.may-miss-app") for f in _first(_misses(app)))
        return
    yield from _first(_apart(proxies.ours, app)) or _first(_socket(proxies.ours, app)) or _first(_misses(app))


def _first(found: Iterator[Finding]) -> tuple[Finding, ...]:
    return tuple(f for _, f in zip(range(1), found, strict=False))


def _arrives(route: Route, app: _App) -> bool:
    """True when a route leads to the app, or to where it may pass on to the app: any other program, another machine."""
    proxy = app.proxies.process(route.pid)
    if proxy is not None and _asks_itself(route, app):
        return any(not _is_loopback(u.host) or u.port in proxy.neighbours for u in route.upstreams)
    if any(u.socket for u in route.upstreams):
        return any(u.there is not False for u in route.upstreams)
    return not app.local(route) or any(app.anybody(u) for u in route.upstreams)


def _apart(routes: Iterable[Route], app: _App) -> Iterator[Finding]:
    """A proxy in a container asks its own 127.0.0.1, where nothing listens; the app is outside."""
    for route in routes:
        proxy = app.proxies.process(route.pid)
        if proxy is None or not proxy.apart:
            continue
        for upstream in route.upstreams:
            if _is_loopback(upstream.host) and upstream.port and upstream.port not in proxy.neighbours:
                yield _finding("proxy.route-own-loopback", route, upstream, app)


def _socket(routes: Iterable[Route], app: _App) -> Iterator[Finding]:
    for route in routes:
        if route.upstreams and all(u.socket and u.there is False for u in route.upstreams):
            yield _finding("proxy.route-socket-missing", route, route.upstreams[0], app)


def _misses(app: _App) -> Iterator[Finding]:
    """A route to a port or an address where nobody listens."""
    routes = [r for r in app.proxies.ours if app.local(r) and not _asks_itself(r, app)]
    for route in sorted(routes, key=lambda r: (r.path != "/", r.file, r.line)):
        upstream = route.upstreams[0]
        outer = [s for s in app.sockets if s.port == upstream.port]
        if outer and not _is_loopback(upstream.host) and all(s.loopback for s in outer):
            yield _finding("proxy.route-outer-address", route, upstream, app)
        else:
            yield _finding("proxy.route-misses-app", route, upstream, app)


def _asks_itself(route: Route, app: _App) -> bool:
    """True when the loopback that a route names is that of a container."""
    proxy = app.proxies.process(route.pid)
    return proxy is not None and proxy.apart and any(_is_loopback(u.host) for u in route.upstreams)


def _is_loopback(host: str) -> bool:
    return host.lower() == "localhost" or host.strip("[]") == "::1" or host.startswith("127.")


def _finding(name: str, route: Route, upstream: Upstream, app: _App) -> Finding:
    listening = app.sockets[0]
    facts = {
        "upstream": upstream.url, "listening": str(listening.port), "address": _shown(listening),
        "route": route.path, "file": route.file, "line": str(route.line), "socket": upstream.socket,
        "port": str(upstream.port or ""), "kind": route.kind,
    }
    if name == "proxy.route-own-loopback":
        facts["own_container"] = upstream.url
    if route.kind == "nginx" and name != "proxy.route-outer-address":
        host = "host.docker.internal" if name == "proxy.route-own-loopback" else "127.0.0.1"
        facts["block"] = block(route, _passing(route, f"http://{host}:{listening.port}", upstream))
    return Finding(name, facts=facts, source=_source(route), location=place(route))


def _passing(route: Route, address: str, upstream: Upstream) -> tuple[str, str]:
    path = "" if any(d.name == "rewrite" for d in route.own) else upstream.path
    return ("proxy_pass", address + path)


def _shown(socket: Listener) -> str:
    host = f"[{socket.host}]" if socket.family == 6 else socket.host
    return f"{host}:{socket.port}"


def _source(route: Route) -> Source:
    return Source("file", route.file, route.line)


def place(route: Route, name: str = "proxy_pass") -> Location:
    """Where a route says something: its own directive of a name, the one that it inherits, else where it begins."""
    said = next((d for d in route.own if d.name == name), None) or route.get(name)
    if said is None:
        return Location(route.file, route.line, text=route.opening)
    return Location(said.file, said.line, text=f"{said.name} {said.value};")


@check("proxy-config-scheme", finds=("proxy.route-wrong-scheme",), cost=0.05)
def proxy_config_scheme(proxies: Proxies, http: HttpAnswers) -> Iterator[Finding]:
    """Does the proxy speak what the app speaks: plain HTTP or TLS, and HTTP at all?"""
    loop = http.get("loop")
    if loop is None or loop.outcome != "answered" or proxies.matched not in ("public", "port", "named", "name"):
        return
    asked = urlsplit(http.base)
    for route in proxies.ours:
        for upstream in route.upstreams:
            if upstream.port != asked.port or not proxies.local(upstream.host) or upstream.scheme == asked.scheme:
                continue
            if (proxy := proxies.process(route.pid)) is not None and proxy.apart:
                continue
            facts = {
                "upstream": upstream.url, "scheme": upstream.scheme, "speaks": asked.scheme, "file": route.file,
                "line": str(route.line), "route": route.path, "app": f"{asked.scheme}://{asked.netloc}",
            }
            if route.kind == "nginx":
                target = f"{asked.scheme}://{upstream.host}:{upstream.port}{upstream.path}"
                facts["block"] = _http_block(route, target)
            yield Finding("proxy.route-wrong-scheme", facts=facts, source=_source(route), location=place(route))
            return


def _http_block(route: Route, target: str) -> str:
    """The block with proxy_pass in the place of whatever passes on now."""
    text = block(route, ("proxy_pass", target))
    others = {"uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass"}
    return "\n".join(line for line in text.splitlines() if line.split(maxsplit=1)[0] not in others)


