"""Who uses a port without listening on it: connections whose own end it is keep a server from binding it, too.

bind(2) fails with EADDRINUSE on a port that any socket without SO_REUSEADDR is bound to, and the kernel gives such
ports (net.ipv4.ip_local_port_range) to whoever opens a connection.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from gradio_doctor.evidence import Absent, PortUser, PortUsers, WantedAddress
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.inet_diag import dump, normal_address
from gradio_doctor.probes.sockets import find_holders

_ALL_BUT_LISTENING = 0xFFE & ~(1 << 10)  # net/tcp_states.h
_TIME_WAIT = 6
_MESSAGE = struct.Struct("=4B48s5I")  # inet_diag_msg
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LINUX_DEFAULT = (32768, 60999)


def probe_port_users(context: Context) -> PortUsers | Absent:
    """The sockets bound to the first port that the app wants, those that listen left out."""
    wanted = context.get(WantedAddress)
    if isinstance(wanted, Absent):
        return wanted
    if not sys.platform.startswith("linux"):
        return Absent("only Linux tells who uses a port")
    try:
        return port_users(wanted.first)
    except OSError as error:
        return Absent(f"the kernel does not tell who uses port {wanted.first} ({error})")


def port_users(port: int) -> PortUsers:
    """Who uses a port of our network namespace. Raises OSError where the kernel refuses."""
    families: tuple[Literal[4, 6], ...] = (4, 6)
    found = [user for f in families for message in dump(f, _ALL_BUT_LISTENING) for user in _read(message, f, port)]
    holders = find_holders({inode for inode, _ in found if inode})
    users = [PortUser(next(iter(holders.get(inode, ())), 0), remote) for inode, remote in found]
    low, high = _handed_out()
    return PortUsers(port, tuple(sorted(users, key=lambda u: -u.pid)), low <= port <= high)


def _read(message: bytes, family: Literal[4, 6], port: int) -> Iterator[tuple[int, str]]:
    _, state, _, _, identity, *_, inode = _MESSAGE.unpack_from(message)
    if int.from_bytes(identity[:2], "big") != port or state == _TIME_WAIT:  # which binds nobody with SO_REUSEADDR
        return
    width, kind = (4, socket.AF_INET) if family == 4 else (16, socket.AF_INET6)
    host = normal_address(socket.inet_ntop(kind, identity[20 : 20 + width]))[0]
    yield inode, f"[{host}]:{_remote(identity)}" if ":" in host else f"{host}:{_remote(identity)}"


def _remote(identity: bytes) -> int:
    return int.from_bytes(identity[2:4], "big")


def _handed_out() -> tuple[int, int]:
    """The ports that the kernel hands out for connections."""
    try:
        low, high = map(int, _RANGE.read_text().split())
    except (OSError, ValueError):
        return _LINUX_DEFAULT
    return low, high
