"""One cheap glance at a running app: a request that the event loop answers, and when the kernel last saw it run."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gradio_doctor.evidence import HttpAnswer, Process
from gradio_doctor.live.roles import loop_by_kernel
from gradio_doctor.probes.app_address import AppAddress
from gradio_doctor.probes.exchange import Request, Server, ask
from gradio_doctor.probes.threads import watch
from gradio_doctor.probes.threads_family import on_linux
from gradio_doctor.probes.threads_read import look, state_of
from gradio_doctor.probes.threads_since import since_run
from gradio_doctor.probes.threads_sockets import Neighbours

LATE = 0.15  # seconds; 0 of 200 healthy apps took that long, under load as well (facts: live-inspection 5c)
_PATIENCE = 1.0
_SINCE_SECONDS = 0.05
_FIND_SECONDS = 0.4


@dataclass
class Asked:
    """A request that is under way; `answer` is None until it has come to an end."""

    server: Server
    path: str
    answer: HttpAnswer | None = None
    begun: float = field(default_factory=time.monotonic)
    _done: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> Asked:
        """Send it."""
        threading.Thread(target=self._ask, daemon=True).start()
        return self

    def _ask(self) -> None:
        self.answer = ask(self.server, Request("loop", "HEAD", self.path, seconds=_PATIENCE)).answer
        self._done.set()

    def wait(self, seconds: float = _PATIENCE + 1.5) -> HttpAnswer | None:
        """The answer, if it comes within so many seconds."""
        self._done.wait(seconds)
        return self.answer


@dataclass
class Glancer:
    """Looks at one running app again and again. `ask` is False where requests are not allowed."""

    processes: Sequence[Process]
    address: AppAddress | None
    ask: bool = True
    _loop: tuple[int, int] | None = None
    _switches: int = -1

    def alive(self) -> bool:
        """True while the process that serves is there (a remote one is taken to be)."""
        return not self.processes or _runs(self.processes[0])

    def find_loop(self) -> None:
        """Tell the event loop's thread by how often it wakes; without it, requests alone have to do."""
        if self.processes and on_linux():
            first = self.processes[0]
            seen = watch([first], Neighbours(None, frozenset([first.pid])), seconds=_FIND_SECONDS, samples=2)
            tid = loop_by_kernel(seen.processes[0].threads) if seen.processes else None
            self._loop = (first.pid, tid) if tid is not None else None

    def idle_for(self) -> float:
        """Seconds since the event loop's thread last ran: at most 0.1 where all is well. 0.0 when that is unknown."""
        return since_run([self._loop], _SINCE_SECONDS).get(self._loop, 0.0) if self._loop else 0.0

    def request(self) -> Asked | None:
        """A request on its way."""
        if self.address is None or not self.ask:
            return None
        return Asked(self.address.server, self.address.prefixes[0] + "/config").begin()

    def moved(self) -> bool:
        """Whether the loop's thread has run since this was last asked; True when that cannot be told."""
        seen = look(*self._loop, 0.0) if self._loop else None
        before, self._switches = self._switches, seen.voluntary + seen.involuntary if seen else -1
        return seen is None or self._switches != before


def _runs(process: Process) -> bool:
    """True while the process has not ended, nor its number been given to another one."""
    from gradio_doctor.probes.processes import read_process

    if on_linux() and state_of(process.pid) in ("", "Z", "X"):
        return False
    now = read_process(process.pid)
    return now is not None and abs(now.started - process.started) < 1.0
