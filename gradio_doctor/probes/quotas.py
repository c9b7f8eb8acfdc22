"""What a quota leaves of a directory: asked of the kernel, and tried with a file that never gets a name.

A quota does not show in statvfs(): the file system is half empty, and every write fails. Where the kernel keeps the
quota it tells it (quotactl); where it does not (btrfs's groups, a server's quota) only a write tells.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from gradio_doctor.probes.access import Room, nearest_existing

_QUOTACTL_FD = 443  # the same number on every architecture since Linux 5.14
_GET_QUOTA = 0x800007  # Q_GETQUOTA, linux/quota.h
_ANSWER = struct.Struct("=8QI4x")  # struct if_dqblk
_BLOCK = 1024  # bytes: QIF_DQBLKSIZE, of the limits
_TRIED = 4096  # bytes: one block of a usual file system
_KINDS = ("user", "group")  # USRQUOTA, GRPQUOTA

# Asks the kernel for the quota of (a descriptor on the file system, kind, number): its answer, or None.
Asker = Callable[[int, int, int], bytes | None]


@dataclass(frozen=True, slots=True)
class Quota:
    """What a quota leaves, in bytes and inodes (None: it does not limit that). `whose` names it for people."""

    whose: str
    free: int | None = None
    total: int | None = None
    inodes_free: int | None = None
    inodes: int | None = None


def ask(descriptor: int, kind: int, number: int) -> bytes | None:
    """The kernel's if_dqblk of a user or group on a file system; None where it has no such quota, or will not tell."""
    if not sys.platform.startswith("linux"):
        return None
    answer = ctypes.create_string_buffer(_ANSWER.size)
    try:
        call = ctypes.CDLL(None, use_errno=True).syscall
    except (OSError, AttributeError):
        return None
    call.restype = ctypes.c_long
    command = ctypes.c_uint(_GET_QUOTA << 8 | kind)
    failed = call(ctypes.c_long(_QUOTACTL_FD), ctypes.c_uint(descriptor), command, ctypes.c_uint(number), answer)
    return None if failed else answer.raw


def quota_of(path: Path, uid: int, groups: Iterable[int], asker: Asker = ask) -> Quota | None:
    """The quota that leaves a user the least at a path; None where there is none, or it cannot be seen.

    Root is bound by none of them (CAP_SYS_RESOURCE), so nobody asks for it.
    """
    if uid == 0:
        return None
    try:
        descriptor = os.open(nearest_existing(path), os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        asked = [(0, uid), *((1, group) for group in sorted(groups))]
        told = [(kind, number, asker(descriptor, kind, number)) for kind, number in asked]
    finally:
        os.close(descriptor)
    found = (_read(f"the quota of {_KINDS[kind]} {number}", raw) for kind, number, raw in told if raw)
    return min((quota for quota in found if quota), key=_left, default=None)


def refused(path: Path) -> bool:
    """True when a file there cannot take a block because of a quota. It has no name, and is gone with its descriptor.

    False also where that cannot be tried (no permission, or a file system without O_TMPFILE).
    """
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None:
        return False
    try:
        descriptor = os.open(nearest_existing(path), flag | os.O_WRONLY | os.O_NONBLOCK, 0o600)
    except OSError as error:
        return error.errno == errno.EDQUOT
    try:
        os.write(descriptor, bytes(_TRIED))
    except OSError as error:
        return error.errno == errno.EDQUOT
    finally:
        os.close(descriptor)
    return False


def within(room: Room, quota: Quota) -> Room:
    """The room that is left by a file system and a quota together."""
    free, total = _less(room.free, room.total, quota.free, quota.total)
    inodes_free, inodes = _less(room.inodes_free, room.inodes, quota.inodes_free, quota.inodes)
    return Room(free, total, inodes_free, inodes)


def _less(
    free: int | None, total: int | None, quota_free: int | None, quota_total: int | None
) -> tuple[int | None, int | None]:
    if quota_free is None or (free is not None and free <= quota_free):
        return free, total
    return quota_free, quota_total


def _left(quota: Quota) -> float:
    return 0.0 if quota.inodes_free == 0 else float("inf") if quota.free is None else quota.free


def _read(whose: str, raw: bytes) -> Quota | None:
    """A quota out of the kernel's answer; None when it limits nothing."""
    if len(raw) < _ANSWER.size:
        return None
    hard, soft, used, inodes_hard, inodes_soft, inodes, ends, inodes_end, _ = _ANSWER.unpack_from(raw)
    free, total = _rest(hard * _BLOCK, soft * _BLOCK, used, ends)
    inodes_free, inodes_total = _rest(inodes_hard, inodes_soft, inodes, inodes_end)
    return None if total is None and inodes_total is None else Quota(whose, free, total, inodes_free, inodes_total)


def _rest(hard: int, soft: int, used: int, ends: int) -> tuple[int | None, int | None]:
    """(left, in all): a soft limit binds once its time of grace (`ends`, seconds since 1970; 0 not begun) is over."""
    limit = soft if soft and used > soft and 0 < ends < time.time() else hard
    return (max(limit - used, 0), limit) if limit else (None, None)
