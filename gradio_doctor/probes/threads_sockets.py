"""What a socket of a process is connected to, and whether the other end is the app itself."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from gradio_doctor.evidence import Listeners, Resource
from gradio_doctor.evidence.threads import Peer
from gradio_doctor.probes.inet_diag import normal_address
from gradio_doctor.probes.proc_net import printed_address
from gradio_doctor.probes.redact import clean

_MOST_BYTES = 16 << 20
_STATES = {1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "CLOSE",
           8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING"}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Who listens where on this machine, and which processes are the app's."""

    listeners: Listeners | None = None
    app: frozenset[int] = frozenset()

    def peer(self, pid: int, local_host: str, host: str, port: int) -> Peer:
        """Who answers at an address that a socket of `pid` is connected to."""
        try:
            here = ipaddress.ip_address(host).is_loopback or host == local_host
        except ValueError:
            return ""
        if not here:
            return "remote"
        sockets = self.listeners.on(port) if self.listeners else ()
        holders = {holder for s in sockets if s.covers(host) for holder in s.holders}
        if pid in holders:
            return "self"
        return "app" if holders & self.app else "local"


@dataclass
class SocketTable:
    """The sockets that a process can see (those of its network namespace), read when first needed."""

    pid: int
    neighbours: Neighbours
    proc: str = "/proc"
    texts: dict[str, bytes] = field(default_factory=dict)

    def resource(self, inode: str, fd: int) -> Resource:
        """The socket with that inode; without addresses when no table has it."""
        for table in ("tcp", "tcp6", "udp", "udp6"):
            if row := _row(self._text(table), inode):
                return self._inet(row, fd, table)
        if row := _row(self._text("unix"), inode):
            path = clean(row[7], 300) if len(row) > 7 else ""
            return Resource("socket", fd, name=f"unix {path}".strip(), local=path, state="unix", peer="local")
        return Resource("socket", fd, name=f"socket:[{inode}]")

    def _inet(self, row: list[str], fd: int, table: str) -> Resource:
        try:
            (local_host, local_port), (host, port) = _endpoint(row[1]), _endpoint(row[2])
            state = _STATES.get(int(row[3], 16), "") if table.startswith("tcp") else "UDP"
        except (ValueError, IndexError, OSError):
            return Resource("socket", fd)
        remote = _shown(host, port) if port else ""
        peer: Peer = self.neighbours.peer(self.pid, local_host, host, port) if port else ""
        return Resource("socket", fd, table, _shown(local_host, local_port), remote, state, peer)

    def _text(self, table: str) -> bytes:
        if table not in self.texts:
            try:
                with Path(f"{self.proc}/{self.pid}/net/{table}").open("rb") as file:
                    self.texts[table] = file.read(_MOST_BYTES).replace(b"\n", b" \n")  # so that a space ends a row
            except OSError:
                self.texts[table] = b""
        return self.texts[table]


def _row(text: bytes, inode: str) -> list[str] | None:
    """The row of a socket. Found as text: splitting ten thousand rows takes a hundred times longer."""
    needle = b" %s " % inode.encode("utf-8", "replace")
    at = -1
    for _ in range(8):
        at = text.find(needle, at + 1)
        if at < 0:
            return None
        start, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
        row = text[start : end if end >= 0 else len(text)].decode("utf-8", "replace").split()
        if inode in (row[9:10] + row[6:7]):  # the inode's column: ninth of tcp and udp, sixth of unix
            return row
    return None


def _endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    return normal_address(printed_address(address))[0], int(port, 16)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

