"""A port that could not be had although nobody listens on it: a connection keeps it, or kept it."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Finding, Listeners, LogEvents, PortUsers, Processes, Run, Source, check

_TAKEN = ("port.log-port-taken", "port.cannot-find-empty-port", "port.port-in-use", "port.address-in-use")
_FAILED = _TAKEN[1:]


@check("port-connection", finds=("port.used-by-connection", "port.free-again"))
def port_connection(
    run: Run, log: LogEvents, listeners: Listeners, users: PortUsers, processes: Processes
) -> Iterator[Finding]:
    """The app that we started just now found its port taken, and nobody listens there: who has it, or had it?"""
    port = users.port
    failed = next((m for name in _FAILED if (m := log.get(name)) is not None), None)
    if run.outcome != "exited" or failed is None or failed.captures.get("first", str(port)) != str(port):
        return
    if any(s.port == port for s in listeners.sockets):
        return
    held = next((u for u in users.users if u.pid), None)
    if held is not None:
        process = processes.get(held.pid)
        facts = {"port": str(port), "pid": str(held.pid), "remote": held.remote,
                 "command": process.command_line[:160] if process else "?"}
        source = Source("process", f"pid {held.pid}")
        yield Finding("port.used-by-connection", facts=facts, source=source, replaces=_TAKEN)
    elif not users.users:
        facts = {"first": str(port), "again": "one that was just ending"}
        if users.ephemeral:
            facts["again"] = "most likely a connection, to which the kernel had lent the port"
        yield Finding("port.free-again", facts=facts, source=Source("socket", f"port {port}"), replaces=_TAKEN)
