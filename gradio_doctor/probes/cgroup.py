"""What the control groups of the app allow it, and what they have used: memory, processes, CPU time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gradio_doctor.evidence import Absent, Cgroup, CpuGroup, MemoryGroup, Process, TaskGroup
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.cgroup_files import Version, group_directories, levels
from gradio_doctor.probes.instances import subject
from gradio_doctor.probes.redact import clean

_MOST = 65_536
_NUMBER = re.compile(r"[0-9]{1,20}")
_NO_LIMIT = 2**60  # version 1 writes "no limit" as the largest number of whole pages
_LONGEST = 1.0  # seconds: ten periods of a usual quota
_WHOSE = (
    ("kubepods", "kubernetes"), ("docker", "docker"), ("libpod", "podman"), ("lxc", "lxc"),
    ("machine.slice", "machine"),
    (".service", "systemd"), (".scope", "systemd"),
)
_MEMORY: Mapping[Version, Mapping[str, str]] = {
    1: {"limit": "memory.limit_in_bytes", "current": "memory.usage_in_bytes", "peak": "memory.max_usage_in_bytes",
        "high": "memory.soft_limit_in_bytes"},
    2: {"limit": "memory.max", "current": "memory.current", "peak": "memory.peak", "high": "memory.high"},
}  # fmt: skip
_EVENTS: Mapping[Version, str] = {1: "memory.oom_control", 2: "memory.events"}


def probe_cgroup(context: Context) -> Cgroup | Absent:
    """The groups of the serving process, or ours when none runs (an app that we start is in them too).

    Takes about 2 ms; a second where a CPU quota has ever stopped the group, to see whether it does now.
    """
    process = subject(context)
    if isinstance(process, Absent):
        return process
    pid = process.pid if isinstance(process, Process) else None
    try:
        found = read_cgroup(Path(f"/proc/{pid or 'self'}"), pid or 0)
    except OSError as error:
        return Absent(f"control groups cannot be read: {clean(str(error), 200)}")
    return watched(found) if pid is not None else found


def read_cgroup(process: Path, pid: int, mounts: str | None = None) -> Cgroup:
    """One look. `mounts` is our own /proc/self/mountinfo, which shows the groups of all processes. Raises OSError."""
    groups = (process / "cgroup").read_text(errors="replace")[:_MOST]
    seen = Path("/proc/self/mountinfo").read_text(errors="replace") if mounts is None else mounts
    memory = {v: (d, t) for v, d, t in group_directories("memory", groups, seen) if _is_group(d, _MEMORY[v]["current"])}
    version: Version = 1 if 1 in memory else 2
    return Cgroup(
        pid, version,
        tuple(_memory(p, version) for p in levels(*memory[version])) if version in memory else (),
        tuple(g for p in _levels("pids", groups, seen) if (g := _tasks(p))),
        tuple(c for p in _levels("cpu", groups, seen) if (c := _cpu(p))),
        next((name for mark, name in _WHOSE if mark in groups), ""),
    )  # fmt: skip


def watched(first: Cgroup) -> Cgroup:
    """The same groups with what their CPU quota did lately; at once when no quota has ever stopped any."""
    felt = [g for g in first.cpu if g.throttled]
    if not felt:
        return first
    begun = time.monotonic()
    time.sleep(_LONGEST)
    seconds = time.monotonic() - begun
    return replace(first, cpu=tuple(_since(g, seconds) for g in first.cpu))


def _since(before: CpuGroup, seconds: float) -> CpuGroup:
    now = _cpu(Path(before.path)) or before
    periods, throttled = now.periods - before.periods, now.throttled - before.throttled
    return replace(now, recent_periods=periods, recent_throttled=throttled, seconds=seconds)


def _levels(controller: str, groups: str, mounts: str) -> Iterator[Path]:
    """The levels of the first hierarchy that has the group at all."""
    for _, directory, top in group_directories(controller, groups, mounts):
        if directory.is_dir():
            yield from levels(directory, top)
            return


def _is_group(directory: Path, file: str) -> bool:
    """The top of version 2 has no memory files, but groups below it do."""
    return (directory / file).exists() or (directory / "memory.stat").exists()


def _memory(place: Path, version: Version) -> MemoryGroup:
    values = {name: _number(place / file) for name, file in _MEMORY[version].items()}
    events, stat = _fields(place / _EVENTS[version]), _fields(place / "memory.stat")
    if values["current"] is not None:  # file cache that nobody has used lately is given back before anything is refused
        cache = stat.get("total_inactive_file", stat.get("inactive_file", 0))
        values["current"] = max(values["current"] - cache, 0)
    return MemoryGroup(str(place), **values, oom=events.get("oom"), kills=events.get("oom_kill"))


def _tasks(place: Path) -> TaskGroup | None:
    current = _number(place / "pids.current")
    if current is None:
        return None
    return TaskGroup(str(place), _number(place / "pids.max"), current, _fields(place / "pids.events").get("max"))


def _cpu(place: Path) -> CpuGroup | None:
    """The quota of a group, None when it has none."""
    quota, period = _quota(place)
    if quota <= 0 or period <= 0:
        return None
    stat = _fields(place / "cpu.stat")
    return CpuGroup(str(place), quota / period, stat.get("nr_periods", 0), stat.get("nr_throttled", 0))


def _quota(place: Path) -> tuple[int, int]:
    """Microseconds of CPU time, and of the period that they are for; 0 where there is no quota."""
    words = _read(place / "cpu.max").split()
    if len(words) == 2:
        return (int(words[0]), int(words[1])) if all(map(_NUMBER.fullmatch, words)) else (0, 0)
    quota, period = (_number(place / f"cpu.cfs_{n}_us") for n in ("quota", "period"))
    return quota or 0, period or 0


def _number(file: Path) -> int | None:
    """The number in a file; None for "max", "-1", no limit at all, and a file that is not there."""
    text = _read(file).strip()
    return int(text) if _NUMBER.fullmatch(text) and int(text) < _NO_LIMIT else None


def _fields(file: Path) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"^(\w{1,40}) (\d{1,20})$", _read(file), re.MULTILINE)}


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(_MOST)
    except OSError:
        return ""
