"""Quotas: the kernel's answers (this kernel keeps none, so they are made here), and a write that a quota refuses."""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradio_doctor.evidence import Paths, Target
from gradio_doctor.probes.access import Room
from gradio_doctor.probes.paths import probe_paths
from gradio_doctor.probes.quotas import Asker, Quota, ask, quota_of, refused, within

if TYPE_CHECKING:
    from tests.probes.conftest import FakeContext

MIB = 2**20
ROOM = Room(free=500 * MIB, total=1000 * MIB, inodes_free=900, inodes=1000)


def told(
    hard: int = 0, used: int = 0, *, soft: int = 0, ends: int = 0, inodes: tuple[int, int] = (0, 0)
) -> bytes:
    """The kernel's if_dqblk: limits in KiB, what is used in bytes, (limit, used) of the inodes."""
    return struct.pack("=8QI4x", hard, soft, used, inodes[0], 0, inodes[1], ends, 0, 63)


def only(kind: int, number: int, answer: bytes) -> Asker:
    """A kernel that keeps one quota."""
    return lambda _descriptor, k, n: answer if (k, n) == (kind, number) else None


def test_of_the_user(tmp_path: Path) -> None:
    asker = only(0, 1000, told(hard=10 * 1024, used=7 * MIB))
    assert quota_of(tmp_path, 1000, (), asker) == Quota("the quota of user 1000", 3 * MIB, 10 * MIB)
    assert quota_of(tmp_path, 1001, (), asker) is None
    assert quota_of(tmp_path, 0, (), only(0, 0, told(hard=1, used=MIB))) is None  # root is not bound


def test_of_a_group(tmp_path: Path) -> None:
    """The one that leaves the least counts."""
    answers = {(0, 7): told(hard=1024), (1, 7): told(hard=10 * 1024), (1, 20): told(hard=1024, used=MIB)}
    found = quota_of(tmp_path, 7, (7, 20), lambda _d, kind, number: answers.get((kind, number)))
    assert found == Quota("the quota of group 20", 0, MIB)


def test_of_a_directory_to_be_made(tmp_path: Path) -> None:
    """The file system of the directory above it counts."""
    assert quota_of(tmp_path / "not" / "yet", 5, (), only(0, 5, told(hard=1)))
    assert quota_of(tmp_path / "not" / "yet", 5, (), lambda *_: None) is None


@pytest.mark.parametrize(
    ("ends", "free"), [(int(time.time()) - 60, 0), (int(time.time()) + 3600, 6 * MIB), (0, 6 * MIB)]
)
def test_soft_limit(tmp_path: Path, ends: int, free: int) -> None:
    """It binds when its time of grace is over, not before."""
    found = quota_of(tmp_path, 5, (), only(0, 5, told(hard=10 * 1024, soft=1024, used=4 * MIB, ends=ends)))
    assert found is not None
    assert found.free == free


def test_inodes_only(tmp_path: Path) -> None:
    found = quota_of(tmp_path, 5, (), only(0, 5, told(used=MIB, inodes=(100, 100))))
    assert found == Quota("the quota of user 5", inodes_free=0, inodes=100)
    assert within(ROOM, found) == Room(500 * MIB, 1000 * MIB, 0, 100)


@pytest.mark.parametrize("answer", [b"", b"short", told(used=MIB)])
def test_nothing_limited(tmp_path: Path, answer: bytes) -> None:
    assert quota_of(tmp_path, 5, (), only(0, 5, answer)) is None


def test_the_disk_is_smaller_than_the_quota() -> None:
    assert within(ROOM, Quota("", 600 * MIB, 800 * MIB)) == ROOM
    assert within(ROOM, Quota("", 100 * MIB, 800 * MIB)) == Room(100 * MIB, 800 * MIB, 900, 1000)


def test_this_kernel(tmp_path: Path) -> None:
    """The real call, about a user whom nobody has limited; and one on what is no directory."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        answer = ask(descriptor, 0, 4294967000)
    finally:
        os.close(descriptor)
    assert answer is None or len(answer) == 72
    assert ask(-1, 0, 5) is None
    assert quota_of(Path("/proc/version"), 5, (), only(0, 5, told(hard=1))) is None


def test_a_write_that_goes_well(tmp_path: Path) -> None:
    """And leaves nothing."""
    assert not refused(tmp_path)
    assert not refused(tmp_path / "not" / "yet")
    assert not refused(Path("/proc/self"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["open", "write"])
def test_a_write_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_context: Callable[..., FakeContext], step: str
) -> None:
    """As a file system with a quota that the kernel does not know of: the real one is in tests/lab/test_quota.py."""
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    real = getattr(os, step)

    def refuse(*arguments: object, **named: object) -> object:
        if step == "write" or (isinstance(arguments[1], int) and arguments[1] & os.O_TMPFILE == os.O_TMPFILE):
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        return real(*arguments, **named)

    monkeypatch.setattr(os, step, refuse)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    found = probe_paths(make_context(Target("script", "", script=str(tmp_path / "app.py"))))
    monkeypatch.undo()
    assert isinstance(found, Paths)
    temp = next(e for e in found.entries if e.role == "temp")
    assert (temp.quota, temp.free, temp.total, temp.problem) == ("a quota", 0, None, "")
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
