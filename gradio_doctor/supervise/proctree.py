"""The descendants of a process, read from /proc, and signals that reach them and nobody else (Linux).

The guard process imports this before anything else runs, so it needs the standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

_AFTER_NAME_STATE, _AFTER_NAME_PARENT, _AFTER_NAME_START = 0, 1, 19  # fields 3, 4 and 22 of proc_pid_stat(5)
DEAD_STATES = frozenset("ZXx")


class Stat(NamedTuple):
    """What /proc/PID/stat says. (pid, started) names a process for ever; a pid alone is used again."""

    pid: int
    parent: int
    state: str
    started: int  # clock ticks after boot


def read_stat(pid: int) -> Stat | None:
    """The process with that pid, None when there is none (or it hides)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode("ascii", "replace")
        fields = text[text.rindex(")") + 2 :].split()  # the name may itself have spaces and brackets
        return Stat(pid, int(fields[_AFTER_NAME_PARENT]), fields[_AFTER_NAME_STATE], int(fields[_AFTER_NAME_START]))
    except (OSError, ValueError, IndexError):
        return None


def descendants(ancestor: int) -> list[Stat]:
    """Every living process below `ancestor`, nearest first. Those that have died but wait to be reaped are left out."""
    children: dict[int, list[Stat]] = defaultdict(list)
    for name in os.listdir("/proc"):  # noqa: PTH208 - ten times a second, so without making a Path of each
        if name.isdigit() and (stat := read_stat(int(name))):
            children[stat.parent].append(stat)
    found: list[Stat] = []
    below = list(children.get(ancestor, ()))
    while below:
        found += below
        below = [child for parent in below for child in children.get(parent.pid, ())]
    return [stat for stat in found if stat.state not in DEAD_STATES]


def send_signal(process: Stat, number: signal.Signals) -> bool:
    """Signal exactly that process: never another one that got its pid meanwhile. False when it is gone or not ours."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    except (OSError, AttributeError):  # kernels before 5.3, sandboxes: a short race remains
        return _send_by_pid(process, number)
    try:
        # the handle pins whoever has the pid now, so comparing the start time afterwards leaves no race
        if not _still(process):
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _send_by_pid(process: Stat, number: signal.Signals) -> bool:
    with contextlib.suppress(OSError):
        if _still(process):
            os.kill(process.pid, number)
            return True
    return False


def _still(process: Stat) -> bool:
    now = read_stat(process.pid)
    return now is not None and now.started == process.started
