"""Server family, live: an app, or its workers, that end and are started anew again and again."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.command_line import changed_command
from gradio_doctor.sdk import Absent, Finding, Live, LogEvents, Server, Servers, Source, check

from .server_live import BLOCKED, IMPORT_SECONDS, OF_LIVING_WORKERS, rerun, server_finding, with_one_worker

_PATIENT = "600"  # seconds; large models take minutes from a cold disk


@check(
    "server-live-restarts", cost=0.2,
    finds=("server.restarted-while-looking", "server.restarts-after-error", "server.reloads-while-looking"),
)
def server_live_restarts(servers: Servers, log: LogEvents | Absent) -> Iterator[Finding]:
    """An app that is started anew while we look, by what started it, or by its own reloader."""
    again = next(iter(servers.restarts), None)
    if again is not None:
        facts = {
            "count": str(len(again.pids) - 1), "seconds": f"{again.seconds:.0f}", "keeper": again.keeper_command,
            "keeper_pid": str(again.keeper), "pids": ", ".join(map(str, again.pids)),
        }
        name = "server.restarts-after-error" if _says_why(log) else "server.restarted-while-looking"
        yield Finding(name, True, facts, Source("process", f"pid {again.keeper}"))
    for server in servers.servers:
        if server.on("reload") and len(server.begun) > 1:
            plain = changed_command(server.command, {}, drop=("--reload",))
            facts = {"count": str(len(server.begun)), "seconds": f"{server.seconds:.0f}",
                     "plain_command": rerun(server, plain)}
            yield server_finding("server.reloads-while-looking", server, facts)


def _says_why(log: LogEvents | Absent) -> bool:
    """True when the log has an error that ended the start: then that is to be mended, not who starts it again."""
    traces = log.tracebacks if isinstance(log, LogEvents) else ()
    return any(f.own and f.function == "<module>" for t in traces for link in t.links for f in link.frames)


@check(
    "server-live-deaths", cost=0.2,
    finds=("server.workers-die", "server.workers-die-of-error", "server.workers-outlive-timeout"),
)
def server_live_deaths(servers: Servers, live: Live | Absent, log: LogEvents | Absent) -> Iterator[Finding]:
    """Workers that end one after the other, and whose arbiter starts new ones without end."""
    judgements = live.judgements if isinstance(live, Live) else ()
    blocked = {j.pid for j in judgements if j.kind in BLOCKED and j.sure}
    for server in servers.servers:
        ended = [pid for pid in server.ended if pid not in blocked]
        if server.replaces_by_plan or not ended or not server.begun or (server.reaped or 0.0) < IMPORT_SECONDS:
            continue
        facts = {
            "count": str(len(ended)), "seconds": f"{server.seconds:.0f}", "pids": ", ".join(map(str, ended)),
            "single_worker_command": with_one_worker(server),
        }
        timeout = server.options.get("timeout")
        if timeout and _killed_for_silence(server, ended):
            longer = changed_command(server.command, {("-t", "--timeout"): _PATIENT})
            facts |= {"timeout": timeout.value, "timeout_origin": timeout.origin, "pid": str(ended[0]),
                      "patient_command": rerun(server, longer)}
            yield server_finding("server.workers-outlive-timeout", server, facts, replaces=OF_LIVING_WORKERS)
        else:
            name = "server.workers-die-of-error" if _says_why(log) else "server.workers-die"
            yield server_finding(name, server, facts, replaces=OF_LIVING_WORKERS)


def _killed_for_silence(server: Server, ended: list[int]) -> bool:
    """True when each of them lived as long as gunicorn lets a silent worker live: it looks every second or so."""
    timeout = server.number("timeout")
    ages = [w.age + server.seconds for w in server.workers if w.pid in ended]
    return server.kind == "gunicorn" and bool(timeout) and bool(ages) and all(
        (timeout or 0) <= age < (timeout or 0) + 4 for age in ages)
