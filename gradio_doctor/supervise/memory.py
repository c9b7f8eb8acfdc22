"""How much memory an app took at its peak, and whether its memory cgroup killed anything."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from gradio_doctor.supervise.proctree import Stat

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
_FILES = {"cgroup2": "memory.events", "cgroup": "memory.oom_control"}


class PeakMemory:
    """Adds up the peaks of all processes of an app, in bytes. Pages that they share count for each of them."""

    def __init__(self) -> None:
        self._peaks: dict[tuple[int, int], int] = {}

    def sample(self, processes: Iterable[Stat]) -> None:
        """Look at processes that are alive now."""
        for process in processes:
            self.learn(process, peak_of(process.pid))

    def learn(self, process: Stat, peak: int) -> None:
        """Take in the peak of one process."""
        key = (process.pid, process.started)
        self._peaks[key] = max(self._peaks.get(key, 0), peak)

    def total(self, of: int = 0, at_least: int = 0) -> int:
        """The sum; the process `of` counts for `at_least` (the kernel's own figure once it is reaped)."""
        main = max((peak for (pid, _), peak in self._peaks.items() if pid == of), default=0)
        return sum(self._peaks.values()) + max(0, at_least - main)


def peak_of(pid: int) -> int:
    """The peak of a process's resident memory in bytes (VmHWM), 0 when it is gone or has none."""
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text(errors="replace"))
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def oom_kills(process: Path = Path("/proc/self")) -> int | None:
    """How often the kernel has killed for memory in a process's memory cgroup so far; None when that is not told.

    cgroup v2: `oom_kill` in memory.events; v1: in memory.oom_control (memory.failcnt can be 0 after a kill).
    """
    try:
        groups = (process / "cgroup").read_text(errors="replace")
        mounts = (process / "mountinfo").read_text(errors="replace")
    except OSError:
        return None
    for file in _counter_files(groups, mounts):
        try:
            found = _KILLS.search(file.read_text(errors="replace"))
        except OSError:
            continue
        if found:
            return int(found[1])
    return None


def _counter_files(groups: str, mounts: str) -> Iterable[Path]:
    """Where the counter can be: the process's own group, v1 before v2 (a hybrid system has no v2 memory files)."""
    paths: dict[str, str] = {}
    for line in groups.splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if "memory" in controllers.split(","):
            paths["cgroup"] = path
        elif number == "0":
            paths["cgroup2"] = path
    for kind in ("cgroup", "cgroup2"):
        for root, point, options in _cgroup_mounts(mounts, kind):
            if kind in paths and (kind == "cgroup2" or "memory" in options):
                yield Path(point) / _below(paths[kind], root) / _FILES[kind]


def _cgroup_mounts(mounts: str, kind: str) -> Iterable[tuple[str, str, list[str]]]:
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) > 4 and len(kinds) > 2 and kinds[0] == kind:
            yield fields[3], fields[4], kinds[2].split(",")


def _below(path: str, root: str) -> str:
    """The group's path below a mount of `root`: containers mount their own group as the top."""
    inside = path[len(root) :] if root != "/" and path.startswith(root) else path
    parts = [p for p in inside.split("/") if p]
    return "." if ".." in parts else "/".join(parts)
