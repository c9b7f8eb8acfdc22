"""Says which processes of our table the pids are that NVML gives.

NVML numbers processes as the host does. From the host that is our own numbering; inside a container it is not, and a
number of ours may by chance be the same. What is on the GPU has a device file of the driver open: that tells.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gradio_doctor.evidence import Gpu, GpuProcess, Process, Processes

_FIRST_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO of linux/proc_ns.h
_CONTAINER = re.compile(r"([0-9a-f]{64})")
_MOST_DESCRIPTORS = 4096


@dataclass(frozen=True, slots=True)
class Numbering:
    """How NVML's pids and ours relate. `apart`: we are in a pid namespace of our own. `holders` are the processes seen
    to have a device file of the driver open, None when there are no such files to go by (WSL, another system)."""

    apart: bool
    holders: frozenset[int] | None


def numbering(processes: Processes) -> Numbering:
    """Look whether this is a container, and if so, which processes use the driver."""
    try:
        apart = os.readlink("/proc/self/ns/pid") != _FIRST_NAMESPACE  # noqa: PTH115 - no path, the name of a namespace
    except OSError:
        apart = False
    if not apart or not any(Path("/dev").glob("nvidia[0-9]*")):
        return Numbering(apart, None)
    return Numbering(apart, frozenset(pid for pid in processes.table if uses_driver(pid)))


def uses_driver(pid: int, devices: str = "/dev/nvidia") -> bool:
    """True when a process is seen to have a device file of the driver open (False too when we may not look)."""
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for number, entry in enumerate(entries):
                if number >= _MOST_DESCRIPTORS:
                    return False
                try:
                    if os.readlink(entry.path).startswith(devices):  # noqa: PTH115 - thousands of them
                        return True
                except OSError:
                    continue
    except OSError:
        return False
    return False


def joined(devices: Iterable[Gpu], processes: Processes, how: Numbering) -> tuple[Gpu, ...]:
    """The devices, with who their processes are, as far as that can be said."""
    found = [replace(d, processes=tuple(_joined(p, processes, how) for p in d.processes)) for d in devices]
    return tuple(_by_elimination(found, processes, how))


def _joined(seen: GpuProcess, processes: Processes, how: Numbering) -> GpuProcess:
    process = processes.get(seen.pid)
    if how.apart and how.holders is not None and seen.pid not in how.holders:
        process = None  # the same number, but it does not use the driver: somebody else
    if process is not None:
        return replace(seen, process=process, container=container_of(process.pid))
    return replace(seen, known="not-visible" if how.apart or processes.hidden else "ended")


def _by_elimination(devices: list[Gpu], processes: Processes, how: Numbering) -> list[Gpu]:
    """In a container: as many pids that are not ours as processes of ours that use the driver and have no pid yet.

    The kernel counts pids up, on the host as in the container: who began first has the lowest. (After 4 million
    processes it begins again; `known` tells that this is how they were found.)
    """
    if not how.apart or not how.holders:
        return devices
    taken = {p.process.pid for d in devices for p in d.processes if p.process}
    left = [p for pid in how.holders - taken if (p := processes.get(pid))]
    unknown = {p.pid for d in devices for p in d.processes if p.known == "not-visible"}
    if len(left) != len(unknown) or len({p.started for p in left}) != len(left):
        return devices
    pairs = dict(zip(sorted(unknown), sorted(left, key=lambda p: p.started), strict=True))
    return [replace(d, processes=tuple(_matched(p, pairs) for p in d.processes)) for d in devices]


def _matched(seen: GpuProcess, pairs: Mapping[int, Process]) -> GpuProcess:
    if seen.known != "not-visible" or seen.pid not in pairs:
        return seen
    return replace(seen, known="elimination" if len(pairs) == 1 else "start-order", process=pairs[seen.pid])


def container_of(pid: int) -> str:
    """The first 12 characters of the id of a process's container, "" when it is in none that we can tell."""
    try:
        text = Path(f"/proc/{pid}/cgroup").read_text(errors="replace")[:4096]
    except OSError:
        return ""
    seen = _CONTAINER.search(text)
    return seen[1][:12] if seen else ""


def hidden_by(value: str | None, devices: Iterable[Gpu]) -> frozenset[str]:
    """The uuids of the devices that a CUDA_VISIBLE_DEVICES hides.

    CUDA reads a list of numbers, or of (starts of) uuids, up to the first entry that is no device. Its numbers go by
    speed unless CUDA_DEVICE_ORDER=PCI_BUS_ID, which makes no difference among equal cards.
    """
    whole = [d for d in devices if not d.instance_of]
    if value is None:
        return frozenset()
    shown: set[str] = set()
    for entry in (part.strip() for part in value.split(",")):
        named = _named(entry, whole, devices)
        if not named:
            break
        shown |= named
    return frozenset(d.uuid for d in devices if d.uuid not in shown)


def _named(entry: str, whole: list[Gpu], devices: Iterable[Gpu]) -> set[str]:
    if entry.isdecimal():
        return {u for d in whole if d.index == int(entry) for u in (d.uuid, *_parts(d.uuid, devices))}
    if not entry.startswith(("GPU-", "MIG-")):
        return set()
    found = [d for d in devices if d.uuid.startswith(entry)]
    return {u for d in found for u in (d.uuid, *_parts(d.uuid, devices))}


def _parts(uuid: str, devices: Iterable[Gpu]) -> list[str]:
    return [d.uuid for d in devices if d.instance_of == uuid]


