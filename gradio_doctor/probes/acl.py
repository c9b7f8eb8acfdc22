"""What a POSIX access control list grants to somebody, read off the file (linux/posix_acl_xattr.h)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

_VERSION = 2
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
Entry = tuple[int, int, int]  # tag, permission bits, uid or gid


def acl_of(place: Path) -> tuple[Entry, ...]:
    """The entries of a file's access ACL; none where it has only mode bits, or nobody keeps such lists."""
    if not hasattr(os, "getxattr"):
        return ()
    try:
        raw = os.getxattr(place, "system.posix_acl_access")
    except OSError:
        return ()
    return tuple(_entries(raw))


def _entries(raw: bytes) -> Iterator[Entry]:
    if len(raw) < 4 or struct.unpack_from("<I", raw)[0] != _VERSION:
        return
    for at in range(4, len(raw) - 7, 8):
        yield struct.unpack_from("<HHI", raw, at)


def granted(entries: tuple[Entry, ...], owner: int, group: int, uid: int, groups: frozenset[int], bits: int) -> bool:
    """Whether the list grants all of `bits` to a user, by the rules of acl(5): the first kind of entry decides."""
    mask = next((p for tag, p, _ in entries if tag == _MASK), 0o7)
    if uid == owner:
        return any(p & bits == bits for tag, p, _ in entries if tag == _USER_OBJ)
    for tag, permitted, who in entries:
        if tag == _USER and who == uid:
            return permitted & mask & bits == bits
    ours = [p for tag, p, who in entries if tag in (_GROUP, _GROUP_OBJ) and (who if tag == _GROUP else group) in groups]
    if ours:
        return any(p & mask & bits == bits for p in ours)
    return any(p & bits == bits for tag, p, _ in entries if tag == _OTHER)
