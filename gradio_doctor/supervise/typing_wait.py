"""Does the app stand at its stdin, where nobody will type anything?"""

from __future__ import annotations

import time
from pathlib import Path

from gradio_doctor.probes.threads_calls import parse_call

_EVERY = 0.5  # seconds between two looks
_PATIENCE = 3.0  # seconds; a look at the terminal whether something is there is over at once


class Typing:
    """Looks now and then at what the main thread of a process waits for."""

    def __init__(self) -> None:
        self._next = 0.0
        self._since: float | None = None

    def waits(self, pid: int, proc: Path = Path("/proc")) -> bool:
        """True when it has stood in read(0, ...) whenever we looked, for some seconds. False where that is hidden."""
        now = time.monotonic()
        if not pid or now < self._next:
            return False
        self._next = now + _EVERY
        if not _at_stdin(proc / str(pid)):
            self._since = None
            return False
        self._since = self._since or now
        return now - self._since >= _PATIENCE


def _at_stdin(process: Path) -> bool:
    try:
        call = parse_call((process / "syscall").read_text())
    except OSError:
        return False
    return call is not None and call.name in ("read", "readv") and call.fd == 0
