"""Deployment files: worker models that do not fit Gradio, and probes that restart a healthy app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from gradio_doctor.sdk import Absent, AppSource, Deployment, Finding, HealthProbe, Run, Said, Unit, check

from .deploy import finding, is_proxy, once
from .deploy_address import server_of, settings_of, variable, where

_SYNC = ("", "sync", "gthread", "gevent", "eventlet", "tornado")
_POOL = 40  # launch(max_threads=40), the default, shares one pool of threads between handlers and routes
_POOLED = ("/", "/config", "/config/", "/theme.css", "/favicon.ico", "/gradio_api/app_id", "/gradio_api/info")
# what others call such a route; Gradio has none of them (404, tried on 3.50, 4.44, 5.50 and 6.31)
_USUAL = frozenset({
    "/health", "/healthz", "/healthcheck", "/health/live", "/health/ready", "/live", "/livez", "/liveness", "/ready",
    "/readyz", "/readiness", "/ping", "/api/health", "/-/healthy", "/_health", "/heartbeat", "/alive",
})
_FAILS = re.compile(r"\s(?:-\w{0,8}f|--fail)")  # without it, curl is content with any status
_JUDGES = re.compile(r"raise_for_status|status_code|\.ok\b|is_success|assert")
_SMALL = re.compile(r"Tokenizer|Processor|Config|Scheduler")
_LOADING_SECONDS, _IMPORT_SECONDS = 60.0, 8.0


@check("deploy-workers", cost=0.02, finds=("deploy.sync-worker", "deploy.many-workers", "deploy.many-replicas"))
def deploy_workers(deployment: Deployment, source: AppSource) -> Iterator[Finding]:
    """A worker class that cannot speak ASGI, and several processes that each have a queue of their own."""
    wrapped = any(i.module.partition(".")[0] in ("a2wsgi", "asgiref") for i in source.imports)
    mounted = bool(source.named("mount_gradio_app")) and not wrapped
    yield from once(_working(deployment, mounted=mounted))


def _working(deployment: Deployment, *, mounted: bool) -> Iterator[Finding]:
    for unit in deployment.ours:
        server = server_of(deployment, unit)
        if server is not None and server.name in ("gunicorn", "uvicorn", "hypercorn", "fastapi"):
            yield from _workers(deployment, unit, mounted=mounted)
        fronted = unit.kind == "compose" and any(is_proxy(u) for u in deployment.units)  # its file decides
        if unit.replicas is not None and unit.replicas.amount > 1 and not unit.sticky and not fronted:
            yield finding("deploy.many-replicas", unit.replicas.file, unit.replicas.line, unit=unit.name,
                          count=f"{unit.replicas.amount:.0f}")


def _workers(deployment: Deployment, unit: Unit, *, mounted: bool) -> Iterator[Finding]:
    server = server_of(deployment, unit)
    if server is None:
        return
    line = unit.command_line or unit.line
    read = settings_of(deployment, server) if server.name == "gunicorn" else {}
    told = read or {}
    kind = told.get("worker_class")
    hidden = read is None or "*" in told or not server.settled or not unit.sealed
    hidden = hidden or variable(deployment, unit, "GUNICORN_CMD_ARGS") is not None
    name = server.worker_class or (kind.value if kind else "")
    if server.name == "gunicorn" and mounted and name in _SYNC and (kind is None or kind.known) and not hidden:
        place = (kind.file, kind.line) if kind and not server.worker_class else (unit.file, line)
        yield finding("deploy.sync-worker", *place, unit=unit.name, kind=name or "sync")
    count, file, at = _count(deployment, unit, told.get("workers"))
    if count > 1:
        yield finding("deploy.many-workers", file, at, unit=unit.name, count=str(count), server=server.name)


def _count(deployment: Deployment, unit: Unit, setting: Said | None) -> tuple[int, str, int]:
    """How many workers are asked for, and where: the command wins over the file, that over WEB_CONCURRENCY."""
    server = server_of(deployment, unit)
    image = deployment.image_of(unit)
    place = unit if unit.command or image is None else image
    if server and server.workers is not None:
        return server.workers, place.file, place.command_line or place.line
    if server is None or server.name == "hypercorn":  # it reads no such variable
        return 0, "", 0
    wish = setting or variable(deployment, unit, "WEB_CONCURRENCY")
    if wish is None or not wish.known or not wish.value.isdigit() or len(wish.value) > 4:
        return 0, "", 0
    return int(wish.value), wish.file, wish.line


@check("deploy-probes", cost=0.02, finds=(
    "deploy.probe-without-route", "deploy.probe-needs-login", "deploy.liveness-in-pool", "deploy.liveness-impatient",
    "deploy.probe-asks-wrong-port", "deploy.no-readiness",
))
def deploy_probes(deployment: Deployment, source: AppSource) -> Iterator[Finding]:
    """Would a probe kill a healthy app: a route that is not there, needs a login or a free thread; no time to load?"""
    yield from once(_probed(source, deployment))


def _probed(source: AppSource, deployment: Deployment) -> Iterator[Finding]:
    for unit in deployment.ours:
        image = deployment.image_of(unit)
        inherited = image.probes if image and unit.kind == "compose" and not unit.probes else ()
        for probe in unit.probes + inherited:
            yield from chain(_route(probe, unit, source, deployment), _port(probe, unit, source, deployment))
        ready = any(p.kind in ("readiness", "startup") for p in unit.probes)  # before start-up no pod is ready
        if unit.kind == "kubernetes" and _is_served(unit) and not ready:
            yield finding("deploy.no-readiness", unit.file, unit.line, unit=unit.name)
        yield from _impatient(unit, source)


def _is_served(unit: Unit) -> bool:
    return unit.setting("service") is not None


def _route(probe: HealthProbe, unit: Unit, source: AppSource, deployment: Deployment) -> Iterator[Finding]:
    at = where(deployment, unit, source)
    if probe.how != "http" or not _plain(source) or _content(" ".join(probe.command)):
        return
    if probe.port is not None and at.port is not None and probe.port != at.port:  # another program's, or a wrong one
        return
    if variable(deployment, unit, "GRADIO_SSR_MODE") is not None:
        return
    path = probe.path.partition("?")[0]
    facts = {"unit": unit.name, "path": path, "kind": probe.kind}
    launch = source.named("launch")
    login = any((s := c.get("auth")) is not None and not (s.known and s.value is None) for c in launch)
    if path in _USUAL:
        yield finding("deploy.probe-without-route", probe.file, probe.line, **facts)
    elif path in ("/config", "/config/") and login:
        yield finding("deploy.probe-needs-login", probe.file, probe.line, **facts)
    elif path in _POOLED and probe.kind == "liveness" and _shares_pool(source):
        yield finding("deploy.liveness-in-pool", probe.file, probe.line, timeout=f"{probe.timeout:g}",
                      seconds=f"{probe.period * probe.failures:g}", **facts)


def _content(command: str) -> bool:
    """True for a command that takes any answer for a good one."""
    if "|| true" in command or "|| exit 0" in command or "|| :" in command:
        return True
    if "curl" in command:
        return not _FAILS.search(command)
    return any(f"{name}." in command for name in ("requests", "httpx")) and not _JUDGES.search(command)


def _plain(source: AppSource) -> bool:
    """An app that is Gradio's own: nothing mounted, no routes added, no pages of Node's (it answers anything)."""
    launch = source.named("launch")
    if not launch or source.named("mount_gradio_app") or source.fault or source.unread:
        return False
    added = any(h.event in ("route", "middleware") for h in source.handlers)
    odd = any(c.get(name) for c in launch for name in ("ssr_mode", "prevent_thread_lock", "root_path", "app_kwargs"))
    return not added and not odd


def _shares_pool(source: AppSource) -> bool:
    threads = [s for c in source.named("launch") if (s := c.get("max_threads"))]
    own = any(not s.known or s.value != _POOL for s in threads)
    return not own and any(not h.is_async for h in source.handlers)


def _port(probe: HealthProbe, unit: Unit, source: AppSource, deployment: Deployment) -> Iterator[Finding]:
    at = where(deployment, unit, source)
    if unit.shared_network and unit.kind == "kubernetes":  # it may be the port of the container beside
        return
    if probe.port is not None and at.port is not None and probe.port != at.port and probe.how in ("http", "tcp"):
        yield finding("deploy.probe-asks-wrong-port", probe.file, probe.line, unit=unit.name, kind=probe.kind,
                      led=str(probe.port), port=str(at.port))


def _impatient(unit: Unit, source: AppSource) -> Iterator[Finding]:
    """A liveness probe that counts from the start on, without a start-up probe to hold it back."""
    probe = _deadline(unit)
    if probe is None:
        return
    before = (c for c in source.slow if c.kind == "load" and c.handler is None and not c.weak)
    loads = [c for c in before if not _SMALL.search(c.what)]
    limit = _LOADING_SECONDS if loads else _IMPORT_SECONDS
    if probe.patience < limit:
        what = f"{loads[0].what} ({loads[0].location.file}:{loads[0].location.line})" if loads else "import gradio"
        yield finding("deploy.liveness-impatient", probe.file, probe.line, unit=unit.name, what=what,
                      seconds=f"{probe.patience:g}")


def _deadline(unit: Unit) -> HealthProbe | None:
    """The probe that restarts an app which does not serve in time: the start-up probe, else the liveness probe."""
    kinds = {p.kind: p for p in unit.probes}
    return kinds.get("startup") or kinds.get("liveness")


@check("deploy-start", finds=("deploy.killed-while-starting",))
def deploy_start(deployment: Deployment, run: Run) -> Iterator[Finding]:
    """The app was started here: does it come up later than a probe would wait?"""
    for unit in deployment.ours:
        probe = _deadline(unit)
        if probe is not None and run.outcome == "serving" and run.seconds > probe.patience:
            yield finding("deploy.killed-while-starting", probe.file, probe.line, unit=unit.name, kind=probe.kind,
                          seconds=f"{probe.patience:g}", took=f"{run.seconds:.0f}")


@check("deploy-service", cost=0.02, finds=("deploy.waits-for-notice", "deploy.ignores-port"))
def deploy_service(deployment: Deployment, source: AppSource, run: Run | Absent) -> Iterator[Finding]:  # noqa: ARG001
    """A systemd unit that waits for a word the app never says, a platform's port that the app does not take."""
    modules = {i.module.partition(".")[0] for i in source.imports}
    for unit in deployment.ours:
        kind = unit.setting("Type")
        server = server_of(deployment, unit)
        plain = server is not None and server.settled and server.name in ("python", "uvicorn", "gradio", "fastapi")
        notices = kind is not None and kind.value in ("notify", "forking", "notify-reload")
        if kind is not None and notices and plain and not modules & {"sdnotify", "systemd", "cysystemd", "daemon"}:
            yield finding("deploy.waits-for-notice", kind.file, kind.line, kind=kind.value, unit=unit.name)
        if unit.kind == "procfile" and unit.name == "web" and server is not None and server.settled:
            takes = any(e.name == "PORT" for e in source.environment) or server.name == "gunicorn"
            if not takes and not any("$" in w for w in unit.command) and where(deployment, unit, source).port:
                port = where(deployment, unit, source).port
                yield finding("deploy.ignores-port", unit.file, unit.line, port=str(port))
