"""Whether anybody calls accept() on the app's socket."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field

from gradio_doctor.evidence import Absent, AcceptQueue
from gradio_doctor.probes.app_address import find_address
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.sockets import listening_sockets

_SAMPLES = 5
_SECONDS = 0.3
_PATIENCE = 0.4  # seconds that an app has to answer before anybody wonders whether it accepts at all


@dataclass
class Sampling:
    """A look that waits in the background for whether it is needed, while the app is asked over HTTP."""

    answered: threading.Event = field(default_factory=threading.Event)
    _done: threading.Event = field(default_factory=threading.Event)
    _found: AcceptQueue | Absent | None = None

    def begin(self, port: int) -> None:
        """Sample, unless `answered` is set before the app has taken too long."""
        threading.Thread(target=self._sample, args=(port,), daemon=True).start()

    def found(self) -> AcceptQueue | Absent | None:
        """What was seen; None when the app had answered by then."""
        self._done.wait(_PATIENCE + 2 * _SECONDS)
        return self._found

    def _sample(self, port: int) -> None:
        try:
            if not self.answered.wait(_PATIENCE):
                self._found = sample_backlog(port)
        finally:
            self._done.set()


def begin_sampling(context: Context) -> Sampling | Absent:
    """Begin to watch the app's accept queue, where that can be done."""
    address = find_address(context)
    if isinstance(address, Absent) or not address.local or address.socket or sys.platform != "linux":
        return Absent("its accept queue cannot be seen from here")
    sampling = Sampling()
    context.on_close(sampling.answered.set)
    sampling.begin(address.port)
    return sampling


def probe_accept_queue(context: Context) -> AcceptQueue | Absent:
    """Sample how many connections wait for accept() on the app's port, over 0.3 s. No privilege is needed."""
    address = find_address(context)
    if isinstance(address, Absent):
        return address
    if not address.local:
        return Absent("the app runs on another machine", f"ssh {address.host} gradio-doctor diagnose {address.port}")
    if address.socket:
        return Absent("how many connections wait on a Unix socket is not told")
    if sys.platform != "linux":
        return Absent("only Linux tells how many connections wait for accept()")
    begun = context.known(Sampling)
    found = begun.found() if isinstance(begun, Sampling) else None
    return found or sample_backlog(address.port)


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
