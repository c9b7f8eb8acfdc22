"""What the app's processes hold against their limits: descriptors, threads, address space, file watches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gradio_doctor.evidence import Absent, Process, Usage, Usages
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.descriptors import NO_DESCRIPTORS, look_at_descriptors
from gradio_doctor.probes.redact import clean
from gradio_doctor.probes.threads_family import family

_MOST_PROCESSES = 16
_INOTIFY = {"instances": "max_user_instances", "watches": "max_user_watches"}
_LIMITS = {
    "Max open files": "nofile", "Max processes": "nproc", "Max address space": "as", "Max core file size": "core",
}
_INFINITE = 2**62


def probe_usages(context: Context) -> Usages | Absent:
    """Every process of the app, at most 16. When none runs, only what an app that we start would inherit."""
    if not sys.platform.startswith("linux"):
        return Absent("limits and their use are read from /proc, which only Linux has")
    inherited = read_limits(Path("/proc/self"))
    inotify = {name: value for name, file in _INOTIFY.items() if (value := _kernel_limit(file)) is not None}
    members = family(context)
    if isinstance(members, Absent):
        return Usages((), inherited, inotify)
    tasks = tasks_by_user()
    usages = (read_usage(p, tasks) for p in members[:_MOST_PROCESSES])
    return Usages(tuple(u for u in usages if u is not None), inherited, inotify)


def read_usage(process: Process, tasks: Mapping[int, int], proc: Path = Path("/proc")) -> Usage | None:
    """One process, None when it has ended. `tasks` are the threads on this machine by user id."""
    place = proc / str(process.pid)
    try:
        status = dict(_fields((place / "status").read_text(errors="replace")))
    except OSError:
        return None
    limits = read_limits(place)
    uid = _first(status.get("Uid", ""))
    bound = uid != 0  # the kernel does not hold root to RLIMIT_NPROC
    held, count = look_at_descriptors(process, place), count_descriptors(place)
    found = NO_DESCRIPTORS if isinstance(held, Absent) else held
    return Usage(
        process.pid, clean(process.command_line, 200), process.user,
        descriptors=count if isinstance(held, Absent) else sum(found.kinds.values()),
        descriptor_limit=limits.get("nofile"), kinds=found.kinds, top=found.top, close_wait=found.close_wait,
        closed=held if isinstance(held, Absent) else None,
        threads=_first(status.get("Threads", "")), tasks_limit=limits.get("nproc") if bound else None,
        user_tasks=tasks.get(uid, 0), size=_first(status.get("VmSize", "")) * 1024,
        size_peak=_first(status.get("VmPeak", "")) * 1024, size_limit=limits.get("as"), watches=found.watches,
    )  # fmt: skip


def read_limits(place: Path) -> dict[str, int]:
    """The soft limits of a process that are set, by short name; anybody may read them."""
    out: dict[str, int] = {}
    try:
        lines = (place / "limits").read_text(errors="replace").splitlines()
    except OSError:
        return out
    for line in lines:
        for name, short in _LIMITS.items():
            if line.startswith(name) and (words := line[len(name) :].split()) and words[0].isdigit():
                out[short] = int(words[0])
    return {n: v for n, v in out.items() if v < _INFINITE}


def count_descriptors(place: Path) -> int | None:
    """How many descriptors a process has, which Linux 6.2 and later tell anybody; None where they do not."""
    try:
        return (place / "fd").stat().st_size or None
    except OSError:
        return None


def tasks_by_user(proc: Path = Path("/proc")) -> dict[int, int]:
    """The threads of every user, as RLIMIT_NPROC counts them (processes that hide are left out)."""
    out: dict[int, int] = {}
    with os.scandir(proc) as entries:
        for entry in entries:
            if not entry.name.isdigit():
                continue
            try:
                threads = Path(entry.path, "task").stat().st_nlink - 2
                uid = entry.stat().st_uid
            except OSError:
                continue
            out[uid] = out.get(uid, 0) + max(threads, 1)
    return out


def _kernel_limit(file: str) -> int | None:
    try:
        return int((Path("/proc/sys/fs/inotify") / file).read_text())
    except (OSError, ValueError):
        return None


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        yield name, value


def _first(text: str) -> int:
    """The first number of a field, 0 when there is none."""
    words = text.split()
    return int(words[0]) if words and words[0].isdigit() else 0
