"""Processes, and which of them are the app."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# psutil's words for process states; "stopped" is SIGSTOP or Ctrl-Z.
STOPPED = frozenset({"stopped", "tracing-stop"})


@dataclass(frozen=True, slots=True)
class Process:
    """One process as the kernel shows it. Times are seconds since the epoch, sizes are bytes.

    `script` is the absolute path of the Python file it runs, "" when it runs none (or that cannot be seen).
    `orphan` is True when the parent that started it is gone (reparented), as opposed to a service, a container's
    entry point or a child of a living parent. `keeper` names what legitimately keeps a parentless process:
    a systemd unit, "nohup", "container entry point"; "" when nothing does.
    """

    pid: int
    ppid: int
    name: str
    command: tuple[str, ...]
    user: str
    started: float
    state: str
    cwd: str = ""
    exe: str = ""
    script: str = ""
    session: int = 0
    terminal: str = ""
    orphan: bool = False
    keeper: str = ""
    memory: int = 0
    threads: int = 0

    @property
    def stopped(self) -> bool:
        """True when it is suspended and cannot answer anybody."""
        return self.state in STOPPED

    @property
    def command_line(self) -> str:
        """The command as one line, for people."""
        return " ".join(self.command) or self.name


@dataclass(frozen=True, slots=True)
class Processes:
    """The process table of this machine at one moment (`now`, seconds since the epoch).

    `hidden` is True when the system shows us only our own processes (a /proc mounted with hidepid).
    """

    table: Mapping[int, Process]
    now: float
    hidden: bool = False

    def get(self, pid: int) -> Process | None:
        """The process with that pid, or None when it is gone or was never visible."""
        return self.table.get(pid)

    def children(self, pid: int) -> tuple[Process, ...]:
        """Direct children of a process, oldest first."""
        return tuple(sorted((p for p in self.table.values() if p.ppid == pid), key=lambda p: p.started))

    def with_descendants(self, pids: Iterable[int]) -> frozenset[int]:
        """These processes, and all that they have started and that is still theirs."""
        found = set(pids)
        grown = True
        while grown:
            below = {p.pid for p in self.table.values() if p.ppid in found and p.pid not in found}
            grown = bool(below)
            found |= below
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Instances:
    """Running processes of the app under examination, oldest first.

    `main` are those that a person (or a service) started; `children` are their descendants or orphaned forks with
    the very same command line; `started_by_us` is the pid that `diagnose` itself started, if any.
    """

    script: str
    main: tuple[Process, ...] = ()
    children: tuple[Process, ...] = ()
    started_by_us: int | None = None

    @property
    def all(self) -> tuple[Process, ...]:
        """Every process of the app."""
        return self.main + self.children


@dataclass(frozen=True, slots=True)
class Environment:
    """Environment variables that matter (GRADIO_*, proxies, CUDA_VISIBLE_DEVICES, HF_*), secrets redacted.

    `of` says whose they are: "pid 4711", or "this shell" when the app would inherit ours.
    """

    variables: Mapping[str, str]
    of: str
