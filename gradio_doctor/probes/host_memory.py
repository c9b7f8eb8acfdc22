"""Memory of the machine, and the shared memory that the app sees."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from gradio_doctor.evidence import Absent, HostMemory, Process, Shm
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.instances import subject
from gradio_doctor.probes.redact import clean

_FULL = re.compile(r"^full avg10=(\d{1,3}\.\d{1,4})", re.MULTILINE)
_MOST_FILES, _TOLD = 10_000, 4


def probe_host_memory(context: Context) -> HostMemory | Absent:  # noqa: ARG001 - the contract of probes
    """Memory, swap and pressure (PSI) of this machine."""
    if not sys.platform.startswith("linux"):
        return Absent("memory pressure is read from /proc, which only Linux has")
    try:
        return read_host_memory(Path("/proc"))
    except (OSError, KeyError, ValueError) as error:
        return Absent(f"/proc/meminfo cannot be read: {clean(str(error), 200)}")


def read_host_memory(proc: Path) -> HostMemory:
    """The figures under a /proc. Raises OSError, KeyError or ValueError when they are not there."""
    lines = (proc / "meminfo").read_text(errors="replace").splitlines()
    fields = (line.partition(":") for line in lines)
    told = {name: int(value.split()[0]) * 1024 for name, _, value in fields if value.strip()}
    pressure = {}
    for resource in ("memory", "io", "cpu"):
        try:
            text = (proc / "pressure" / resource).read_text(errors="replace")
        except OSError:
            continue
        if seen := _FULL.search(text):
            pressure[resource] = float(seen[1]) / 100
    return HostMemory(
        told["MemTotal"], told["MemAvailable"], told.get("SwapTotal", 0), told.get("SwapFree", 0), pressure
    )


def probe_shm(context: Context) -> Shm | Absent:
    """The shared memory (/dev/shm) as the app sees it (a container has its own), or ours when it does not run."""
    process = subject(context)
    if isinstance(process, Absent):
        return process
    if not sys.platform.startswith("linux"):
        return Absent("there is no /dev/shm on this system")
    places = [Path(f"/proc/{process.pid}/root/dev/shm")] if isinstance(process, Process) else [Path("/dev/shm")]  # noqa: S108
    try:
        return read_shm(places[0])
    except PermissionError:
        unlock = f'sudo "$(command -v gradio-doctor)" diagnose {context.target.text}'
        return Absent("the app's /dev/shm is another user's and cannot be seen", unlock)
    except OSError as error:
        return Absent(f"there is no /dev/shm: {clean(str(error), 200)}")


def read_shm(place: Path) -> Shm:
    """Size and biggest files of a file system of shared memory. Raises OSError when it is not there."""
    found = os.statvfs(place)
    files: list[tuple[str, int]] = []
    with os.scandir(place) as entries:
        for seen, entry in enumerate(entries):
            if seen >= _MOST_FILES:
                break
            try:
                files.append((clean(entry.name, 100), entry.stat(follow_symlinks=False).st_blocks * 512))
            except OSError:
                continue
    biggest = tuple(sorted((f for f in files if f[1]), key=lambda f: -f[1])[:_TOLD])
    return Shm(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, biggest)
