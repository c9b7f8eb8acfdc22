"""Server family, live: the worker model read off the running processes, and what is wrong with it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from gradio_doctor.command_line import changed_command
from gradio_doctor.evidence.servers import WSGI_CLASSES
from gradio_doctor.sdk import (
    Absent,
    AppSource,
    Finding,
    HttpAnswers,
    Interpreter,
    Judgement,
    Live,
    LogEvents,
    ProxyAnswers,
    Server,
    Servers,
    Source,
    check,
)

_WORKERS = {
    "gunicorn": ("-w", "--workers"), "uvicorn": ("--workers",), "hypercorn": ("--workers", "-w"),
}
_CLASS = ("-k", "--worker-class")
BLOCKED = ("loop-blocked", "loop-busy", "loop-starved")
# What a hang looks like from outside, and a start that takes long: workers that end at once neither hang nor load.
OF_LIVING_WORKERS = (
    "blocking.loop-silent", "blocking.nobody-accepts", "blocking.pool-silent", "model.loads-now",
    "server.blocked-past-timeout",
)
IMPORT_SECONDS = 1.0  # CPU time; less is no app that has come up


@check("server-live-model", finds=("server.worker-model",), cost=0.2)
def server_live_model(servers: Servers) -> Iterator[Finding]:
    """The worker model, told."""
    server = next((s for s in servers.servers if s.kind != "launch"), None)
    if server is not None:
        yield server_finding("server.worker-model", server, {"model": _model(server)})


def _model(server: Server) -> str:
    parts = [f"{server.kind} (pid {server.pid})"]
    if server.workers:
        pids = ", ".join(str(w.pid) for w in server.workers[:8])
        parts.append(f"{len(server.workers)} worker{'s' if len(server.workers) > 1 else ''}: {pids}")
    for name in ("workers", "worker_class", "timeout", "threads", "preload_app", "reload", "max_requests"):
        option = server.options.get(name)
        if option and (option.origin != "default" or name in ("worker_class", "timeout")):
            parts.append(f"{name} {option.value} ({option.origin})")
    return "; ".join(parts)


@check("server-live-workers", finds=("server.workers-share-port",), cost=0.2)
def server_live_workers(servers: Servers, http: HttpAnswers) -> Iterator[Finding]:
    """Connections to one address that different processes took: each has its own queue, sessions and uploads."""
    if not http.is_gradio:
        return
    for server in servers.servers:
        took = {pid: n for pid, n in server.accepted.items() if n}
        if not took:
            continue
        seen = len(took) > 1
        shares = ", ".join(f"pid {pid}: {n}" for pid, n in sorted(took.items()))
        fixed = with_one_worker(server)
        origin = server.options.get("workers")
        facts = {
            "workers": str(max(len(took), len(server.workers))), "connections": str(sum(took.values())),
            "shares": shares, "single_worker_command": fixed, "origin": origin.origin if origin else "",
        }
        yield server_finding("server.workers-share-port", server, facts, seen=seen, witness="")
        if seen:
            return


@check("server-live-blocked", finds=("server.worker-blocked",), cost=0.2)
def server_live_blocked(servers: Servers, live: Live, http: HttpAnswers) -> Iterator[Finding]:
    """One worker of several stands still: the others answer, so that the app seems well from outside."""
    if not any(a.outcome == "answered" for a in http.answers):
        return
    for server in servers.servers:
        pids = {w.pid for w in server.workers}
        block = next((j for j in live.judgements if j.kind in BLOCKED and j.sure and j.pid in pids), None)
        if block is None or len(pids) < 2 or block.location is None:
            continue
        place = block.location
        facts = {"pid": str(block.pid), "workers": str(len(pids)), "function": place.function,
                 "where": f"{place.file}:{place.line}"}
        yield server_finding("server.worker-blocked", server, facts, block=block, witness="")


@check("server-live-replicas", finds=("server.replicas-in-turn",), cost=0.2)
def server_live_replicas(proxied: ProxyAnswers) -> Iterator[Finding]:
    """Replicas behind a proxy that sends the requests of one visitor to each of them in turn."""
    if not proxied.app_ids:
        return
    seen = len(proxied.app_ids) > 1
    facts = {"workers": str(len(proxied.app_ids)), "public": proxied.public}
    replaced = ("proxy.live-other-instance", "proxy.live-asset-lost") if seen else ()
    yield Finding("server.replicas-in-turn", seen, facts, Source("http", proxied.public), replaces=replaced)


@check("server-live-class", finds=("server.worker-not-asgi",), cost=0.2)
def server_live_class(servers: Servers, http: HttpAnswers, python: Interpreter) -> Iterator[Finding]:
    """An ASGI app under one of gunicorn's WSGI workers: every path answers 500."""
    for server in servers.servers:
        if server.kind != "gunicorn" or server.worker_class not in WSGI_CLASSES:
            continue
        answers = [a for a in http.answers if a.outcome == "answered"]
        fails = bool(answers) and all((a.status or 0) >= 500 for a in answers)
        if not fails or server.app_object not in ("asgi", "blocks"):
            continue
        fixed = changed_command(server.command, {_CLASS: _asgi_class(python), ("-w", "--workers"): "1"})
        facts = {
            "class": server.worker_class, "origin": server.options["worker_class"].origin, "app": server.app,
            "status": str(answers[-1].status) if answers else "", "asgi_command": rerun(server, fixed),
        }
        yield server_finding("server.worker-not-asgi", server, facts)


