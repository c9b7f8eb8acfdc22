"""What the kernel shows of each thread: whether it runs, how long it has not, and what it waits on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradio_doctor.evidence.base import Absent

ResourceKind = Literal["socket", "pipe", "file", "eventpoll", "futex", "process", "time", "other"]
Peer = Literal["", "self", "app", "local", "remote"]


@dataclass(frozen=True, slots=True)
class Resource:
    """What a system call works on.

    `name` is a path, "pipe:[inode]", a child's pid. A socket has its `local` and `remote` address ("host:port", ""
    unknown) and its TCP `state`; `peer` says who is at the other end: the process itself, another process of the app,
    another process here, another machine ("" unknown). Of a pipe, `full` is True when the thread sleeps because the
    pipe has no room, and `readers` are the pids that hold its other end, as far as they can be seen. Of a process,
    `full` is True when it sleeps because a pipe has no room that only the waiting process could read.
    """

    kind: ResourceKind
    fd: int | None = None
    name: str = ""
    local: str = ""
    remote: str = ""
    state: str = ""
    peer: Peer = ""
    full: bool = False
    readers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SystemCall:
    """The system call that a thread sleeps in. `name` is "" for a number that is of no interest here.

    `timeout` is in seconds, None when it waits for ever or that cannot be told (see `endless`). `lock` is an address
    that is equal for all threads that wait for the same lock, 0 when unknown; with
    `private`, only threads of the same process can release it.
    """

    number: int
    name: str = ""
    resource: Resource | None = None
    timeout: float | None = None
    endless: bool = False
    lock: int = 0
    private: bool = False


@dataclass(frozen=True, slots=True)
class ThreadSample:
    """One look at a thread. `at` is seconds since the first look, `cpu` seconds of CPU time since it started.

    `delay` is the time it was ready to run and had no CPU (0.0 where the kernel keeps no such account).
    `voluntary` and `involuntary` count context switches. `wait_channel` is the kernel function it sleeps in ("" when
    hidden), `call` None when it runs or may not be read.
    """

    at: float
    state: str
    cpu: float
    voluntary: int
    involuntary: int
    wait_channel: str = ""
    call: SystemCall | None = None
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class KernelThread:
    """One thread over the samples in which it was there. `since_run`: seconds since it last ran, at the last look."""

    tid: int
    name: str
    samples: tuple[ThreadSample, ...]
    since_run: float | None = None

    @property
    def last(self) -> ThreadSample:
        """The latest look."""
        return self.samples[-1]

    @property
    def seconds(self) -> float:
        """How long it was watched."""
        return self.last.at - self.samples[0].at

    @property
    def cpu_share(self) -> float:
        """CPU time used while it was watched: 1.0 is a whole core. 0.0 when it was seen once only."""
        return (self.last.cpu - self.samples[0].cpu) / self.seconds if self.seconds > 0 else 0.0

    @property
    def demand(self) -> float:
        """Share of the time in which it ran or was ready to: on a crowded machine, a busy thread gets little CPU."""
        first, last = self.samples[0], self.last
        wanted = last.cpu + last.delay - first.cpu - first.delay
        return wanted / self.seconds if self.seconds > 0 else 0.0

    @property
    def voluntary_rate(self) -> float | None:
        """Voluntary context switches a second; None when it was seen once only."""
        return (self.last.voluntary - self.samples[0].voluntary) / self.seconds if self.seconds > 0 else None

    @property
    def least_rate(self) -> float | None:
        """The lowest rate of voluntary switches between two looks that follow each other."""
        return min(self._rates(), default=None)

    @property
    def most_rate(self) -> float | None:
        """The highest rate of voluntary switches between two looks that follow each other."""
        return max(self._rates(), default=None)

    def _rates(self) -> list[float]:
        pairs = zip(self.samples, self.samples[1:], strict=False)
        return [(b.voluntary - a.voluntary) / (b.at - a.at) for a, b in pairs if b.at > a.at]

    @property
    def still(self) -> bool:
        """True when it did not run at all while it was watched."""
        first, last = self.samples[0], self.last
        switches = last.voluntary + last.involuntary - first.voluntary - first.involuntary
        return self.seconds > 0 and switches == 0 and last.cpu == first.cpu and last.state != "R"


@dataclass(frozen=True, slots=True)
class ProcessThreads:
    """The threads of one process. `closed` says why system calls and descriptors could not be read (None: they were).

    `truncated` is True when it has more threads than were looked at.
    """

    pid: int
    threads: tuple[KernelThread, ...]
    stopped: bool = False
    truncated: bool = False
    closed: Absent | None = None

    def get(self, tid: int) -> KernelThread | None:
        """The thread with that number, or None."""
        return next((t for t in self.threads if t.tid == tid), None)


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of the app's processes, the serving one first, watched for `seconds` before anything was attached.

    `absent` says of which processes nothing could be read, and why.
    """

    processes: tuple[ProcessThreads, ...]
    seconds: float
    absent: Mapping[int, Absent] = field(default_factory=dict)

    def of(self, pid: int) -> ProcessThreads | None:
        """The threads of one process, or None when they were not read."""
        return next((p for p in self.processes if p.pid == pid), None)
