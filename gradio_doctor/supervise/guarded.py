"""Our end of the guard: start a command under it, learn how it ended, have it stopped."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradio_doctor.supervise.guard import GRACE, KILL, KILL_TIME, STOP

_ROOT = str(Path(__file__).resolve().parents[2])
# -I and -S: neither the app's PYTHON* variables nor site-packages of ours reach the guard
_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); from gradio_doctor.supervise.guard import main; main(sys.argv[2:])"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: by itself with an exit code, or by a signal (its number). `peak_memory` in bytes."""

    exit_code: int | None
    signal: int | None
    peak_memory: int

    @classmethod
    def of(cls, status: int, peak_memory: int) -> Ended:
        """Read a wait status."""
        if os.WIFSIGNALED(status):
            return cls(None, os.WTERMSIG(status), peak_memory)
        return cls(os.WEXITSTATUS(status), None, peak_memory)


class GuardedProcess:
    """A command that runs under the guard. Linux only: elsewhere `start` raises OSError.

    `pid` is 0 until the guard has started it; `failure` says why it could not; `gone` is True when the guard has
    ended, and with it everything below (but `left`, pids that even SIGKILL did not end).
    """

    def __init__(self, command: Sequence[str], directory: str, environment: Mapping[str, str]) -> None:
        self.command = tuple(command)
        self.directory = directory
        self.environment = dict(environment)
        self.pid = 0
        self.failure = ""
        self.ended: Ended | None = None
        self.left: tuple[int, ...] = ()
        self.gone = False
        self._control = self._status = -1
        self._guard: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._reading = threading.Lock()

    @property
    def guard_pid(self) -> int:
        """The pid of the guard, whose descendants are the app's processes; 0 before the start."""
        return self._guard.pid if self._guard else 0

    def start(self, output: int) -> None:
        """Start it, stdout and stderr on the descriptor `output`, which is closed here. Raises OSError.

        Whatever interrupts this, closing the control pipe (`stop`, or the end of our process) ends the command.
        """
        if sys.platform != "linux":
            os.close(output)
            raise OSError("apps can be supervised on Linux only")
        ours: list[int] = [output]
        try:
            control, self._control = os.pipe()
            ours.append(control)
            self._status, status = os.pipe()
            ours.append(status)
            os.set_blocking(self._status, False)
            atexit.register(self.stop)
            words = [str(n) for n in (control, status, output, os.getpid())]
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOOT, _ROOT, *words, self.directory, *self.command],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                env=self.environment, pass_fds=(control, status, output), start_new_session=True,
            )  # fmt: skip
        finally:
            for descriptor in ours:
                os.close(descriptor)
        self._until(lambda: bool(self.pid or self.failure), 10.0)
        if not (self.pid or self.failure):
            self.failure = "the guard process did not start"

    def wait(self, seconds: float) -> None:
        """Wait until something happens to the process, at most that long."""
        if self.gone or self._status < 0:
            time.sleep(seconds)
            return
        with contextlib.suppress(OSError, ValueError):
            poller = select.poll()
            poller.register(self._status, select.POLLIN)
            poller.poll(seconds * 1000)
        self._read()

    def stop(self) -> None:
        """End the process and everything it started: SIGTERM, up to five seconds, SIGKILL. Can be called again.

        Interrupted by Ctrl-C, it goes straight to SIGKILL, and raises KeyboardInterrupt afterwards.
        """
        if self._status < 0:
            return
        try:
            self._tell(STOP)
            self._until(lambda: self.gone, GRACE + KILL_TIME + 2)
        except KeyboardInterrupt:
            self._tell(KILL)
            self._close_control()
            self._until(lambda: self.gone, KILL_TIME)
            raise
        finally:
            self._close_control()
        self._forget_guard()

    def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not condition() and not self.gone and time.monotonic() < until:
            self.wait(0.1)

    def _tell(self, word: bytes) -> None:
        if self._control >= 0:
            with contextlib.suppress(OSError):  # the guard is gone already
                os.write(self._control, word)

    def _close_control(self) -> None:
        control, self._control = self._control, -1
        if control >= 0:
            os.close(control)

    def _forget_guard(self) -> None:
        if self._guard:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._guard.wait(1.0)
        if self.gone:
            atexit.unregister(self.stop)
            with self._reading:
                status, self._status = self._status, -1
                if status >= 0:
                    os.close(status)

    def _read(self) -> None:
        with self._reading:
            try:
                data = os.read(self._status, 65536)
            except OSError:  # nothing there after all, or closed by another thread
                return
            if not data:
                self.gone = True
                return
            *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._learn(json.loads(line))

    def _learn(self, fact: dict[str, object]) -> None:
        match fact:
            case {"started": int(pid)}:
                self.pid = pid
            case {"failed": str(why)}:
                self.failure = why
            case {"ended": int(status), "peak": int(peak)}:
                self.ended = Ended.of(status, peak)
            case {"left": list(pids)}:
                self.left = tuple(p for p in pids if isinstance(p, int))
