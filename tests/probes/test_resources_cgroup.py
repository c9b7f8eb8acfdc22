"""Control groups, read off recorded files of both versions and off this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.evidence import Absent, Cgroup, CpuGroup, MemoryGroup, Target, TaskGroup
from gradio_doctor.probes.cgroup import probe_cgroup, read_cgroup, watched
from gradio_doctor.probes.cgroup_files import group_directories, levels

V2 = {
    "app.scope/memory.max": "1073741824", "app.scope/memory.current": "900000000",
    "app.scope/memory.peak": "1073741824",
    "app.scope/memory.high": "max", "app.scope/memory.stat": "anon 600000000\ninactive_file 100000000\n",
    "app.scope/memory.events": "low 0\nhigh 0\nmax 44\noom 3\noom_kill 2\noom_group_kill 0\n",
    "app.scope/pids.max": "max", "app.scope/pids.current": "31", "app.scope/pids.events": "max 0\n",
    "app.scope/cpu.max": "50000 100000", "app.scope/cpu.stat": "usage_usec 9\nnr_periods 300\nnr_throttled 120\n",
    "cpu.stat": "usage_usec 10\n",
}  # fmt: skip
V1 = {
    "memory/docker/ab/memory.limit_in_bytes": "536870912", "memory/docker/ab/memory.usage_in_bytes": "500000000",
    "memory/docker/ab/memory.max_usage_in_bytes": "536870912",
    "memory/docker/ab/memory.soft_limit_in_bytes": "9223372036854771712",
    "memory/docker/ab/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n",
    "memory/docker/ab/memory.stat": "inactive_file 1\ntotal_inactive_file 30000000\n",
    "memory/docker/memory.limit_in_bytes": "9223372036854771712", "memory/docker/memory.usage_in_bytes": "600000000",
    "memory/memory.usage_in_bytes": "700000000",
    "pids/docker/ab/pids.max": "100", "pids/docker/ab/pids.current": "100", "pids/docker/ab/pids.events": "max 5\n",
    "cpu/docker/ab/cpu.cfs_quota_us": "150000", "cpu/docker/ab/cpu.cfs_period_us": "100000",
    "cpu/docker/ab/cpu.stat": "nr_periods 10\nnr_throttled 0\nthrottled_time 0\n",
    "cpu/docker/cpu.cfs_quota_us": "-1", "cpu/docker/cpu.cfs_period_us": "100000",
}  # fmt: skip


def recorded(root: Path, files: Mapping[str, str]) -> str:
    """Write recorded files, and a mountinfo that leads to them."""
    for name, text in files.items():
        (root / "cg" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "cg" / name).write_text(text)
    if "cpu.stat" in files:
        return f"30 1 0:26 / {root}/cg rw - cgroup2 cgroup2 rw\n"
    rows = (f"3{i} 1 0:2{i} / {root}/cg/{c} rw - cgroup cgroup rw,{c}" for i, c in enumerate(("memory", "pids", "cpu")))
    return "\n".join(rows) + "\n"


def process(root: Path, groups: str) -> Path:
    (root / "proc").mkdir()
    (root / "proc" / "cgroup").write_text(groups)
    return root / "proc"


def test_version_2(tmp_path: Path) -> None:
    mounts = recorded(tmp_path, V2)
    found = read_cgroup(process(tmp_path, "0::/app.scope\n"), 7, mounts)
    assert (found.version, found.pid, found.container) == (2, 7, "systemd")
    place = str(tmp_path / "cg" / "app.scope")
    own = MemoryGroup(place, 1073741824, 800000000, 1073741824, None, 3, 2)
    assert found.memory[0] == own
    assert found.tasks == (TaskGroup(place, None, 31, 0),)
    assert found.cpu == (CpuGroup(place, 0.5, 300, 120),)


def test_version_1(tmp_path: Path) -> None:
    mounts = recorded(tmp_path, V1)
    groups = "5:pids:/docker/ab\n4:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n0::/docker/ab\n"
    found = read_cgroup(process(tmp_path, groups), 7, mounts)
    assert (found.version, found.container) == (1, "docker")
    assert [g.limit for g in found.memory] == [536870912, None, None]
    assert found.memory[0].current == 470000000 and found.memory[0].kills == 7 and found.memory[0].high is None
    assert found.tasks[0] == TaskGroup(str(tmp_path / "cg/pids/docker/ab"), 100, 100, 5)
    assert [(g.quota, g.periods) for g in found.cpu] == [(1.5, 10)]


@pytest.mark.parametrize("groups", ["", "0::/\n", "garbage\n::::\n", "0::/../../etc\n", "4:memory:/nowhere\n"])
def test_nothing_to_read(tmp_path: Path, groups: str) -> None:
    found = read_cgroup(process(tmp_path, groups), 7, "30 1 0:26 / /nowhere rw - cgroup2 cgroup2 rw\nshort line\n")
    assert found == Cgroup(7, 2)


@pytest.mark.parametrize("broken", ["", "max", "ten 100", "5 5 5", "-1 100000", "100000 0", "\x00\xff"])
def test_quota_that_is_none(tmp_path: Path, broken: str) -> None:
    mounts = recorded(tmp_path, V2 | {"app.scope/cpu.max": broken})
    assert read_cgroup(process(tmp_path, "0::/app.scope\n"), 7, mounts).cpu == ()


def test_what_the_quota_does_now(tmp_path: Path) -> None:
    mounts = recorded(tmp_path, V2)
    first = read_cgroup(process(tmp_path, "0::/app.scope\n"), 7, mounts)
    (tmp_path / "cg/app.scope/cpu.stat").write_text("nr_periods 310\nnr_throttled 129\n")
    [now] = watched(first).cpu
    assert (now.recent_periods, now.recent_throttled, now.share) == (10, 9, 0.9)
    assert now.seconds > 0.5


def test_quota_that_was_never_felt_costs_no_time(tmp_path: Path) -> None:
    group = Cgroup(7, 2, cpu=(CpuGroup(str(tmp_path), 0.5, 300, 0),))
    assert watched(group) is group


def test_container_that_mounts_its_own_group(tmp_path: Path) -> None:
    mounts = f"30 1 0:26 /docker/ab {tmp_path} rw - cgroup2 cgroup2 rw\n"
    assert [d for _, d, _ in group_directories("memory", "0::/docker/ab\n", mounts)] == [tmp_path]
    assert [d for _, d, _ in group_directories("memory", "0::/docker/ab/x\n", mounts)] == [tmp_path / "x"]


def test_levels_end_at_the_top() -> None:
    assert list(levels(Path("/a/b/c"), Path("/a"))) == [Path("/a/b/c"), Path("/a/b"), Path("/a")]
    assert len(list(levels(Path("/x" * 100), Path("/nowhere")))) == 32


def test_of_this_machine(make_context: Any) -> None:
    """Whatever the machine has, it is read in no time and has no figure that cannot be."""
    found = probe_cgroup(make_context(Target("none", "")))
    assert isinstance(found, Cgroup | Absent)
    mine = read_cgroup(Path("/proc/self"), os.getpid())
    for group in mine.memory:
        assert group.current is None or group.current >= 0
        assert group.limit is None or group.limit > 0
    assert all(0 < g.quota < 10_000 for g in mine.cpu)
