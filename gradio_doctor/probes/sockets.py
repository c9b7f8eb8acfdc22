"""Who listens on which TCP port of this machine."""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradio_doctor.evidence import Absent, Listener, Listeners, LocalListener
from gradio_doctor.probes import inet_diag, proc_net
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.unix_sockets import local_sockets, of_servers

_SCAN_SECONDS = 3.0
_SOCKET = "socket:["
Table = Callable[[], tuple[Listener, ...]]


def probe_listeners(context: Context) -> Listeners | Absent:  # noqa: ARG001 - the contract of probes
    """All listening TCP sockets with every process that holds them, as far as we may see."""
    try:
        if sys.platform == "linux":
            return with_holders(listening_sockets(), local=local_sockets())
        return portable_listeners()
    except (OSError, ValueError, ImportError) as error:
        return Absent(f"the listening sockets cannot be read: {error}", "sudo gradio-doctor diagnose")


def listening_sockets(tables: tuple[Table, ...] = (inet_diag.listening_sockets, proc_net.listening_sockets)) -> tuple[
    Listener, ...
]:
    """The listening sockets of this machine without holders, from the first table that answers (Linux).

    Raises OSError when none does.
    """
    refused: Exception = OSError("no table of sockets")
    for table in tables:
        try:
            return table()
        except (OSError, AttributeError, ValueError) as error:
            refused = error
    raise OSError(str(refused)) from refused


def with_holders(
    sockets: tuple[Listener, ...], processes: Path = Path("/proc"), local: tuple[LocalListener, ...] = ()
) -> Listeners:
    """The sockets with their holders: all of them, since forked children and workers share one socket."""
    holders = find_holders({s.inode for s in sockets} | {s.inode for s in local}, processes)
    held = tuple(replace(s, holders=holders.get(s.inode, ())) for s in sockets)
    return Listeners(held, hidden=any(not s.holders for s in held), local=tuple(of_servers(local, holders)))


def find_holders(inodes: Collection[int], processes: Path = Path("/proc")) -> Mapping[int, tuple[int, ...]]:
    """The pids that hold each socket, in one pass over the processes we may read (at most three seconds)."""
    wanted = {f"{_SOCKET}{inode}]": inode for inode in inodes}
    found: dict[int, list[int]] = defaultdict(list)
    give_up = time.monotonic() + _SCAN_SECONDS
    for pid in sorted(int(p.name) for p in processes.iterdir() if p.name.isdigit()):
        if time.monotonic() > give_up:
            break
        for link in _open_sockets(processes / str(pid) / "fd"):
            if (inode := wanted.get(link)) is not None and pid not in found[inode]:
                found[inode].append(pid)
    return {inode: tuple(pids) for inode, pids in found.items()}


def _open_sockets(descriptors: Path) -> set[str]:
    """The sockets among a process's descriptors; none when it is not ours to read, or has just ended."""
    links: set[str] = set()
    try:
        with os.scandir(descriptors) as entries:
            for entry in entries:
                try:
                    links.add(os.readlink(entry.path))  # noqa: PTH115 - half the time of a Path
                except OSError:  # closed meanwhile
                    continue
    except OSError:
        return set()
    return {link for link in links if link.startswith(_SOCKET)}


def portable_listeners() -> Listeners:
    """The same through psutil, for macOS and Windows: no inodes, no backlog, one holder a socket.

    macOS shows the sockets of other users' processes to root only; then `hidden` is set.
    """
    import psutil

    hidden = False
    rows: list[tuple[Any, int | None, str]]
    found: dict[tuple[str, int], set[int]] = defaultdict(set)
    try:
        rows = [(c.laddr, c.pid, c.status) for c in psutil.net_connections(kind="tcp")]
    except psutil.AccessDenied:
        rows, hidden = _connections_of_readable_processes(), True
    for address, pid, status in rows:
        if status == psutil.CONN_LISTEN and address:
            found[(address[0], address[1])].update([pid] if pid else [])
    sockets = tuple(_portable(host, port, pids) for (host, port), pids in sorted(found.items()))
    return Listeners(sockets, hidden or any(not s.holders for s in sockets))


def _connections_of_readable_processes() -> list[tuple[Any, int | None, str]]:
    import psutil

    rows: list[tuple[Any, int | None, str]] = []
    for process in psutil.process_iter():
        try:
            # psutil 6 renamed Process.connections to net_connections
            connections = getattr(process, "net_connections", None) or process.connections
            rows += [(c.laddr, process.pid, c.status) for c in connections(kind="tcp")]
        except (psutil.Error, OSError):
            continue
    return rows


def _portable(host: str, port: int, pids: set[int]) -> Listener:
    plain, family = inet_diag.normal_address(host)
    return Listener(plain, port, family, inode=0, uid=-1, holders=tuple(sorted(pids)))
