"""Says what the system call of a sleeping thread works on: which socket, pipe, file, lock, child or time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from gradio_doctor.evidence import Resource, SystemCall
from gradio_doctor.probes import threads_calls as calls
from gradio_doctor.probes.redact import clean
from gradio_doctor.probes.threads_calls import RawCall, parse_call, seconds_of_milliseconds
from gradio_doctor.probes.threads_memory import Memory
from gradio_doctor.probes.threads_pipes import PIPE_WRITES, chokes_on, readers_of
from gradio_doctor.probes.threads_sockets import Neighbours, SocketTable

_UNKNOWN = -1
_PRIVATE = 128  # FUTEX_PRIVATE_FLAG (futex(2)): the lock is of this process alone
# Where the system call is closed to us, or shows as restart_syscall after a stop, the kernel function still tells.
_BY_CHANNEL = (
    ("futex", "futex"), ("hrtimer_nanosleep", "clock_nanosleep"), ("do_nanosleep", "clock_nanosleep"),
    ("do_epoll_wait", "epoll_wait"), ("ep_poll", "epoll_wait"), ("poll_schedule_timeout", "poll"),
    ("anon_pipe_write", "write"), ("pipe_write", "write"), ("anon_pipe_read", "read"), ("pipe_read", "read"),
    ("do_wait", "wait4"), ("wait_woken", "recvfrom"), ("sk_wait_data", "recvfrom"),
    ("inet_wait_for_connect", "connect"),
    ("inet_csk_accept", "accept"), ("flock_lock_inode", "flock"), ("locks_lock_inode", "flock"),
    ("unix_stream_read", "recvfrom"), ("unix_stream_data_wait", "recvfrom"), ("sock_alloc_send", "sendto"),
)


@dataclass
class Resolver:
    """Resolves system calls of one process; what it had to read is kept for the next thread."""

    pid: int
    neighbours: Neighbours
    proc: str = "/proc"
    readers: Callable[[str], tuple[int, ...]] = readers_of
    _kept: dict[tuple[int, bool], Resource] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.memory = Memory(self.pid, self.proc)
        self.sockets = SocketTable(self.pid, self.neighbours, self.proc)

    def resolve(self, text: str | None, channel: str) -> SystemCall | None:
        """The call of a thread from its line of `syscall` and its wait channel; None when it runs, or both are shut."""
        raw = parse_call(text) if text else None
        if raw is None:
            return _guessed(channel) if text is None else None
        if raw.name == "restart_syscall":
            raw = replace(raw, name=_name_of(channel) or raw.name)
        for names, read in self._readers:
            if raw.name in names:
                return read(self, raw, channel)
        return SystemCall(raw.number, raw.name)

    def named(self, text: str | None, channel: str) -> SystemCall | None:
        """The call without what it works on: cheap."""
        raw = parse_call(text) if text else None
        return SystemCall(raw.number, raw.name) if raw else (_guessed(channel) if text is None else None)

    def _on_descriptor(self, raw: RawCall, channel: str) -> SystemCall:
        blocked = raw.name in calls.WRITES and channel.startswith(PIPE_WRITES)
        timeout, endless = None, raw.name not in calls.WAITS_FOR_EVENTS
        if raw.name in ("epoll_wait", "epoll_pwait"):
            timeout = seconds_of_milliseconds(raw.arguments[3])
            endless = timeout is None
        return SystemCall(raw.number, raw.name, self._descriptor(raw.fd, full=blocked), timeout, endless)

    def _futex(self, raw: RawCall, channel: str) -> SystemCall:  # noqa: ARG002 - one of the readers
        endless = raw.arguments[3] == 0
        lock = self.memory.lock_behind(raw.arguments[0])
        private = bool(raw.arguments[1] & _PRIVATE)
        return SystemCall(raw.number, raw.name, Resource("futex"), None, endless, lock, private)

    def _poll(self, raw: RawCall, channel: str) -> SystemCall:  # noqa: ARG002 - one of the readers
        pointer, count, last = raw.arguments[:3]
        timeout = seconds_of_milliseconds(last) if raw.name == "poll" else self.memory.seconds_at(last)
        resource = self._first(self.memory.polled(pointer, count)) if count else Resource("time")
        return SystemCall(raw.number, raw.name, resource, timeout, timeout is None and (raw.name == "poll" or not last))

    def _select(self, raw: RawCall, channel: str) -> SystemCall:  # noqa: ARG002 - one of the readers
        count, reads, writes, _, last = raw.arguments[:5]
        timeout = self.memory.seconds_at(last, micro=raw.name == "select")
        if count == 0:
            return SystemCall(raw.number, raw.name, Resource("time"), timeout, last == 0)
        asked = [*self.memory.selected(reads, count), *self.memory.selected(writes, count)]
        return SystemCall(raw.number, raw.name, self._first(asked), timeout, last == 0)

    def _sleep(self, raw: RawCall, channel: str) -> SystemCall:  # noqa: ARG002 - one of the readers
        plain = raw.name == "nanosleep"
        address, until = (raw.arguments[0], False) if plain else (raw.arguments[2], bool(raw.arguments[1] & 1))
        left = self.memory.seconds_at(address, until=until)
        return SystemCall(raw.number, raw.name, Resource("time"), left)

    def _child(self, raw: RawCall, channel: str) -> SystemCall:  # noqa: ARG002 - one of the readers
        argument = raw.arguments[0 if raw.name == "wait4" else 1] & 0xFFFFFFFF
        name = str(argument) if 0 < argument < 1 << 22 else ""
        full = bool(name) and chokes_on(argument, self.pid, Path(self.proc))
        return SystemCall(raw.number, raw.name, Resource("process", name=name, full=full), None, True)

    def _first(self, descriptors: Iterable[int]) -> Resource:
        found = [self._descriptor(fd) for fd in descriptors]
        return next((r for r in found if r.kind == "socket"), found[0] if found else Resource("other"))

    def _descriptor(self, fd: int, *, full: bool = False) -> Resource:
        if (fd, full) not in self._kept:
            self._kept[fd, full] = self._look_up(fd, full)
        return self._kept[fd, full]

    def _look_up(self, fd: int, full: bool) -> Resource:
        try:
            link = os.readlink(f"{self.proc}/{self.pid}/fd/{fd}")  # noqa: PTH115 - the text, not a path
        except OSError:
            return Resource("pipe", fd, full=True) if full else Resource("other", fd)
        if link.startswith("socket:["):
            return self.sockets.resource(link[8:-1], fd)
        if link.startswith("pipe:[") or full:
            return Resource("pipe", fd, clean(link, 300), full=full, readers=self.readers(link) if full else ())
        if link.startswith("anon_inode:"):
            return Resource("eventpoll" if "eventpoll" in link else "other", fd, clean(link, 80))
        return Resource("file", fd, clean(link, 1000))

    _readers = (
        (frozenset({"futex", "futex_waitv"}), _futex), (calls.POLLS, _poll), (calls.SELECTS, _select),
        (calls.SLEEPS, _sleep), (calls.WAITS_FOR_CHILD, _child), (calls.ON_DESCRIPTOR, _on_descriptor),
    )


def _name_of(channel: str) -> str:
    return next((name for start, name in _BY_CHANNEL if channel.startswith(start)), "")


def _guessed(channel: str) -> SystemCall | None:
    """What the wait channel alone tells: the kind of wait, and that a pipe is full."""
    name = _name_of(channel)
    if not name:
        return None
    resource = Resource("pipe", full=True) if channel.startswith(PIPE_WRITES) else None
    return SystemCall(_UNKNOWN, name, resource)
