"""Who holds the port that the app wants, and may the app have it at all?"""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import (
    Absent,
    AppSource,
    BindPolicy,
    Finding,
    Instances,
    Listener,
    Listeners,
    Process,
    Processes,
    Source,
    WantedAddress,
    check,
)


def _conflicts(socket: Listener, wanted: WantedAddress) -> bool:
    """True when the app could not have the port beside this socket.

    Gradio first binds 127.0.0.1:port itself, whatever server_name says, then uvicorn binds the wanted host.
    """
    hosts = {"127.0.0.1", wanted.host}
    return any(socket.covers(h) for h in hosts) or (wanted.host in ("0.0.0.0", "::") and not socket.loopback)  # noqa: S104


def _takers(wanted: WantedAddress, listeners: Listeners, port: int) -> list[Listener]:
    return [s for s in listeners.on(port) if _conflicts(s, wanted)]


def _about(process: Process, processes: Processes, socket: Listener | None = None) -> dict[str, str]:
    facts = {
        "pid": str(process.pid), "command": process.command_line, "user": process.user,
        "age": _age(processes.now - process.started), "state": process.state,
    }
    if socket is not None:
        facts |= {"port": str(socket.port), "address": socket.host}
    return facts


def _age(seconds: float) -> str:
    """A duration as people say it."""
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {name}"
    return f"{max(int(seconds), 0)} s"


def _of(process: Process) -> Source:
    return Source("process", f"pid {process.pid}")


@check(
    "port-holder", cost=0.05,
    finds=("port.held-by-other", "port.held-by-hidden", "port.default-taken", "port.every-port-taken", "port.free"),
)
def port_holder(
    wanted: WantedAddress, listeners: Listeners, processes: Processes, instances: Instances
) -> Iterator[Finding]:
    """A different program on the port the app wants, or on every port of its range."""
    own = processes.with_descendants(p.pid for p in instances.all)  # Gradio's Node server has the port in its name
    takers = {port: _takers(wanted, listeners, port) for port in wanted.ports}
    first = takers[wanted.first]
    if not first:
        yield Finding("port.free", facts={"port": str(wanted.first)}, witness="port")
        yield from (Finding(name, seen=False) for name in ("port.held-by-other", "port.every-port-taken"))
        return
    strangers = [s for s in first if not own.intersection(s.holders)]
    if len(wanted.ports) > 1:
        yield _range(wanted, takers)
    if strangers and (wanted.fixed or len(wanted.ports) == 1):
        yield from _holders(strangers, processes, "port.held-by-other")
    elif strangers:
        yield from _holders(strangers, processes, "port.default-taken")
    else:
        yield Finding("port.held-by-other", seen=False)


def _range(wanted: WantedAddress, takers: dict[int, list[Listener]]) -> Finding:
    taken = [p for p, sockets in takers.items() if sockets]
    facts = {"first": str(wanted.ports[0]), "last": str(wanted.ports[-1]), "count": str(len(wanted.ports))}
    return Finding("port.every-port-taken", len(taken) == len(wanted.ports), facts, witness="port-range")


def _holders(sockets: list[Listener], processes: Processes, name: str) -> Iterator[Finding]:
    for socket in sockets:
        holder = next((p for pid in socket.holders if (p := processes.get(pid))), None)
        if holder is None:
            facts = {"port": str(socket.port), "address": socket.host, "uid": str(socket.uid)}
            yield Finding("port.held-by-hidden", facts=facts, source=Source("socket", f"port {socket.port}"))
        else:
            yield Finding(name, facts=_about(holder, processes, socket), source=_of(holder))


_LEFT_OVER = (
    "port.earlier-run", "port.suspended-instance", "port.orphaned-fork", "port.orphaned-instance",
    "port.moved-past-instance",
)


@check("port-instances", cost=0.05, finds=_LEFT_OVER)
def port_instances(
    wanted: WantedAddress, listeners: Listeners, processes: Processes, instances: Instances
) -> Iterator[Finding]:
    """Earlier runs of the same app that still hold a port: suspended, orphaned, or simply never stopped."""
    found = [*_held(wanted, listeners, processes, instances), *_moved(wanted, listeners, processes, instances)]
    yield from found
    if found:
        yield Finding("port.earlier-run", facts=found[0].facts, source=found[0].source)
    else:
        yield Finding("port.earlier-run", seen=False)


def _held(
    wanted: WantedAddress, listeners: Listeners, processes: Processes, instances: Instances
) -> Iterator[Finding]:
    for process in instances.all:
        sockets = listeners.held_by(process.pid)
        if not sockets or process.pid == instances.started_by_us:
            continue
        socket = next((s for s in sockets if s.port in wanted.ports), sockets[0])
        if name := _left_over(process, instances):
            yield Finding(name, facts=_about(process, processes, socket), source=_of(process))


def _left_over(process: Process, instances: Instances) -> str:
    """What makes a run one that nobody means to have any more, "" when nothing does."""
    if process.stopped:
        return "port.suspended-instance"
    if process.orphan and process in instances.children:  # the app is gone; a forked child keeps its socket
        return "port.orphaned-fork"
    return "port.orphaned-instance" if process.orphan and not process.keeper else ""


def _moved(
    wanted: WantedAddress, listeners: Listeners, processes: Processes, instances: Instances
) -> Iterator[Finding]:
    """Two runs at once: the older one kept the wanted port, so the newer one silently took another."""
    if len(instances.main) < 2 or wanted.fixed:
        return
    serving = [(p, s) for p in instances.main for s in listeners.held_by(p.pid)[:1]]
    serving.sort(key=lambda pair: pair[0].started)
    if len(serving) < 2 or serving[0][1].port not in wanted.ports:
        return
    (older, kept), (newer, taken) = serving[0], serving[-1]
    if kept.port < taken.port and taken.port in wanted.ports:
        facts = _about(older, processes, kept) | {"new_pid": str(newer.pid), "new_port": str(taken.port)}
        yield Finding("port.moved-past-instance", facts=facts, source=_of(older), witness="moved")


@check("port-bind", cost=0.05, finds=("port.not-permitted", "port.host-not-local"))
def port_bind(wanted: WantedAddress, policy: BindPolicy) -> Iterator[Finding]:
    """Ports that the user may not bind, and addresses that no interface has."""
    facts = {"port": str(wanted.first), "lowest": str(policy.lowest), "origin": wanted.origin}
    low = 0 < wanted.first < policy.lowest and not policy.privileged
    yield Finding("port.not-permitted", low, facts, witness="bind-port")
    facts = {"host": policy.host, "error": policy.host_error, "origin": wanted.origin}
    yield Finding("port.host-not-local", bool(policy.host_error), facts, witness="bind-host")


@check("port-stale-code", cost=0.01, finds=("port.stale-code",))
def port_stale_code(app: AppSource, instances: Instances, processes: Processes | Absent) -> Iterator[Finding]:
    """The file was changed after the running instance was started: it serves old code."""
    if isinstance(processes, Absent) or not app.modified:
        return
    for process in instances.main:
        late = app.modified - process.started
        if process.pid != instances.started_by_us and late > 1:
            yield Finding("port.stale-code", facts=_about(process, processes) | {"file": app.path}, source=_of(process))
