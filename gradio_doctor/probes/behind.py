"""The app behind a target that turns out to be a reverse proxy of this machine."""

from __future__ import annotations

from gradio_doctor.evidence import Absent, Listeners, Processes, Proxies, Target
from gradio_doctor.evidence.proxies import is_local
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.proxies.running import is_proxy


def public_address(target: Target) -> str:
    """The URL of a target that may be a proxy of this machine, "" when it cannot be one."""
    if target.kind not in ("url", "port") or target.port is None:
        return ""
    return target.url or f"http://127.0.0.1:{target.port}/"


def look_behind(context: Context) -> Target | None:
    """What a proxy on the target's port passes requests to, when its own configuration says so: a port, or the process
    that listens on a Unix socket.

    `context.options.proxy` is the target's address. None when nothing of that is certain: another program listens
    there, the upstream is on another machine, or several are taken in turn.
    """
    listeners, processes = context.get(Listeners), context.get(Processes)
    if isinstance(listeners, Absent) or isinstance(processes, Absent) or context.target.port is None:
        return None
    pids = [pid for socket in listeners.on(context.target.port) for pid in socket.holders]
    if not any((process := processes.get(pid)) is not None and is_proxy(process) for pid in pids):
        return None
    proxies = context.get(Proxies)
    if isinstance(proxies, Absent) or proxies.matched != "public":
        return None
    upstreams = max(proxies.ours, key=lambda route: len(route.path)).upstreams
    if len(upstreams) == 1 and upstreams[0].socket:
        holder = next((s.holders[0] for s in listeners.local if s.path == upstreams[0].socket), None)
        return Target("process", context.target.text, pid=holder) if holder else None
    port = upstreams[0].port if len(upstreams) == 1 else None
    if port is None or port == context.target.port or not is_local(upstreams[0].host, proxies.addresses):
        return None
    return Target("port", context.target.text, port=port)
