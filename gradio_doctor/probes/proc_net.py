"""Listening sockets read from /proc/net/tcp and tcp6, for kernels and sandboxes without NETLINK_SOCK_DIAG."""

from __future__ import annotations

import itertools
import socket
import sys
from pathlib import Path

from gradio_doctor.evidence import Listener
from gradio_doctor.probes.inet_diag import normal_address

_LISTEN = "0A"
_MOST_LINES = 500_000


def listening_sockets(directory: Path = Path("/proc/self/net")) -> tuple[Listener, ...]:
    """All listening TCP sockets, without their holders; whether IPv6 ones accept IPv4 cannot be told here.

    Raises OSError when there is no such table.
    """
    found = _table(directory / "tcp")
    try:
        return found + _table(directory / "tcp6")
    except FileNotFoundError:  # IPv6 is switched off
        return found


def _table(path: Path) -> tuple[Listener, ...]:
    with path.open(encoding="ascii", errors="replace") as lines:
        rows = (line.split() for line in itertools.islice(lines, 1, _MOST_LINES))
        return tuple(_listener(row) for row in rows if len(row) > 9 and row[3] == _LISTEN)


def _listener(row: list[str]) -> Listener:
    address, _, port = row[1].rpartition(":")
    host, family = normal_address(printed_address(address))
    backlog = int(row[4].rpartition(":")[2], 16)  # the receive queue of a listening socket
    return Listener(host, int(port, 16), family, inode=int(row[9]), uid=int(row[7]), backlog=backlog)


def printed_address(text: str) -> str:
    """An address that the kernel printed as 32-bit words in the machine's own byte order."""
    words = (int(text[i : i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(text), 8))
    raw = b"".join(words)
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
