"""Requests of the app that nobody has answered: what its event loop awaits, no stack shows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from gradio_doctor.evidence import Absent, AppSource, Listeners, Outgoing, Process, Processes, Unanswered
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.inet_connections import Connection, connections
from gradio_doctor.probes.live import PATIENCE
from gradio_doctor.probes.threads_family import family, on_linux, pythons

_MOST_DESCRIPTORS = 4096
_SOCKET = "socket:["


def probe_outgoing(context: Context) -> Outgoing | Absent:
    """The app's unanswered requests. Young ones are given time, where its source awaits something without a limit."""
    if not on_linux():
        return Absent("only Linux tells when a connection last sent and received")
    members = family(context)
    if isinstance(members, Absent):
        return members
    chosen = pythons(members, context.get(Processes))
    listeners, source = context.get(Listeners), context.known(AppSource)
    accepted = frozenset() if isinstance(listeners, Absent) else frozenset(s.port for s in listeners.sockets)
    try:
        found = unanswered(chosen, accepted)
        endless = isinstance(source, AppSource) and any(c.unlimited for c in source.awaited)
        if endless and found and all(u.seconds < PATIENCE for u in found):
            time.sleep(PATIENCE - max(u.seconds for u in found))
            found = unanswered(chosen, accepted)
    except OSError as error:
        return Absent(f"the kernel does not tell about connections ({error})")
    return Outgoing(found)


def unanswered(processes: Iterable[Process], accepted: frozenset[int]) -> tuple[Unanswered, ...]:
    """The unanswered requests of some processes; `accepted` are the local ports on which others connect to them.

    Raises OSError where the kernel refuses.
    """
    waiting = {e.inode: e for e in connections() if e.unanswered and e.local[1] not in accepted}
    found = [
        Unanswered(p.pid, _shown(e), e.sent) for p in processes if waiting
        for inode in _sockets(p.pid) if (e := waiting.get(inode))
    ]
    return tuple(sorted(found, key=lambda u: -u.seconds))


def _shown(connection: Connection) -> str:
    host, port = connection.remote
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _sockets(pid: int) -> Iterable[int]:
    """The inodes of the sockets that a process holds; none where that is hidden from us."""
    place = Path("/proc", str(pid), "fd")
    try:
        names = os.listdir(place)[:_MOST_DESCRIPTORS]  # noqa: PTH208 - names alone, no paths
    except OSError:
        return
    for name in names:
        try:
            link = os.readlink(place / name)  # noqa: PTH115 - the text, not a path
        except OSError:
            continue
        if link.startswith(_SOCKET) and link[len(_SOCKET) : -1].isdigit():
            yield int(link[len(_SOCKET) : -1])
