"""Unix sockets on which servers of this machine listen: what a proxy beside the app is often told to ask (Linux)."""

from __future__ import annotations

import itertools
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gradio_doctor.evidence import LocalListener
from gradio_doctor.probes.processes import read_process

_ACCEPTS = 0x10000  # __SO_ACCEPTCON (linux/net.h)
_STREAM = "0001"
_MOST_LINES = 100_000
_NAMES = (".sock", ".socket")


def local_sockets(table: Path = Path("/proc/self/net/unix")) -> tuple[LocalListener, ...]:
    """The listening stream sockets that have a path, as it was given to bind(2), without holders; none if unreadable.

    Its columns: number, references, protocol, flags, type, state, inode, path (proc(5)).
    """
    try:
        with table.open(encoding="utf-8", errors="surrogateescape") as lines:
            rows = [line.rstrip("\n").split(None, 7) for line in itertools.islice(lines, 1, _MOST_LINES)]
    except OSError:
        return ()
    return tuple(LocalListener(row[7], int(row[6])) for row in rows if len(row) == 8 and _listens(row))


def _listens(row: list[str]) -> bool:
    return row[4] == _STREAM and bool(int(row[3], 16) & _ACCEPTS) and not row[7].startswith("@")


def of_servers(
    sockets: tuple[LocalListener, ...], holders: Mapping[int, tuple[int, ...]]
) -> Iterator[LocalListener]:
    """Those that are meant for a server's clients, with their holders and a full path.

    They are named like one, or on the command line. multiprocessing, ZeroMQ and others listen on nameless ones.
    """
    for socket in sockets:
        process = read_process(holders[socket.inode][0]) if holders.get(socket.inode) else None
        if process is None or not (socket.path.endswith(_NAMES) or _names(process.command, socket.path)):
            continue
        path = socket.path if socket.path.startswith("/") else str(Path(process.cwd or "/", socket.path))
        yield replace(socket, path=path, holders=holders[socket.inode])


def _names(command: tuple[str, ...], path: str) -> bool:
    return any(part.endswith(path) for part in command[1:])


def reachable(path: str, pid: int) -> str:
    """The path by which we reach a socket of another process, which may see other files than we do."""
    for place in (path, f"/proc/{pid}/root{path}"):
        try:
            if stat.S_ISSOCK(Path(place).stat().st_mode):
                return place
        except (OSError, ValueError):
            continue
    return path
