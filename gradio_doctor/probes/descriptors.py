"""Which files, sockets and pipes a process has open, told apart by kind."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gradio_doctor.evidence import Absent, Process
from gradio_doctor.probes.redact import clean

_MOST = 100_000  # descriptors that are looked at
_MOST_TARGETS = 5
_MOST_TABLE = 16 * 2**20
_CLOSE_WAIT = "08"
_NUMBERED = re.compile(r"\d{2,}")


@dataclass(frozen=True, slots=True)
class Descriptors:
    """Descriptors by kind, the most frequent targets, sockets in CLOSE_WAIT, and inotify watches."""

    kinds: Mapping[str, int]
    top: tuple[tuple[str, int], ...]
    close_wait: int = 0
    watches: int = 0


NO_DESCRIPTORS = Descriptors({}, ())


def look_at_descriptors(process: Process, place: Path) -> Descriptors | Absent:
    """All open descriptors of a process; Absent when they are not ours to read. `place` is its /proc/PID."""
    kinds: Counter[str] = Counter()
    targets: Counter[str] = Counter()
    sockets: set[str] = set()
    watches = 0
    try:
        for number, target in _targets(place / "fd"):
            kind = kind_of(target)
            kinds[kind] += 1
            targets[named(target)] += 1
            if kind == "socket":
                sockets.add(target[8:-1])
            elif kind == "inotify":
                watches += _watches(place / "fdinfo" / number)
    except PermissionError:
        why = f"what pid {process.pid} of user {process.user} has open is not ours to read"
        return Absent(why, f'sudo "$(command -v gradio-doctor)" diagnose pid:{process.pid}')
    except OSError:
        return Absent(f"process {process.pid} has ended")
    waiting = _closing(place) & sockets if sockets else set()
    return Descriptors(dict(kinds), tuple(targets.most_common(_MOST_TARGETS)), len(waiting), watches)


def kind_of(target: str) -> str:
    """The kind of thing that a link in /proc/PID/fd points to."""
    if target.startswith("socket:["):
        return "socket"
    if target.startswith("pipe:["):
        return "pipe"
    if target.startswith("anon_inode:"):
        return "inotify" if "inotify" in target else "other"
    return "file" if target.startswith("/") else "other"


def named(target: str) -> str:
    """The target for people: things that only differ by a number count as one."""
    head = target.partition(":")[0]
    if head in ("socket", "pipe"):
        return f"{head}s"
    return clean(_NUMBERED.sub("N", target), 200)


def _targets(directory: Path) -> Iterator[tuple[str, str]]:
    with os.scandir(directory) as entries:
        for seen, entry in enumerate(entries):
            if seen >= _MOST:
                return
            try:
                yield entry.name, str(Path(entry.path).readlink())
            except FileNotFoundError:  # closed meanwhile
                continue


def _watches(file: Path) -> int:
    try:
        return file.read_text(errors="replace").count("inotify wd:")
    except OSError:
        return 0


def _closing(place: Path) -> set[str]:
    """The inodes of the TCP sockets whose other end has hung up, in the network of the process."""
    found: set[str] = set()
    for name in ("tcp", "tcp6"):
        try:
            with (place / "net" / name).open(encoding="ascii", errors="replace") as table:
                rows = (line.split() for line in table.read(_MOST_TABLE).splitlines()[1:])
                found |= {row[9] for row in rows if len(row) > 9 and row[3] == _CLOSE_WAIT}
        except OSError:
            continue
    return found
