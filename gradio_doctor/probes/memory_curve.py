"""Watches the memory of a running app for as long as the person asked: `diagnose --watch SECONDS`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from gradio_doctor.evidence import Absent, Cgroup, MemoryCurve, Process
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.threads_family import family

_MOST_POINTS = 240
_LEAST_PAUSE = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def probe_memory_curve(context: Context) -> MemoryCurve | Absent:
    """The app's resident memory over the time that was asked for; Absent when none was.

    Two small files of /proc are read for each process at most ten times a second, and anybody may read them.
    """
    seconds = context.options.watch
    if seconds <= 0:
        return Absent("nobody asked to watch its memory (--watch SECONDS)")
    if not sys.platform.startswith("linux"):
        return Absent("memory is watched through /proc, which only Linux has")
    members = family(context)
    if isinstance(members, Absent):
        return members
    context.note(f"watching its memory for {seconds:g} s; use the app meanwhile")
    groups = context.get(Cgroup)
    curve = watch_memory(members, seconds)
    limits = [g.limit for g in groups.memory if g.limit] if isinstance(groups, Cgroup) else []
    return replace(curve, limit=min(limits, default=None))


def watch_memory(members: Sequence[Process], seconds: float, proc: Path = Path("/proc")) -> MemoryCurve:
    """Watch processes that are known beforehand; it ends early when the first of them does.

    When another one ends, the curve begins anew: what it gives back is no measure of the rest.
    """
    pause = max(_LEAST_PAUSE, seconds / _MOST_POINTS)
    points: list[tuple[float, int]] = []
    begun = time.monotonic()
    pids = [p.pid for p in members]
    cpu, opened = _cpu(pids, proc), opened_so_far(pids[0], proc)
    while (at := time.monotonic() - begun) <= seconds + pause / 2:
        sizes = {pid: size for pid in pids if (size := resident(pid, proc)) is not None}
        if pids[0] not in sizes:
            break
        if len(sizes) < len(pids):
            pids, points = list(sizes), []
        points.append((round(at, 3), sum(sizes.values())))
        time.sleep(pause)
    used = _cpu(pids, proc) - cpu
    last = opened_so_far(members[0].pid, proc)
    came = max(last - opened, 0) if last is not None and opened is not None else None
    return MemoryCurve(members[0].pid, tuple(points), max(used, 0.0), None, len(pids), came)


def opened_so_far(pid: int, proc: Path = Path("/proc")) -> int | None:
    """TCP connections that came in to a process's network namespace so far (PassiveOpens); None: not told.

    The kernel counts neither accepts by socket nor, in /proc/PID/io, what asyncio reads from sockets; Gradio's own
    count (/monitoring/summary) is taken anew after many events only, and leaves out those without the queue.
    """
    try:
        lines = (proc / str(pid) / "net" / "snmp").read_text(errors="replace").splitlines()
    except OSError:
        return None
    names, values = ([*line.split(), ""] for line in [*(s for s in lines if s.startswith("Tcp:")), "", ""][:2])
    found = dict(zip(names, values, strict=False)).get("PassiveOpens", "")
    return int(found) if found.isdigit() else None


def resident(pid: int, proc: Path = Path("/proc")) -> int | None:
    """Memory of a process that is its own and in RAM: resident pages without those shared with files. None: gone."""
    try:
        fields = (proc / str(pid) / "statm").read_text().split()
        own = int(fields[1]) - int(fields[2])
    except (OSError, ValueError, IndexError):
        return None
    return own * _PAGE or None


def _cpu(pids: Iterable[int], proc: Path) -> float:
    """CPU seconds that processes have used so far."""
    total = 0
    for pid in pids:
        try:
            fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        except (OSError, ValueError, IndexError):
            continue
    return total / _TICKS
