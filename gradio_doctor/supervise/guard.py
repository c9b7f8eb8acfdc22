"""The guard: a small process between us and the app, which sees to it that nothing the app starts outlives us.

    gradio-doctor ── guard (subreaper) ── python app.py ── its children, their daemons, ...

Being a subreaper (prctl(2)), the guard inherits every orphan below it, so that double-forked daemons stay in reach,
and the app's descendants never mix with ours. It ends the app when told to, and also when the control pipe breaks,
which is what happens when gradio-doctor is killed. Should the guard itself be killed, the kernel kills the app
(PR_SET_PDEATHSIG). A separate single-threaded process may fork and set these things safely; we may not: our probes
run in threads, and PR_SET_PDEATHSIG fires when the starting *thread* ends.

It runs in our interpreter, with the standard library only, and speaks JSON lines on the status pipe.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
from typing import NoReturn

from gradio_doctor.supervise.proctree import descendants, send_signal

GRACE = 5.0  # seconds between SIGTERM and SIGKILL
GRACE_ORPHANED = 2.0  # the same, when nobody waits for us any more
KILL_TIME = 5.0  # how long to keep at it with SIGKILL (a process in an uninterruptible wait can outlast that)
STOP, KILL = b"T", b"K"

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_PTRACER = 1, 36, 0x59616D61
_TICK = 0.02


def _signals(*names: str) -> tuple[signal.Signals, ...]:
    """Those that this system has: the module must import everywhere, though the guard runs on Linux only."""
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


_WAKING = _signals("SIGCHLD", "SIGTERM", "SIGINT", "SIGHUP")
_RESTORED = _signals("SIGPIPE", "SIGXFSZ")  # Python ignores these; a program started from a shell gets the default


class Guard:
    """Starts the command, reaps what dies below, reports, and ends it all on request."""

    def __init__(self, control: int, status: int) -> None:
        self.control = control
        self.status = status
        self.app = 0
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.wakes, waker = os.pipe()
        os.set_blocking(self.wakes, False)
        os.set_blocking(waker, False)
        self.watched = [control, self.wakes]
        self.before = {number: signal.signal(number, _wake) for number in _WAKING}
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)

    def report(self, **fact: object) -> None:
        """Tell gradio-doctor, if it still listens."""
        with contextlib.suppress(OSError):
            os.write(self.status, json.dumps(fact).encode() + b"\n")

    def start(self, command: list[str], directory: str, output: int, tracer: int) -> None:
        """Start the app in a session of its own, its stdout and stderr on `output`, and nobody at its stdin."""
        if self.libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
        reader, writer = os.pipe()
        given = _terminal()
        self.app = os.fork()
        if not self.app:
            self._become(command, directory, (given, output, output), tracer, writer)
        os.close(given)
        os.close(writer)
        os.close(output)  # else the pipe would never end
        problem = os.read(reader, 4096)  # empty once exec has closed it
        os.close(reader)
        if problem:
            self.report(failed=problem.decode(errors="replace"))
        else:
            self.report(started=self.app)

    def _become(
        self, command: list[str], directory: str, streams: tuple[int, int, int], tracer: int, problem: int
    ) -> NoReturn:
        """In the child: turn into the app."""
        try:
            guard = os.getppid()
            os.setsid()
            self.libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            # lets our py-spy look where Yama restricts ptrace to ancestors; elsewhere it fails and changes nothing
            self.libc.prctl(_PR_SET_PTRACER, tracer, 0, 0, 0)
            if os.getppid() != guard:
                os._exit(1)
            os.chdir(directory)
            for target, source in enumerate(streams):
                os.dup2(source, target)
            self._restore_signals()
            os.execvp(command[0], command)  # noqa: S606 - no shell is meant
        except BaseException as error:
            os.write(problem, f"{command[0]} in {directory}: {error}".encode())
        finally:
            os._exit(127)

    def _restore_signals(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in (*_WAKING, *_RESTORED):
            ignored = self.before.get(number) is signal.SIG_IGN  # as nohup does; it is inherited like from a shell
            signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)

    def watch(self) -> float:
        """Reap and report until told to stop, or until nobody can tell us any more; returns the grace in seconds."""
        while True:
            ready = self._wait(None)
            self.reap()
            if self.wakes in ready and self._asked_by_signal():
                return GRACE_ORPHANED
            if self.control in ready:
                word = os.read(self.control, 1)
                if not word:  # nobody is left to listen to, and a broken pipe would always be ready
                    self.watched.remove(self.control)
                return {STOP: GRACE, KILL: 0.0}.get(word, GRACE_ORPHANED)

    def _wait(self, seconds: float | None) -> list[int]:
        return select.select(self.watched, [], [], seconds)[0]

    def _asked_by_signal(self) -> bool:
        return any(number != signal.SIGCHLD for number in os.read(self.wakes, 4096))

    def reap(self) -> bool:
        """Collect everything that has died, the app and adopted orphans. False when nothing is left below us."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self.app:
                self.report(ended=status, peak=usage.ru_maxrss * 1024)

    def stop(self, grace: float) -> None:
        """Ask politely, wait, then kill whatever is left below us, and report what would not die."""
        for process in descendants(os.getpid()):
            send_signal(process, signal.SIGTERM)
            if process.state in "Tt":  # suspended: the request would stay pending
                send_signal(process, signal.SIGCONT)
        self._drain(grace, kill=False)
        self.watched = [self.wakes]
        self._drain(KILL_TIME, kill=True)
        self.report(left=[process.pid for process in descendants(os.getpid())])

    def _drain(self, seconds: float, *, kill: bool) -> None:
        until = time.monotonic() + seconds
        # not "until no process lives": one whose first thread is dead looks so while its others still hold the port
        while self.reap() and time.monotonic() < until:
            for process in descendants(os.getpid()) if kill else ():
                send_signal(process, signal.SIGKILL)
            ready = self._wait(_TICK)
            if self.wakes in ready:
                self._asked_by_signal()
            if self.control in ready:  # "kill now", or nobody is left to wait politely for
                return


def _terminal() -> int:
    """A terminal on which nobody types, as stdin: input() waits there, where /dev/null would end the app.

    Ours to keep open. It is nobody's controlling terminal: openpty(3) opens it with O_NOCTTY.
    """
    try:
        return os.openpty()[1]
    except OSError:  # no /dev/pts here
        return os.open(os.devnull, os.O_RDONLY)


def _wake(number: int, frame: object) -> None:
    """Signals only wake the loop up (through the wake-up descriptor)."""


def main(arguments: list[str]) -> None:
    """CONTROL STATUS OUTPUT TRACER DIRECTORY COMMAND...: descriptors, our pid, then what to start where."""
    control, status, output, tracer = (int(word) for word in arguments[:4])
    for descriptor in (control, status, output):
        os.set_inheritable(descriptor, False)
    guard = Guard(control, status)
    try:
        guard.start(arguments[5:], arguments[4], output, tracer)
        grace = guard.watch()
    except BaseException as error:
        guard.report(failed=f"{type(error).__name__}: {error}")
        grace = 0.0
    guard.stop(grace)
    sys.exit(0)
