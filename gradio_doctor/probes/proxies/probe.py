"""Finds the proxies of this machine, reads what they are configured to do, and tells which of it is about the app."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from gradio_doctor.evidence import (
    Absent,
    AppSource,
    Environment,
    HttpAnswers,
    Interpreter,
    Listeners,
    Processes,
    Proxies,
    ProxyProcess,
    Route,
)
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.proxies.apache import apache_routes
from gradio_doctor.probes.proxies.caddy import caddy_routes
from gradio_doctor.probes.proxies.haproxy import haproxy_routes
from gradio_doctor.probes.proxies.matching import app_of, ours
from gradio_doctor.probes.proxies.named import read_named
from gradio_doctor.probes.proxies.nginx_routes import nginx_routes
from gradio_doctor.probes.proxies.nginx_tree import NginxTree
from gradio_doctor.probes.proxies.reading import Files
from gradio_doctor.probes.proxies.running import Running, running_proxies

_MOST_PROXIES = 8
_MOST_TABLE = 4_000_000


def probe_proxies(context: Context) -> Proxies | Absent:
    """The running proxies and the routes in their files; with --nginx-conf, the routes of that file instead."""
    if context.target.kind in ("log", "bundle"):
        return Absent("a recording does not tell which proxies run here")
    addresses = own_addresses()
    processes, listeners = context.get(Processes), context.get(Listeners)
    if context.options.nginx_conf:
        routes, unread = read_named(context.options.nginx_conf)
        found = Proxies(routes=routes, unread=unread, addresses=addresses)
    elif isinstance(processes, Absent):
        return processes
    else:
        known = None if isinstance(listeners, Absent) else listeners
        here = sorted(running_proxies(processes, known), key=lambda r: r.process.started)[:_MOST_PROXIES]
        found = _all(here, addresses, run=context.options.allows("probe"))
    if not found.processes and not context.options.nginx_conf:
        return Absent("no proxy runs here")
    if not found.routes:
        return found
    mine, how = ours(found.routes, app_of(context, addresses, named=bool(context.options.nginx_conf)))
    if mine:
        _gather_beside(context)
    return replace(found, ours=mine, matched=how)


def _gather_beside(context: Context) -> None:
    """See to it that what a route is compared with is at hand: who has no proxy does not pay for it."""
    http = context.known(HttpAnswers)
    for kind in (AppSource, Environment):
        context.get(kind)
    if not isinstance(http, HttpAnswers) or not http.version:
        context.get(Interpreter)


def own_addresses() -> tuple[str, ...]:
    """The addresses of this machine's interfaces."""
    import psutil

    try:
        every = psutil.net_if_addrs().values()
    except (OSError, psutil.Error):
        return ()
    found = {a.address.partition("%")[0] for one in every for a in one if a.family.name.startswith("AF_INET")}
    return tuple(sorted(found))


def ports_of_namespace(pid: int) -> tuple[int, ...]:
    """The TCP ports on which something listens in the network namespace of a process (Linux)."""
    ports: set[int] = set()
    for name in ("tcp", "tcp6"):
        try:
            with Path(f"/proc/{pid}/net/{name}").open("rb") as file:
                lines = file.read(_MOST_TABLE).splitlines()[1:]
        except OSError:
            continue
        rows = (line.split() for line in lines)
        ports |= {int(r[1].rpartition(b":")[2], 16) for r in rows if len(r) > 3 and r[3] == b"0A"}
    return tuple(sorted(ports))


def _all(running: list[Running], addresses: tuple[str, ...], *, run: bool) -> Proxies:
    processes: list[ProxyProcess] = []
    routes: list[Route] = []
    unread: list[str] = []
    refused = 0
    for one in running:
        files = Files(one.root)
        neighbours = ports_of_namespace(one.process.pid) if one.proxy.apart else ()
        config, found = _read(one, files, run=run)
        processes.append(replace(one.proxy, config=config, neighbours=neighbours))
        routes += [replace(r, pid=one.process.pid) for r in found]
        unread += files.unread
        refused = refused or (one.process.pid if files.refused else 0)
    unlock = 'sudo "$(command -v gradio-doctor)" diagnose' if refused else ""
    return Proxies(tuple(processes), tuple(routes), unread=tuple(unread), addresses=addresses, unlock=unlock)


def _read(one: Running, files: Files, *, run: bool) -> tuple[str, tuple[Route, ...]]:
    """The configuration file that a proxy uses, and its routes."""
    place = next((p for p in one.places if files.exists(p)), "")
    if not place:
        what = one.places[0] if one.places else f"its configuration is of no kind that is read ({one.proxy.kind})"
        files.skip(f"pid {one.process.pid} ({one.proxy.kind})", f"no configuration found: {what}")
        return "", ()
    if one.proxy.kind == "nginx":
        return place, nginx_routes(NginxTree(files, str(PurePosixPath(place).parent)).read(place), files)
    if one.proxy.kind == "caddy":
        return place, caddy_routes(place, files, one.process.exe if run else "")
    if one.proxy.kind == "haproxy":
        return place, haproxy_routes(place, files)
    return place, apache_routes(place, files)
