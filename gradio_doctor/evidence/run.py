"""What starting the app under supervision showed, and what the kernel says of processes that died."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OUTPUT_OF_RUN = "output of the app"  # the name of what was captured, among the logs
RunOutcome = Literal["serving", "exited", "timeout", "failed-to-start"]


@dataclass(frozen=True, slots=True)
class Run:
    """One supervised start of the app. Times in seconds, memory in bytes.

    `exit_code` is set when it exited by itself, `signal` (a number) when a signal ended it. `url` and `port` are what
    it served on. `output` is the path of the captured stdout and stderr. `cgroup_kills` is the growth of the memory
    cgroup's oom_kill counter during the run, None when it could not be read. `started` is when it was started, in
    seconds since the epoch (0.0 unknown).
    """

    command: tuple[str, ...]
    directory: str
    pid: int
    outcome: RunOutcome
    seconds: float
    exit_code: int | None = None
    signal: int | None = None
    url: str = ""
    port: int | None = None
    peak_memory: int = 0
    output: str = ""
    error: str = ""
    cgroup_kills: int | None = None
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class KernelEvent:
    """One line of the kernel log that tells of a dead process. `library` is the object that faulted, if named."""

    kind: Literal["oom-kill", "segfault", "trap"]
    pid: int
    process: str
    text: str
    time: str = ""
    constraint: str = ""  # CONSTRAINT_MEMCG, CONSTRAINT_NONE, ...
    library: str = ""


@dataclass(frozen=True, slots=True)
class Xid:
    """An error report of NVIDIA's driver; `pid` is 0 where the line names no process."""

    number: int
    text: str
    pid: int = 0
    time: str = ""


@dataclass(frozen=True, slots=True)
class KernelLog:
    """Events of the kernel log, oldest first (of this boot, at most the last 4,000 lines).

    `xids` are what NVIDIA's driver reports of GPUs.
    """

    events: tuple[KernelEvent, ...]
    xids: tuple[Xid, ...] = ()


@dataclass(frozen=True, slots=True)
class PathAccess:
    """Whether the app's user may use a directory that Gradio needs. `problem` is "" when it may.

    `role` names the use: "temp" (GRADIO_TEMP_DIR), "cache", "cwd"; `free` is bytes that its user
    may still write on its file system of `total` bytes, `inodes_free` of `inodes` the files (None: not counted).
    `quota` names the quota that leaves no more than that, "" where the file system itself does.
    `judged` says how: "access" (asked the kernel), or by mode bits for which user (when we run as somebody else).
    """

    path: str
    role: str
    problem: str = ""
    owner: str = ""
    free: int | None = None
    judged: str = "access"
    total: int | None = None
    inodes_free: int | None = None
    inodes: int | None = None
    quota: str = ""


@dataclass(frozen=True, slots=True)
class Paths:
    """The directories Gradio uses, tried harmlessly (nothing is created).

    `files` says whether the running app's page takes or shows files (None: it did not tell). `user` is who runs it.
    """

    entries: tuple[PathAccess, ...]
    files: bool | None = None
    user: str = ""
