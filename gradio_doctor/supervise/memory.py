"""How much memory an app took at its peak, and whether its memory cgroup killed anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gradio_doctor.probes.cgroup_files import group_directories
from gradio_doctor.supervise.proctree import Stat

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
_FILES = {2: "memory.events", 1: "memory.oom_control"}


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


class KillCount:
    """Kills for memory in the groups that an app is in while it runs; it may move into one of its own."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._before: dict[Path, int] = {}
        self.see("self")

    def see(self, *pids: int | str) -> None:
        """Take note of the groups of processes that are alive now."""
        for pid in pids:
            for file, kills in _counters(self._proc / str(pid)):
                self._before.setdefault(file, kills)

    def grown(self) -> int | None:
        """By how much a counter has grown at most (groups above count the same kill), None when none can be read."""
        grown = [now - before for file, before in self._before.items() if (now := _kills(file)) is not None]
        return max(grown, default=None)


def _counters(process: Path) -> Iterator[tuple[Path, int]]:
    """The file of a process's own group that counts, and its count: v1 before v2 (a hybrid has no v2 memory files).

    cgroup v2: `oom_kill` in memory.events; v1: in memory.oom_control (memory.failcnt can be 0 after a kill).
    """
    try:
        groups = (process / "cgroup").read_text(errors="replace")
        mounts = (process / "mountinfo").read_text(errors="replace")
    except OSError:
        return
    for version, directory, _ in group_directories("memory", groups, mounts):
        if (kills := _kills(directory / _FILES[version])) is not None:
            yield directory / _FILES[version], kills
            return


def _kills(file: Path) -> int | None:
    try:
        found = _KILLS.search(file.read_text(errors="replace"))
    except OSError:
        return None
    return int(found[1]) if found else None
