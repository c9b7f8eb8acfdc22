"""What the system does with the memory image of a process that crashed, and where the one of our run is."""

from __future__ import annotations

import fnmatch
import glob
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from gradio_doctor.evidence import Absent, Cores, Run
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.redact import clean

_PATTERN = Path("/proc/sys/kernel/core_pattern")
_USES_PID = Path("/proc/sys/kernel/core_uses_pid")
_REPORTS = Path("/var/crash")
_KEEPERS = (("systemd-coredump", "systemd-coredump"), ("apport", "apport"))
_MOST_SEEN = 2000


def probe_cores(context: Context) -> Cores | Absent:
    """Where a core of our run is, or would be. Reads two settings and one directory."""
    if sys.platform != "linux":
        return Absent("where crash reports go is known on Linux only")
    try:
        pattern = _PATTERN.read_text(errors="replace").strip()
        uses_pid = _USES_PID.read_text(errors="replace").strip() == "1"
    except OSError as error:
        return Absent(f"/proc/sys/kernel/core_pattern cannot be read: {clean(str(error), 200)}")
    run = context.known(Run)
    return find_core(pattern, run if isinstance(run, Run) else None, uses_pid=uses_pid)


def find_core(pattern: str, run: Run | None, *, uses_pid: bool = False, reports: Path = _REPORTS) -> Cores:
    """Who keeps cores under a core_pattern (core(5)), and the one of a run's crash."""
    pid = run.pid if run else 0
    if pattern.startswith("|"):
        keeper = next((name for mark, name in _KEEPERS if mark in pattern), Path(pattern[1:].split(" ")[0]).name)
        if keeper == "systemd-coredump":
            return Cores(pattern, keeper, command=f"coredumpctl debug {pid}" if pid else "coredumpctl list python3")
        if keeper == "apport":
            found = _newest(reports, lambda name: "python" in name and name.endswith(".crash"))
            return Cores(pattern, keeper, found, f"apport-unpack {found} crash && ls crash" if found else "")
        return Cores(pattern, keeper, why=f"{keeper} takes the cores of this system")
    if not pattern:
        return Cores(pattern, "file", why="kernel.core_pattern is empty: no core is written")
    if run is None:
        return Cores(pattern, "file")
    place, wanted = _expected(pattern, run, uses_pid=uses_pid)
    found = _newest(place, lambda name: fnmatch.fnmatchcase(name, wanted))
    why = "" if found else "no core was written; the limit on its size is mostly 0: ulimit -c unlimited"
    python = shutil.which(run.command[0]) or run.command[0] if run.command else "python3"
    return Cores(pattern, "file", found, f"gdb {python} {found} -batch -ex bt" if found else "", why)


def _expected(pattern: str, run: Run, *, uses_pid: bool) -> tuple[Path, str]:
    """The directory that a run's core goes to, and a glob for its name; "" when that would fit any file at all."""
    path = Path(run.directory) / pattern
    parts = re.split(r"(%.?)", path.name)
    known = {"%p": str(run.pid), "%%": "%", "%": ""}
    name = "".join(known.get(p, "*") if p.startswith("%") else glob.escape(p) for p in parts)
    if uses_pid and "%p" not in pattern:
        name += f".{run.pid}"
    return path.parent, name if name.strip("*") else ""


def _newest(place: Path, wanted: Callable[[str], bool]) -> str:
    """The latest file of a directory whose name is wanted, "" when there is none."""
    best, when = "", 0.0
    try:
        for seen, entry in enumerate(place.iterdir()):
            if seen >= _MOST_SEEN:
                break
            if wanted(entry.name) and entry.is_file() and (made := entry.stat().st_mtime) > when:
                best, when = str(entry), made
    except OSError:
        return ""
    return best
