"""May the app bind the port and the address it wants? Found out without binding that port."""

from __future__ import annotations

import errno
import os
import socket
import threading
from pathlib import Path

from gradio_doctor.evidence import Absent, BindPolicy, WantedAddress
from gradio_doctor.probes.base import Context

_CAP_NET_BIND_SERVICE = 10  # include/uapi/linux/capability.h
_RESOLVE_SECONDS = 2.0


def probe_bind_policy(context: Context) -> BindPolicy | Absent:
    """The bind policy for the address the app wants, seen as the user we run as."""
    wanted = context.get(WantedAddress)
    if isinstance(wanted, Absent):
        return wanted
    host = wanted.host or "127.0.0.1"
    addresses, error = _resolve(host)
    if not error and addresses:
        error = _not_local(addresses[0])
    return BindPolicy(_lowest_port(), _may_bind_low(), host, addresses, error)


def _lowest_port() -> int:
    """net.ipv4.ip_unprivileged_port_start (ip-sysctl documentation); 1024 where there is no such setting."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    except (OSError, ValueError):
        return 0 if os.name == "nt" else 1024


def _may_bind_low() -> bool:
    """True when our effective capabilities include CAP_NET_BIND_SERVICE (without /proc: when we are root)."""
    try:
        status = Path("/proc/self/status").read_text()
        mask = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
        return bool(int(mask, 16) >> _CAP_NET_BIND_SERVICE & 1)
    except (OSError, StopIteration, ValueError, IndexError):
        return not hasattr(os, "geteuid") or os.geteuid() == 0


def _resolve(host: str) -> tuple[tuple[str, ...], str]:
    """The addresses of a host, or why it has none. The resolver cannot be cancelled, so it is left behind when slow."""
    answer: dict[str, object] = {}

    def look() -> None:
        try:
            infos = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            answer["addresses"] = tuple(dict.fromkeys(str(i[4][0]) for i in infos))
        except (OSError, UnicodeError) as error:
            answer["error"] = f"the name does not resolve ({error})"

    worker = threading.Thread(target=look, daemon=True)
    worker.start()
    worker.join(_RESOLVE_SECONDS)
    addresses = answer.get("addresses", ())
    if worker.is_alive():
        return (), f"the name does not resolve within {_RESOLVE_SECONDS:g} s"
    return (addresses if isinstance(addresses, tuple) else ()), str(answer.get("error", ""))


def _not_local(address: str) -> str:
    """Why no socket can have this address here, "" when one can. Binds port 0: any free port, for an instant."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.bind((address, 0))
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return f"no interface of this machine has the address {address}"
        return f"the address {address} cannot be used here ({error.strerror or error})"
    return ""
