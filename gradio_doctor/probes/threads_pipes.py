"""Who reads from a pipe that a thread cannot write to any more."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

_SECONDS = 0.5
_MOST_READERS = 16
PIPE_WRITES = ("anon_pipe_write", "pipe_write")  # fs/pipe.c
_ACCESS_MODE = 3  # O_ACCMODE; O_RDONLY is 0


def readers_of(link: str, proc: Path = Path("/proc"), seconds: float = _SECONDS) -> tuple[int, ...]:
    """The pids that can read from "pipe:[inode]", among those whose descriptors we may see."""
    give_up = time.monotonic() + seconds
    found: list[int] = []
    for directory in proc.iterdir():
        if time.monotonic() > give_up or len(found) >= _MOST_READERS:
            break
        if directory.name.isdigit() and any(_reads(directory, fd) for fd in _descriptors(directory / "fd", link)):
            found.append(int(directory.name))
    return tuple(sorted(found))


def chokes_on(child: int, parent: int, proc: Path = Path("/proc")) -> bool:
    """True when a child cannot go on writing its output, which nobody but its parent could read.

    The kernel function that it sleeps in tells the first; Popen(stdout=PIPE) without reading makes such children.
    """
    try:
        if not (proc / str(child) / "wchan").read_text().startswith(PIPE_WRITES):
            return False
        links = {os.readlink(proc / str(child) / "fd" / fd) for fd in ("1", "2")}  # noqa: PTH115 - texts, no paths
    except OSError:
        return False
    held = (link for link in links if link.startswith("pipe:["))
    mine = proc / str(parent)
    return any(_reads(mine, fd) for link in held for fd in _descriptors(mine / "fd", link))


def _descriptors(directory: Path, link: str) -> Iterator[str]:
    try:
        names = os.listdir(directory)  # noqa: PTH208 - half the time of a Path
    except OSError:  # another user's, or ended meanwhile
        return
    for name in names:
        try:
            if os.readlink(f"{directory}/{name}") == link:  # noqa: PTH115 - half the time of a Path
                yield name
        except OSError:
            continue


def _reads(directory: Path, descriptor: str) -> bool:
    try:
        for line in (directory / "fdinfo" / descriptor).read_text("utf-8", "replace").splitlines():
            if line.startswith("flags:"):
                return int(line.split()[1], 8) & _ACCESS_MODE == os.O_RDONLY
    except (OSError, ValueError, IndexError):
        pass
    return False
