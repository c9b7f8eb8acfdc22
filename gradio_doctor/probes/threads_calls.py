"""System calls that a thread may sleep in, by their numbers on x86-64 and aarch64."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass

_X86_64: Mapping[int, str] = {
    0: "read", 1: "write", 7: "poll", 17: "pread64", 18: "pwrite64", 19: "readv", 20: "writev", 23: "select",
    35: "nanosleep", 40: "sendfile", 42: "connect", 43: "accept", 44: "sendto", 45: "recvfrom", 46: "sendmsg",
    47: "recvmsg", 61: "wait4", 72: "fcntl", 73: "flock", 74: "fsync", 75: "fdatasync", 202: "futex",
    219: "restart_syscall", 230: "clock_nanosleep", 232: "epoll_wait", 247: "waitid", 257: "openat",
    270: "pselect6", 271: "ppoll", 281: "epoll_pwait", 288: "accept4", 299: "recvmmsg", 441: "epoll_pwait2",
    16: "ioctl", 2: "open", 4: "stat", 262: "newfstatat", 78: "getdents", 217: "getdents64", 449: "futex_waitv",
}
_AARCH64: Mapping[int, str] = {
    63: "read", 64: "write", 67: "pread64", 68: "pwrite64", 65: "readv", 66: "writev", 72: "pselect6", 73: "ppoll",
    101: "nanosleep", 71: "sendfile", 203: "connect", 202: "accept", 242: "accept4", 206: "sendto", 207: "recvfrom",
    211: "sendmsg", 212: "recvmsg", 260: "wait4", 95: "waitid", 25: "fcntl", 32: "flock", 82: "fsync",
    83: "fdatasync", 98: "futex", 128: "restart_syscall", 115: "clock_nanosleep", 22: "epoll_pwait", 56: "openat",
    441: "epoll_pwait2", 29: "ioctl", 79: "newfstatat", 61: "getdents64", 243: "recvmmsg", 449: "futex_waitv",
}
_TABLES = {"x86_64": _X86_64, "amd64": _X86_64, "aarch64": _AARCH64, "arm64": _AARCH64}
SLEEPS = frozenset({"nanosleep", "clock_nanosleep"})
WAITS_FOR_EVENTS = frozenset({"epoll_wait", "epoll_pwait", "epoll_pwait2"})
POLLS = frozenset({"poll", "ppoll"})
SELECTS = frozenset({"select", "pselect6"})
WAITS_FOR_CHILD = frozenset({"wait4", "waitid"})
ON_DESCRIPTOR = frozenset({
    "read", "write", "pread64", "pwrite64", "readv", "writev", "sendfile", "connect", "accept", "accept4", "sendto",
    "recvfrom", "sendmsg", "recvmsg", "recvmmsg", "fcntl", "flock", "fsync", "fdatasync", "ioctl", "getdents",
    "getdents64", *WAITS_FOR_EVENTS,
})
WRITES = frozenset({"write", "writev", "pwrite64", "sendfile"})


@dataclass(frozen=True, slots=True)
class RawCall:
    """A system call as the kernel shows it: its number and six arguments."""

    number: int
    name: str
    arguments: tuple[int, ...]

    @property
    def fd(self) -> int:
        """The first argument as a descriptor."""
        return self.arguments[0] & 0xFFFFFFFF if self.arguments else -1


def parse_call(text: str, machine: str = "") -> RawCall | None:
    """A line of /proc/PID/task/TID/syscall; None for a thread that runs, or is in no system call."""
    words = text.split()[:9]
    if len(words) < 9:
        return None
    try:
        number, arguments = int(words[0]), tuple(int(w, 16) for w in words[1:7])
    except ValueError:
        return None
    if number < 0:
        return None
    names = _TABLES.get((machine or platform.machine()).lower(), {})
    return RawCall(number, names.get(number, ""), arguments)


def seconds_of_milliseconds(argument: int) -> float | None:
    """A poll time-out in seconds; None for the negative number that means for ever."""
    value = argument & 0xFFFFFFFF
    return None if value >= 1 << 31 else value / 1000
