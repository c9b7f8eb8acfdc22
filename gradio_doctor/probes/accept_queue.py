"""Whether anybody calls accept() on the app's socket."""

from __future__ import annotations

import sys
import time

from gradio_doctor.evidence import Absent, AcceptQueue
from gradio_doctor.probes.app_address import find_address
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.sockets import listening_sockets

_SAMPLES = 5
_SECONDS = 0.3


def probe_accept_queue(context: Context) -> AcceptQueue | Absent:
    """Sample how many connections wait for accept() on the app's port, over 0.3 s. No privilege is needed."""
    address = find_address(context)
    if isinstance(address, Absent):
        return address
    if not address.local:
        return Absent("the app runs on another machine", f"ssh {address.host} gradio-doctor diagnose {address.port}")
    if sys.platform != "linux":
        return Absent("only Linux tells how many connections wait for accept()")
    return sample_backlog(address.port)


def sample_backlog(port: int, seconds: float = _SECONDS, samples: int = _SAMPLES) -> AcceptQueue | Absent:
    """The backlog of everything that listens on a port, `samples` times over `seconds`."""
    started = time.monotonic()
    counts = []
    for turn in range(samples):
        if turn:
            time.sleep(max(0.0, started + turn * seconds / (samples - 1) - time.monotonic()))
        try:
            backlogs = [s.backlog for s in listening_sockets() if s.port == port]
        except OSError as error:
            return Absent(f"the listening sockets cannot be read: {error}")
        if not backlogs:
            return Absent(f"nothing listens on port {port}")
        counts.append(sum(backlogs))
    return AcceptQueue(port, tuple(counts), time.monotonic() - started)
