"""Running another program so that it can neither hang us nor fill our memory."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

_DRAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended; its output is whole, its errors are at most the first 64 KiB."""

    code: int
    output: bytes
    errors: bytes


def run_bounded(
    command: Sequence[str], *, seconds: float, limit: int, directory: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program to its end, with nothing on its stdin.

    Raises TimeoutError past `seconds`, ValueError past `limit` bytes of output (it is killed then, with its
    children), OSError when it cannot be started.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=directory,
        env=environment, start_new_session=True,
    ) as process:
        output, errors = _Reader(process, process.stdout, limit, ends=True), _Reader(process, process.stderr, 1 << 16)
        try:
            code = _wait(process, seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"not done after {seconds:g} s") from error
        finally:
            _kill_all(process)  # before the pipes are read to their end: a child may hold them open
        output.join(_DRAIN_SECONDS)
        errors.join(_DRAIN_SECONDS)
        if output.overflowed:
            raise ValueError(f"more than {limit} bytes of output")
        return Finished(code, bytes(output.read), bytes(errors.read))


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int:
    """The exit status. Popen.wait() looks ever more seldom, up to 50 ms late; the kernel can wake us at once."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (OSError, AttributeError):  # not on Linux, or not permitted
        return process.wait(seconds)
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        poller.poll(seconds * 1000)
    finally:
        os.close(descriptor)
    return process.wait(0.05)


class _Reader(threading.Thread):
    """Drains one pipe and keeps its start. With `ends`, more than the limit ends the program."""

    def __init__(
        self, process: subprocess.Popen[bytes], pipe: IO[bytes] | None, limit: int, *, ends: bool = False
    ) -> None:
        super().__init__(daemon=True)
        self.process, self.pipe, self.limit, self.ends = process, pipe, limit, ends
        self.read, self.overflowed = bytearray(), False
        self.start()

    def run(self) -> None:
        """Read to the end."""
        with suppress(OSError, ValueError):
            while self.pipe is not None and (part := os.read(self.pipe.fileno(), 1 << 16)):
                self.overflowed |= len(self.read) + len(part) > self.limit
                self.read += part[: self.limit - len(self.read)]
                if self.overflowed and self.ends:
                    _kill_all(self.process)
                    return


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """End the program and whatever it left behind in its session: it is ours."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