def _asgi_class(python: Interpreter) -> str:
    """A worker class that the app's environment has."""
    if python.installed("uvicorn-worker") or not python.installed("uvicorn"):
        return "uvicorn_worker.UvicornWorker"
    return "uvicorn.workers.UvicornWorker"


@check("server-live-object", finds=("server.app-name-missing", "server.app-name-is-blocks"), cost=0.2)
def server_live_object(servers: Servers, http: HttpAnswers | Absent) -> Iterator[Finding]:
    """The server is told to serve a name that the module does not have, or the Blocks instead of an app."""
    for server in servers.servers:
        module, _, name = server.app.partition(":")
        well = isinstance(http, HttpAnswers) and any((a.status or 500) < 500 for a in http.answers)
        facts = {"module": module, "attribute": name or "application", "file": server.app_file}
        kind = {"missing": "server.app-name-missing", "blocks": "server.app-name-is-blocks"}.get(server.app_object)
        if server.app and kind and not well:
            right = "app" if kind.endswith("blocks") else next(iter(server.asgi_names), "")
            fixed = rerun(server, changed_command(server.command, {}, app=f"{module}:{right}")) if right else ""
            told = "mounted_command" if kind.endswith("blocks") else "renamed_command"
            yield server_finding(kind, server, facts | {told: fixed, "right": right}, replaces=OF_LIVING_WORKERS)


@check(
    "server-live-timeout", cost=0.2,
    finds=("server.worker-killed-now", "server.blocked-past-timeout"),
)
def server_live_timeout(servers: Servers, live: Live | Absent) -> Iterator[Finding]:
    """A worker that the arbiter killed while we looked, or has killed before and will again."""
    for server in servers.servers:
        if server.kind != "gunicorn" or server.replaces_by_plan:
            continue
        judgements = live.judgements if isinstance(live, Live) else ()
        mine = {w.pid for w in server.workers} | set(server.ended) | set(server.begun)
        block = next((j for j in judgements if j.kind in BLOCKED and j.sure and j.pid in mine), None)
        killed = block is not None and block.pid in server.ended
        died_before = (server.reaped or 0.0) > IMPORT_SECONDS
        facts = _timeout_facts(server, block)
        if killed:
            yield server_finding("server.worker-killed-now", server, facts, block=block)
        elif block is not None and died_before:
            yield server_finding("server.blocked-past-timeout", server, facts, block=block)


def _timeout_facts(server: Server, block: Judgement | None) -> dict[str, str]:
    timeout = server.options.get("timeout")
    facts = {"timeout": timeout.value if timeout else "", "timeout_origin": timeout.origin if timeout else ""}
    if block is not None:
        facts["pid"] = str(block.pid)
        place = block.location
        facts |= {"where": f"{place.file}:{place.line}", "function": place.function} if place else {}
    return facts


@check("server-timeout-place", finds=("server.timeout-in-handler",), cost=0.001)
def server_timeout_place(log: LogEvents, app: AppSource) -> Iterator[Finding]:
    """The worker was killed for its silence, and a handler of the app stops the event loop: the place to change."""
    match = log.get("server.gunicorn-worker-timeout")
    slow = [c for c in app.slow if c.on_loop and not c.weak]
    if match is None or not slow:
        return
    call = max(slow, key=lambda c: (c.always, c.seconds or 0))
    place = call.location
    name = call.handler.name if call.handler else place.function
    facts = {"function": name, "call": call.what, "where": f"{place.file}:{place.line}"}
    yield Finding("server.timeout-in-handler", True, facts, match.source, place, chain=call.chain)


def with_one_worker(server: Server) -> str:
    """The server's command with one worker, as it is typed; "" when it cannot be told."""
    names = _WORKERS.get(server.kind, ("--workers",))
    return rerun(server, changed_command(server.command, {names: "1"})) if server.options else ""


def rerun(server: Server, line: str) -> str:
    """The command as it is typed in the folder in which the server runs, "" for none."""
    if not line or not server.directory:
        return line
    return shlex.join(["env", "-C", server.directory]) + " " + line


def server_finding(
    name: str, server: Server, facts: dict[str, str], *, seen: bool = True, block: Judgement | None = None,
    witness: str | None = None, replaces: tuple[str, ...] = (),
) -> Finding:
    """A finding about one server; several about the same are one witness, unless `witness` is given."""
    known = {k: v for k, v in facts.items() if v} | {"arbiter": str(server.pid), "kind": server.kind}
    place = block.location if block is not None and seen else None
    key = f"server:{server.pid}" if witness is None else f"{name}:{server.pid}"
    return Finding(name, seen, known, Source("process", f"pid {server.pid}"), place, key, replaces)
