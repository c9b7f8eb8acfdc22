"""Which processes of the app are looked into thread by thread, and whether we may."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gradio_doctor.evidence import Absent, Instances, Process, Processes
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.instances import serving
from gradio_doctor.probes.looks import is_ours
from gradio_doctor.probes.scripts import is_python

MOST_PROCESSES = 8
_CAP_SYS_PTRACE = 19  # linux/capability.h
_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")


def family(context: Context) -> tuple[Process, ...] | Absent:
    """The app's processes and everything they started, the serving one first; Absent when the app does not run."""
    instances, processes = context.get(Instances), context.get(Processes)
    if isinstance(instances, Absent):
        return instances
    first = serving(instances, context.target.pid)
    if first is None:
        return Absent("the app is not running")
    seeds = [first, *(p for p in instances.all if p.pid != first.pid)]
    found = {p.pid: p for p in seeds}
    if not isinstance(processes, Absent):
        below = [p for pid in processes.with_descendants(found) if (p := processes.get(pid))]
        found |= {p.pid: p for p in sorted(below, key=lambda p: p.started) if p.pid not in found}
    return tuple(found.values())


def pythons(members: tuple[Process, ...], processes: Processes | Absent) -> tuple[Process, ...]:
    """The Python processes among the app's, at most eight, never our own."""
    table = {} if isinstance(processes, Absent) else processes.table
    found = [p for p in members if is_python(p.command, p.exe) and not is_ours(p, table)]
    return tuple(p for p in found if p.pid != os.getpid() and p.state != "zombie")[:MOST_PROCESSES]


def attach_refused(process: Process, proc: Path = Path("/proc"), yama: Path = _YAMA) -> Absent | None:
    """Why the inside of a process may not be read, None when it may. Opening its memory asks the kernel, no more.

    Raises nothing; a process that has ended is refused too.
    """
    pid = process.pid
    try:
        os.close(os.open(proc / str(pid) / "mem", os.O_RDONLY))
    except PermissionError:
        return _explained(process, proc, yama)
    except OSError:
        return Absent(f"process {pid} has ended" if not (proc / str(pid)).exists() else f"pid {pid} cannot be read")
    return None


def _explained(process: Process, proc: Path, yama: Path) -> Absent:
    pid, scope = process.pid, _number(yama)
    as_root = f'sudo "$(command -v gradio-doctor)" diagnose pid:{pid}'
    if scope == 3:
        return Absent("this kernel forbids looking into processes until it is booted anew (ptrace_scope is 3)")
    if os.geteuid() == 0:
        why = f"looking into pid {pid} needs the capability SYS_PTRACE, which this container does not give"
        return Absent(why, "docker run --cap-add=SYS_PTRACE ...") if not _may_trace(proc) else Absent(
            f"the kernel does not let us look into pid {pid}", as_root)
    owner = _owner(proc / str(pid))
    if owner is not None and owner != os.geteuid():
        return Absent(f"pid {pid} runs as another user ({process.user or owner})", as_root)
    if scope:
        return Absent(f"this kernel lets only root look into a process (ptrace_scope is {scope})", as_root)
    return Absent(f"pid {pid} does not let its own user look into it", as_root)


def _owner(path: Path) -> int | None:
    """The user of a process, read where it also shows for one that hides (whose files belong to root)."""
    try:
        for line in (path / "status").read_text("utf-8", "replace").splitlines():
            if line.startswith("Uid:"):
                return int(line.split()[2])
    except (OSError, ValueError, IndexError):
        pass
    return None


def _may_trace(proc: Path) -> bool:
    try:
        text = (proc / "self" / "status").read_text("utf-8", "replace")
        effective = next(line for line in text.splitlines() if line.startswith("CapEff:"))
        return bool(int(effective.split()[1], 16) >> _CAP_SYS_PTRACE & 1)
    except (OSError, ValueError, IndexError, StopIteration):
        return False


def _number(path: Path) -> int:
    try:
        return int(path.read_text("utf-8", "replace"))
    except (OSError, ValueError):
        return 0


def tracer_of(pid: int, proc: Path = Path("/proc")) -> int:
    """The pid of the debugger that has a process under its control, 0 when none has."""
    try:
        for line in (proc / str(pid) / "status").read_text("utf-8", "replace").splitlines():
            if line.startswith("TracerPid:"):
                return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return 0


def on_linux() -> bool:
    """True where /proc has what these probes read (a function, so that mypy does not drop code for a platform)."""
    return sys.platform.startswith("linux")
