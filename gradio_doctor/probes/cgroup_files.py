"""Where the files of a process's control groups are, in version 1, version 2 and systems that mix them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Version = Literal[1, 2]
_KINDS: dict[str, Version] = {"cgroup": 1, "cgroup2": 2}
_MOST_LEVELS = 32


def group_directories(controller: str, groups: str, mounts: str) -> Iterator[tuple[Version, Path, Path]]:
    """(version, the group's directory, the top of its hierarchy) where the files of a controller can be.

    `groups` is /proc/PID/cgroup, `mounts` /proc/PID/mountinfo. Version 1 first: a mixed system has no such files in 2.
    """
    paths: dict[str, str] = {}
    for line in groups.splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controller in controllers.split(","):
            paths["cgroup"] = path
        elif number == "0":
            paths["cgroup2"] = path
    for kind, version in _KINDS.items():
        for root, point, options in _mounts(mounts, kind):
            if kind in paths and (version == 2 or controller in options):
                yield version, Path(point) / _below(paths[kind], root), Path(point)


def levels(directory: Path, top: Path) -> Iterator[Path]:
    """The group's directory and those above it, up to the top of the hierarchy."""
    for place in [directory, *directory.parents][:_MOST_LEVELS]:
        yield place
        if place == top:
            return


def _mounts(mounts: str, kind: str) -> Iterator[tuple[str, str, list[str]]]:
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) > 4 and len(kinds) > 2 and kinds[0] == kind:
            yield fields[3], fields[4], kinds[2].split(",")


def _below(path: str, root: str) -> str:
    """The group's path below a mount of `root`: containers mount their own group as the top."""
    inside = path[len(root) :] if root != "/" and f"{path}/".startswith(f"{root}/") else path
    parts = [p for p in inside.split("/") if p]
    return "." if ".." in parts else "/".join(parts)
