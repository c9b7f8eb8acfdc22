"""The process table, in one pass, with the script that each process runs and who keeps it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from gradio_doctor.evidence import Absent, Process, Processes
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.lineage import Traits, is_orphan, keeper_of, read_traits
from gradio_doctor.probes.redact import clean, redact_command
from gradio_doctor.probes.scripts import script_of_command

_SCAN_SECONDS = 5.0
_PATH_LIMIT = 4096
_FIELDS = ("ppid", "name", "cmdline", "create_time", "status", "cwd", "exe", "memory_info", "num_threads")
_POSIX_FIELDS = ("uids",) if sys.platform == "linux" else ("uids", "terminal")


def probe_processes(context: Context) -> Processes | Absent:  # noqa: ARG001 - the contract of probes
    """All processes that we may see. Fields that we may not see (another user's cwd) are empty."""
    import psutil

    now = time.time()
    give_up = time.monotonic() + _SCAN_SECONDS
    table: dict[int, Process] = {}
    traits: dict[int, Traits] = {}
    try:
        pids = psutil.pids()
    except (OSError, psutil.Error) as error:
        return Absent(f"the process table cannot be read: {error}")
    for pid in pids:
        if time.monotonic() > give_up:
            return Processes(_with_keepers(table, traits), now, hidden=True)
        if found := read_process(pid):
            table[pid] = found
            traits[pid] = read_traits(pid) if found.command else Traits()
    return Processes(_with_keepers(table, traits), now, hidden=sys.platform == "linux" and not Path("/proc/1").exists())


def read_process(pid: int) -> Process | None:
    """One process without `orphan` and `keeper`, which need the whole table; None when it has ended."""
    import psutil

    fields = _FIELDS + _POSIX_FIELDS if os.name == "posix" else (*_FIELDS, "username")
    try:
        process = psutil.Process(pid)
        return _process(pid, process.as_dict(list(fields), ad_value=None))
    except (psutil.Error, OSError, ValueError):  # ended meanwhile, or its entry makes no sense
        return None


def _process(pid: int, seen: Mapping[str, Any]) -> Process:
    command, cwd = seen["cmdline"] or [], seen["cwd"] or ""
    return Process(
        pid=pid,
        ppid=seen["ppid"] or 0,
        name=clean(seen["name"] or "", 100),
        command=redact_command(command),
        user=clean(user_name(seen["uids"].real) if seen.get("uids") else seen.get("username") or "", 100),
        started=seen["create_time"] or 0.0,
        state=seen["status"] or "",
        cwd=clean(cwd, _PATH_LIMIT),
        exe=clean(seen["exe"] or "", _PATH_LIMIT),
        script=clean(script_of_command(command, cwd), _PATH_LIMIT),
        session=_session(pid),
        terminal=_terminal(pid) if sys.platform == "linux" else seen.get("terminal") or "",
        memory=seen["memory_info"].rss if seen["memory_info"] else 0,
        threads=seen["num_threads"] or 0,
    )


def _with_keepers(table: dict[int, Process], traits: Mapping[int, Traits]) -> dict[int, Process]:
    return {
        pid: replace(p, orphan=is_orphan(p, table, traits), keeper=keeper_of(p, table, traits)) if p.command else p
        for pid, p in table.items()
    }


def _session(pid: int) -> int:
    if not hasattr(os, "getsid"):
        return 0
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _terminal(pid: int) -> str:
    """The controlling terminal (Linux). psutil remembers the terminals of its first look, and misses later ones."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        device = int(fields[4])
    except (OSError, ValueError, IndexError):
        return ""
    major, minor = os.major(device), os.minor(device)
    if 136 <= major <= 143:
        return f"/dev/pts/{(major - 136) * 256 + minor}"
    return f"/dev/tty{minor}" if major == 4 and minor < 64 else ("another terminal" if device else "")


@lru_cache(maxsize=4096)
def user_name(uid: int) -> str:
    """The name of a user, the number itself where it has none (a container's)."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)
