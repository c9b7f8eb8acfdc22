"""Ports for the tests' servers, each handed out once."""

from __future__ import annotations

import os
import random
import socket

# Below the ports that the kernel hands out by itself (from 32768 on, ip_local_port_range), and each of pytest-xdist's
# workers has a range of its own: nobody takes a port between now and the moment when the app binds it.
_RANGE = 4_000
_FIRST = 10_000 + _RANGE * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 5)
_next = random.randrange(_RANGE)


def free_ports(count: int = 1) -> list[int]:
    """Neighbouring ports of the loopback that nothing listens on."""
    global _next
    for _ in range(_RANGE):
        first = _FIRST + min(_next, _RANGE - count)
        _next = (_next + count) % _RANGE
        if all(_is_free(port) for port in range(first, first + count)):
            return list(range(first, first + count))
    raise RuntimeError("no free ports in a row")


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    return free_ports()[0]


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
