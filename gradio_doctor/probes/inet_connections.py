"""When each TCP connection last sent and last received, asked of the Linux kernel through NETLINK_SOCK_DIAG."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gradio_doctor.probes.inet_diag import dump, normal_address

_STATE_ESTABLISHED = 1
_INFO = 2  # INET_DIAG_INFO: the attribute that holds a tcp_info
_MESSAGE = struct.Struct("=4B48s5I")  # inet_diag_msg
_ATTRIBUTE = struct.Struct("=HH")  # rtattr
# Offsets in linux/tcp.h struct tcp_info (milliseconds ago, and bytes).
_LAST = struct.Struct("=III")  # tcpi_last_data_sent, tcpi_last_ack_sent, tcpi_last_data_recv
_LAST_AT = 44
_BYTES = struct.Struct("=QQ")  # tcpi_bytes_acked (the SYN counts as one), tcpi_bytes_received; since Linux 4.1
_BYTES_AT = 120
_TICKS = 0.02  # seconds; the kernel's clock for these has steps of up to 10 ms


@dataclass(frozen=True, slots=True)
class Connection:
    """An established connection; `sent` and `received` are how long ago that last happened, in seconds."""

    inode: int
    local: tuple[str, int]
    remote: tuple[str, int]
    sent: float
    received: float
    bytes_sent: int
    bytes_received: int

    @property
    def unanswered(self) -> bool:
        """True when something was sent, and nothing has come back since."""
        return self.bytes_sent > 1 and (not self.bytes_received or self.received > self.sent + _TICKS)


def connections() -> tuple[Connection, ...]:
    """All established TCP connections of our network namespace.

    Both clocks start when the connection is made. Raises OSError where the kernel refuses.
    """
    families: tuple[Literal[4, 6], ...] = (4, 6)
    return tuple(e for f in families for m in dump(f, 1 << _STATE_ESTABLISHED, 1 << (_INFO - 1)) for e in _read(m, f))


def _read(message: bytes, family: Literal[4, 6]) -> Iterator[Connection]:
    _, _, _, _, identity, *_, inode = _MESSAGE.unpack_from(message)
    ports = int.from_bytes(identity[:2], "big"), int.from_bytes(identity[2:4], "big")
    width, kind = (4, socket.AF_INET) if family == 4 else (16, socket.AF_INET6)
    hosts = (socket.inet_ntop(kind, identity[at : at + width]) for at in (4, 20))
    local, remote = ((normal_address(host)[0], port) for host, port in zip(hosts, ports, strict=True))
    at = _MESSAGE.size
    while at + _ATTRIBUTE.size <= len(message):
        length, attribute = _ATTRIBUTE.unpack_from(message, at)
        if length < _ATTRIBUTE.size:
            return
        body = message[at + _ATTRIBUTE.size : at + length]
        if attribute == _INFO and len(body) >= _BYTES_AT + _BYTES.size:
            sent, _, received = _LAST.unpack_from(body, _LAST_AT)
            yield Connection(inode, local, remote, sent / 1000, received / 1000, *_BYTES.unpack_from(body, _BYTES_AT))
            return
        at += (length + 3) & ~3
