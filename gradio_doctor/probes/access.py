"""Whether a user may write a directory, found out without writing: by asking the kernel, or by mode bits."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gradio_doctor.probes.acl import acl_of, granted


@dataclass(frozen=True, slots=True)
class Reader:
    """On whose behalf access is judged.

    `uid` None asks the kernel about ourselves; else mode bits decide for that user (access() always says yes to root,
    and only knows ourselves). `root` is put before every path: "/proc/PID/root" for a process in a container.
    `overrides` are the ranges of uids whose files permissions do not keep it from (CAP_DAC_OVERRIDE, which holds for
    what its user namespace maps); None: root has it, nobody else.
    """

    uid: int | None = None
    groups: frozenset[int] = frozenset()
    root: str = ""
    overrides: tuple[range, ...] | None = None

    def problem(self, path: str) -> str:
        """Why a directory cannot be made there or written to, in words; "" when it can. Nothing is created."""
        if self.root and not Path(path).is_absolute():
            return "not an absolute path"
        wanted = self.seen(path)
        try:
            place = nearest_existing(wanted)
            if not stat.S_ISDIR(place.stat().st_mode):
                return "not a directory" if place == wanted else f"{self.named(place)} is not a directory"
            reason = self._refusal(place)
        except OSError as error:
            return f"cannot be looked at ({(error.strerror or str(error)).lower()})"
        if not reason or place == wanted:
            return reason
        return f"does not exist and cannot be created: {reason} in {self.named(place)}"

    def seen(self, path: str) -> Path:
        """Where we find what the app calls `path`."""
        return Path(self.root + path)

    def named(self, path: Path) -> str:
        """The app's own name of a path that we found."""
        return str(path).removeprefix(self.root) or "/"

    def _refusal(self, place: Path) -> str:
        if self.uid is None:
            if os.access(place, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
                return _file_system_problem(place)
            return _file_system_problem(place) or "no permission to write"
        if not self._may_search(place.parents) or not self._allowed(place, 0o3):
            return "no permission to write"
        return _file_system_problem(place)

    def _may_search(self, parents: Iterable[Path]) -> bool:
        above = len(Path(self.root).parts) if self.root else 0
        return all(self._allowed(p, 0o1) for p in parents if len(p.parts) >= above)

    def _allowed(self, place: Path, bits: int) -> bool:
        found = place.stat()
        if any(found.st_uid in uids for uids in self.overrides) if self.overrides is not None else self.uid == 0:
            return True
        if entries := acl_of(place):
            return granted(entries, found.st_uid, found.st_gid, self.uid or 0, self.groups, bits)
        if found.st_uid == self.uid:
            given = found.st_mode >> 6
        elif found.st_gid in self.groups:
            given = found.st_mode >> 3
        else:
            given = found.st_mode
        return given & bits == bits


def nearest_existing(path: Path) -> Path:
    """The path itself or the closest directory above it that exists. Raises OSError when that cannot be told."""
    for place in (path, *path.parents):
        try:
            place.stat()
        except FileNotFoundError:
            if place.is_symlink():
                raise OSError(errno.ENOENT, f"dangling link {place.name}") from None
        except NotADirectoryError:
            continue
        else:
            return place
    return path


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes free and in all on a file system, and the same of inodes; None where it does not tell or has no limit."""

    free: int | None = None
    total: int | None = None
    inodes_free: int | None = None
    inodes: int | None = None


def room(place: Path, *, root: bool = False) -> Room:
    """What may still be written at a place by an ordinary user, or by root, for whom some is kept back."""
    try:
        found = os.statvfs(nearest_existing(place))
    except (OSError, AttributeError):
        return Room()
    free, inodes_free = (found.f_bfree, found.f_ffree) if root else (found.f_bavail, found.f_favail)
    inodes = found.f_files or None  # file systems that make inodes as they need them say 0
    return Room(free * found.f_frsize, found.f_blocks * found.f_frsize, inodes_free if inodes else None, inodes)


def _file_system_problem(place: Path) -> str:
    if not hasattr(os, "statvfs"):
        return ""
    found = os.statvfs(place)
    if found.f_flag & os.ST_RDONLY:
        return "read-only file system"
    if found.f_files and not found.f_favail:
        return "no inodes left on its file system"
    return ""
