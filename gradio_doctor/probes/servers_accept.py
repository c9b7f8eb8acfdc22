"""Which process takes a connection to the app: seen from the sockets alone, without a request.

A connection is opened and nothing is sent. Once a process has accepted it, the other end has an inode in the kernel's
table of sockets, and one of the process's descriptors points to it. No server writes a line about that.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

_CONNECTIONS = 16
_MOST_CONNECTIONS = 64
_ALL_SECONDS = 1.0
_ONE_SECONDS = 0.15
_PAUSE = 0.001
_MOST_BYTES = 16 << 20


def who_accepts(host: str, port: int, pids: Sequence[int], *, several: bool = False) -> Mapping[int, int]:
    """How many of 16 connections each of the processes took (Linux).

    Empty when nobody accepts, or nothing can be seen. Takes at most a second, a few milliseconds as a rule. Where
    `several` are known to serve, more connections are opened until a second one takes its turn: on a busy machine the
    one that runs already takes them all.
    """
    took: Counter[int] = Counter()
    deadline = time.monotonic() + _ALL_SECONDS
    silent = 0
    for number in range(_MOST_CONNECTIONS):
        if time.monotonic() > deadline or (silent > 1 and not took):
            break
        if number >= _CONNECTIONS and (len(took) > 1 or not several):
            break
        pid = _one(host, port, pids)
        silent += pid is None
        took.update([pid] if pid is not None else [])
    return dict(took)


def _one(host: str, port: int, pids: Sequence[int]) -> int | None:
    try:
        with socket.create_connection((host, port), timeout=_ONE_SECONDS) as connection:
            local = int(connection.getsockname()[1])
            end = time.monotonic() + _ONE_SECONDS
            while time.monotonic() < end:
                if (inode := _far_inode(port, local)) and (pid := _holder(inode, pids)):
                    return pid
                time.sleep(_PAUSE)
    except OSError:
        return None
    return None


def _far_inode(port: int, local: int) -> str:
    """The inode of the other end of a connection from our port `local`; "" as long as nobody has accepted it."""
    near, far = b":%04X" % port, b":%04X" % local
    for table in ("tcp", "tcp6"):
        try:
            with Path(f"/proc/self/net/{table}").open("rb") as file:
                text = file.read(_MOST_BYTES)
        except OSError:
            continue
        for line in text.splitlines():
            if far not in line:
                continue
            row = line.split()
            if len(row) > 9 and row[1].endswith(near) and row[2].endswith(far) and row[9] != b"0":
                return row[9].decode()
    return ""


def _holder(inode: str, pids: Sequence[int]) -> int | None:
    wanted = f"socket:[{inode}]"
    for pid in pids:
        try:
            with os.scandir(f"/proc/{pid}/fd") as entries:
                for entry in entries:
                    if _link(entry.path) == wanted:
                        return pid
        except OSError:
            continue
    return None


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - half the time of a Path
    except OSError:
        return ""
