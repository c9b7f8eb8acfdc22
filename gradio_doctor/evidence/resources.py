"""What can run out under an app, and how much of it is left: its control group, descriptors, threads, memory.

Sizes are bytes, times seconds. None stands for "no limit" or, where something is counted, for "not told".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradio_doctor.evidence.base import Absent


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """Memory of one control group; `current` without file cache that is given back when needed.

    `oom` counts how often it was at its limit in vain, `kills` who died of it.
    """

    path: str
    limit: int | None = None
    current: int | None = None
    peak: int | None = None
    high: int | None = None
    oom: int | None = None
    kills: int | None = None


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Processes and threads of one control group. `refused` counts the forks that its limit has refused."""

    path: str
    limit: int | None = None
    current: int | None = None
    refused: int | None = None


@dataclass(frozen=True, slots=True)
class CpuGroup:
    """The CPU quota of one control group, in CPUs. `periods` and `throttled` count since the group was made;
    `recent_periods` and `recent_throttled` count over the last `seconds` (0.0: it was looked at once only).
    """

    path: str
    quota: float
    periods: int = 0
    throttled: int = 0
    recent_periods: int = 0
    recent_throttled: int = 0
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """The share of the latest periods in which the group was stopped, 0.0 when there were none."""
        return self.recent_throttled / self.recent_periods if self.recent_periods else 0.0


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The control groups of a process, its own first, then those above it. `container` says whose they are, as far as
    the path tells: "docker", "kubernetes", "systemd"..., "" when it does not.
    """

    pid: int
    version: Literal[1, 2]
    memory: tuple[MemoryGroup, ...] = ()
    tasks: tuple[TaskGroup, ...] = ()
    cpu: tuple[CpuGroup, ...] = ()
    container: str = ""


@dataclass(frozen=True, slots=True)
class HostMemory:
    """Memory and swap of the machine. `pressure` is the share of the last ten seconds in which all tasks waited
    (PSI "full avg10", 0 to 1) by resource: "memory", "io", "cpu"; empty where the kernel keeps no such account.
    """

    total: int
    available: int
    swap_total: int = 0
    swap_free: int = 0
    pressure: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shm:
    """The shared memory that the app sees at /dev/shm. `files` are the biggest ones: name and size on it."""

    size: int
    free: int
    files: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process of the app holds, against its limits (soft ones, as the kernel enforces them).

    `kinds` counts descriptors by kind: "socket", "file", "pipe", "inotify", "other" anonymous ones; `top` are the most
    frequent targets, `close_wait` the sockets whose other end hung up and that the process has not closed. `closed`
    says why descriptors could not be told apart. `tasks_limit` is None for a user whom RLIMIT_NPROC does not bind;
    `user_tasks` counts the threads of that user on this machine. `size` is the address space in use, `size_peak` the
    most that ever was.
    """

    pid: int
    command: str = ""
    user: str = ""
    descriptors: int | None = None
    descriptor_limit: int | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)
    top: tuple[tuple[str, int], ...] = ()
    close_wait: int = 0
    closed: Absent | None = None
    threads: int = 0
    tasks_limit: int | None = None
    user_tasks: int = 0
    size: int = 0
    size_peak: int = 0
    size_limit: int | None = None
    watches: int = 0


@dataclass(frozen=True, slots=True)
class Usages:
    """The processes of the app, the serving one first; none when it does not run. `inherited` is what an app that we
    start gets from us: the limits "nofile", "nproc", "as" and "core" that are set. `inotify` has the kernel's limits:
    "instances" and "watches" a user may have.
    """

    processes: tuple[Usage, ...] = ()
    inherited: Mapping[str, int] = field(default_factory=dict)
    inotify: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cores:
    """What becomes of a crashed process's memory image. `keeper` is who takes it: "file", "systemd-coredump",
    "apport" or another program; `found` is the file of our own run's crash, "" when there is none (see `why`), and
    `command` opens it.
    """

    pattern: str
    keeper: str
    found: str = ""
    command: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class MemoryCurve:
    """The resident memory of the app's processes together, watched: (seconds since the first look, bytes).

    `cpu` is the CPU time they used meanwhile: what does nothing cannot show a leak. `limit` is the smallest memory
    limit that binds them. `processes` counts them at the end; when that changed the curve is cut short. `connections`
    were opened meanwhile to any server in the app's network namespace, None where that is not told: an upper bound of
    those to the app, each of which may carry several requests.
    """

    pid: int
    points: tuple[tuple[float, int], ...]
    cpu: float = 0.0
    limit: int | None = None
    processes: int = 1
    connections: int | None = None

    @property
    def seconds(self) -> float:
        """How long it was watched."""
        return self.points[-1][0] - self.points[0][0] if self.points else 0.0
