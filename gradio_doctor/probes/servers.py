"""Which servers run the app, with which workers and settings, and which of them takes the connections."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradio_doctor.evidence import Absent, Instances, Listener, Listeners, Process, Processes
from gradio_doctor.evidence.servers import WSGI_CLASSES, Server, ServerOption, Servers, ServerWorker
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.families import is_worker
from gradio_doctor.probes.looks import is_launcher, read_environment
from gradio_doctor.probes.redact import redact_command
from gradio_doctor.probes.scripts import is_python
from gradio_doctor.probes.servers_accept import who_accepts
from gradio_doctor.probes.servers_command import (
    Command,
    defaults,
    of_arguments_variable,
    of_environment,
    read_command,
)
from gradio_doctor.probes.servers_files import app_object, asgi_names, config_file, read_config
from gradio_doctor.probes.servers_watch import reaped_seconds, watch_restarts, watch_workers

_MOST_SERVERS = 8
_LOOPBACKS = ("127.0.0.1", "::1")


def probe_servers(context: Context) -> Servers | Absent:
    """The app's servers, looked at twice; connections are opened to them only where probing is allowed.

    Takes milliseconds for a server that is well; up to 12 seconds for one that something seems to start anew.
    """
    instances, processes = context.get(Instances), context.get(Processes)
    if isinstance(instances, Absent):
        return instances
    if isinstance(processes, Absent):
        return processes
    found = [_server(p, c, processes) for p, c in _roots(instances)][:_MOST_SERVERS]
    restarts = watch_restarts(context, [p for p, _ in _roots(instances)], processes)
    looked = (replace(s, **watch_workers(context, s)) for s in found)
    return Servers(tuple(_asked(context, s) for s in looked), restarts)


def _roots(instances: Instances) -> Iterator[tuple[Process, Command | None]]:
    """The outermost Python process of each server: not its launchers, nor its workers."""
    seen: set[int] = set()
    for process in instances.all:
        if not is_python(process.command, process.exe) and read_command(process.command) is None:
            continue
        if is_launcher(process) or process.ppid in seen or process.state == "zombie":
            seen |= set() if is_launcher(process) else {process.pid}
            continue
        seen.add(process.pid)
        yield process, read_command(process.command)


def _server(process: Process, command: Command | None, processes: Processes) -> Server:
    age = processes.now - process.started
    reaped = reaped_seconds(process.pid)
    if command is None:
        return Server("launch", process.pid, age, process.command, process.cwd, app_file=process.script, reaped=reaped)
    children = [p for p in processes.children(process.pid) if _serves(p, process)]
    workers = tuple(ServerWorker(p.pid, processes.now - p.started) for p in children)
    options, config = _options(process, command)
    spec = options["wsgi_app"].value if not command.app and "wsgi_app" in options else command.app
    kind = app_object(process.script, spec.partition(":")[2] or "application") if spec else ""
    return Server(
        command.kind, process.pid, age, redact_command(process.command), process.cwd, workers, options, spec,
        process.script, kind, asgi_names(process.script) if kind == "missing" else (), config, command.titled,
        reaped=reaped,
    )


def _serves(child: Process, arbiter: Process) -> bool:
    if child.state == "zombie":
        return False
    return child.command == arbiter.command or is_worker(child) or read_command(child.command) is not None


def _options(process: Process, command: Command) -> tuple[dict[str, ServerOption], str]:
    """All settings, each from where it counts: for gunicorn default, file, GUNICORN_CMD_ARGS, command (config.py)."""
    variables = read_environment(process.pid)
    options = defaults(command.kind) | of_environment(command.kind, variables)
    if command.kind != "gunicorn":
        return options | dict(command.options), ""
    given = of_arguments_variable(variables)
    named = command.options.get("config") or given.get("config")
    config = config_file(named.value if named else "", process.cwd)
    options |= (read_config(config) if config else {}) | given | dict(command.options)
    if command.titled:  # flags that the title hides may say otherwise
        hidden = {n: replace(o, known=False) for n, o in options.items() if o.origin == "default"}
        options |= hidden
    return options, config


def _asked(context: Context, server: Server) -> Server:
    """With the processes that took connections of ours; nobody is asked who could only be disturbed by it."""
    listeners = context.get(Listeners)
    if sys.platform != "linux" or not context.options.allows("probe") or isinstance(listeners, Absent):
        return server
    if server.worker_class in WSGI_CLASSES and server.kind == "gunicorn":  # it reads what we never send, and waits
        return server
    pids = {server.pid, *(w.pid for w in server.workers)}
    sockets = [s for s in listeners.sockets if pids.intersection(s.holders)]
    port = context.target.port if any(s.port == context.target.port for s in sockets) else None
    chosen = [s for s in sockets if port in (None, s.port)]
    if not chosen:
        return server
    holders = [p for s in chosen if s.port == chosen[0].port for p in s.holders]
    if len(set(holders)) < 2:
        return server
    several = len(server.workers) > 1
    accepted = who_accepts(_host(chosen), chosen[0].port, list(dict.fromkeys(holders)), several=several)
    return _with_found_workers(replace(server, accepted=accepted))


def _with_found_workers(server: Server) -> Server:
    """The workers of a server that a script runs are told from its other children by what they accept."""
    others = tuple(ServerWorker(pid, 0.0) for pid in sorted(server.accepted) if pid != server.pid)
    if server.kind != "launch" or not others:
        return server
    return replace(server, kind="uvicorn", workers=others)


def _host(sockets: Sequence[Listener]) -> str:
    covered = (h for h in _LOOPBACKS if any(s.covers(h) for s in sockets))
    return next(covered, sockets[0].host)
