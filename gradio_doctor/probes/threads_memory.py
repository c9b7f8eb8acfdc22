"""The few words of a process's memory that say what its thread waits on. Reading them does not stop it."""

from __future__ import annotations

import os
import re
import struct
import time
from collections.abc import Iterator

_POLLFD = struct.Struct("=ihh")
_TIME = struct.Struct("=qq")  # timespec and timeval on 64-bit Linux
_NSEC, _USEC = 1e-9, 1e-6
_MOST_DESCRIPTORS = 16
_MOST_SET = 1024
_PARKING_LOT = 14  # from CPython 3.14 on, a lock's waiters sleep on a futex of their own
_LOWEST, _HIGHEST = 1 << 12, 1 << 47


class Memory:
    """The memory of one process, opened when first needed. Every reader returns nothing when it may not be read."""

    def __init__(self, pid: int, proc: str = "/proc") -> None:
        self.pid, self.proc = pid, proc
        self._file: int | None = None

    def close(self) -> None:
        """Let go of the memory."""
        if self._file is not None and self._file >= 0:
            os.close(self._file)
        self._file = None

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at an address; b"" when they cannot be read."""
        try:
            if self._file is None:
                self._file = os.open(f"{self.proc}/{self.pid}/mem", os.O_RDONLY)
            data = os.pread(self._file, size, address) if self._file >= 0 else b""
        except (OSError, OverflowError, ValueError):
            if self._file is None:
                self._file = -1
            return b""
        return data if len(data) == size else b""

    def polled(self, address: int, count: int) -> Iterator[int]:
        """The descriptors of an array of struct pollfd."""
        used = min(count, _MOST_DESCRIPTORS)
        for fd, _, _ in _POLLFD.iter_unpack(self.read(address, _POLLFD.size * used) if used > 0 else b""):
            if fd >= 0:
                yield fd

    def selected(self, address: int, count: int) -> Iterator[int]:
        """The descriptors of an fd_set."""
        size = (min(count, _MOST_SET) + 63) // 64 * 8
        bits = int.from_bytes(self.read(address, size), "little") if address else 0
        for fd in range(min(count, _MOST_SET)):
            if bits >> fd & 1:
                yield fd

    def seconds_at(self, address: int, *, micro: bool = False, until: bool = False) -> float | None:
        """A time of the kernel's in seconds; with `until`, the seconds left to that moment of the monotonic clock."""
        data = self.read(address, _TIME.size) if address else b""
        if not data:
            return None
        whole, part = _TIME.unpack(data)
        seconds = float(whole + part * (_USEC if micro else _NSEC))
        return max(0.0, seconds - time.monotonic()) if until else seconds

    def lock_behind(self, futex: int) -> int:
        """An address that is equal for all threads that wait for one lock of Python.

        Up to 3.13 it is the futex itself (the lock's semaphore). From 3.14 on each thread sleeps on a futex of its
        own, in CPython's struct wait_entry, and the address of the lock stands just before it.
        """
        if python_minor(self.pid, self.proc) < _PARKING_LOT:
            return futex
        data = self.read(futex - 8, 8)
        address = int.from_bytes(data, "little")
        return address if _LOWEST <= address < _HIGHEST else futex


def python_minor(pid: int, proc: str = "/proc") -> int:
    """The minor version of the Python that a process runs, told by its program's name; 0 when it does not tell."""
    try:
        found = re.search(r"python3\.(\d{1,2})", os.readlink(f"{proc}/{pid}/exe"))  # noqa: PTH115
    except OSError:
        return 0
    return int(found[1]) if found else 0
