"""Peak memory and the memory cgroup's kill counter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gradio_doctor.supervise.app import SupervisedApp
from gradio_doctor.supervise.memory import KillCount, PeakMemory, peak_of
from gradio_doctor.supervise.proctree import Stat, descendants

MB = 1 << 20


def test_the_peak_of_an_app_with_a_child(supervise: Callable[[str], SupervisedApp]) -> None:
    run = supervise("""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "x = b'x' * 60_000_000; import time; time.sleep(0.6)"])
        x = b'x' * 80_000_000
        del x
        child.wait()
    """).start(20)
    assert run.outcome == "exited"
    assert 140_000_000 < run.peak_memory < 220_000_000


def test_a_peak_too_short_to_sample_is_the_kernels(supervise: Callable[[str], SupervisedApp]) -> None:
    run = supervise("x = b'x' * 90_000_000").start(20)
    assert 90_000_000 < run.peak_memory < 150_000_000


def test_peak_of() -> None:
    assert peak_of(os.getpid()) > 5 * MB
    assert peak_of(2**22 + 1) == 0


def test_peaks_add_up_and_never_fall() -> None:
    memory = PeakMemory()
    for pid, started, peak in ((1, 1, 10), (2, 1, 5), (1, 1, 7), (1, 2, 100)):
        memory.learn(Stat(pid, 0, "S", started), peak)
    assert memory.total() == 115  # a pid that was used again is another process
    assert memory.total(of=2, at_least=8) == 118
    assert memory.total(of=2, at_least=3) == 115
    assert memory.total(of=9, at_least=50) == 165  # never sampled


def world(tmp_path: Path, groups: str, mount: str) -> Path:
    (tmp_path / "cgroup").write_text(groups)
    (tmp_path / "mountinfo").write_text("21 1 0:20 / /proc rw - proc proc rw\n" + mount.format(top=tmp_path / "top"))
    (tmp_path / "top" / "a").mkdir(parents=True)
    return tmp_path


V1 = "35 31 0:32 {root} {{top}} rw,relatime shared:9 - cgroup cgroup rw,memory\n"
V2 = "41 31 0:38 {root} {{top}} rw,relatime - cgroup2 cgroup2 rw\n"


@pytest.mark.parametrize(
    ("groups", "mount", "file", "content"),
    [
        ("0::/a\n", V2.format(root="/"), "a/memory.events", "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\n"),
        ("4:memory:/a\n0::/\n", V1.format(root="/"), "a/memory.oom_control", "under_oom 0\noom_kill 3\n"),
        # a container, whose own group is mounted as the top
        ("4:cpu,memory:/docker/f00\n", V1.format(root="/docker/f00"), "memory.oom_control", "oom_kill 3\n"),
        ("0::/docker/f00/a\n", V2.format(root="/docker/f00"), "a/memory.events", "oom_kill 3\n"),
    ],
)
def test_kill_counters(tmp_path: Path, groups: str, mount: str, file: str, content: str) -> None:
    counter = tmp_path / "top" / file
    process = world(tmp_path, groups, mount)
    counter.write_text(content)
    kills = KillCount(process.parent)
    kills.see(process.name)
    assert kills.grown() == 0
    counter.write_text(content.replace("oom_kill 3", "oom_kill 5"))
    kills.see(process.name)  # the first look is what counts
    assert kills.grown() == 2


@pytest.mark.parametrize("groups", ["", "0::/../../a\n", "0::/\n", "nonsense\n"])
def test_no_counter_is_none_and_not_zero(tmp_path: Path, groups: str) -> None:
    process = world(tmp_path, groups, V2.format(root="/"))
    kills = KillCount(process.parent)
    kills.see(process.name, "nowhere")
    assert kills.grown() is None


def test_app_that_moves_into_a_group_of_its_own(tmp_path: Path) -> None:
    """Both groups are watched; the one above counts the same kill once more, and one that is gone tells nothing."""
    process = world(tmp_path, "0::/a\n", V2.format(root="/"))
    above, own, gone = (tmp_path / "top" / p / "memory.events" for p in ("a", "a/app", "a/gone"))
    for counter in (above, own, gone):
        counter.parent.mkdir(parents=True, exist_ok=True)
        counter.write_text("oom_kill 1\n")
    kills = KillCount(process.parent)
    for group in ("a", "a/app", "a/gone"):
        (process / "cgroup").write_text(f"0::/{group}\n")
        kills.see(process.name)
    above.write_text("oom_kill 2\n")
    own.write_text("oom_kill 2\n")
    gone.unlink()
    assert kills.grown() == 1


def test_our_own_counter_when_the_kernel_has_one() -> None:
    mounted = "cgroup" in Path("/proc/self/mountinfo").read_text()
    kills = KillCount().grown()
    assert kills is None or (mounted and kills >= 0)


def test_sampling_real_processes() -> None:
    memory = PeakMemory()
    with subprocess.Popen([sys.executable, "-c", "x = b'x' * 50_000_000; print(1, flush=True); input()"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdout is not None and process.stdout.readline() == b"1\n"
        memory.sample(descendants(os.getpid()))
        process.communicate(b"\n")
    memory.sample(descendants(os.getpid()))
    assert 50_000_000 < memory.total() < 120_000_000  # what is gone still counts


def test_a_process_that_is_gone_counts_nothing() -> None:
    memory = PeakMemory()
    memory.sample([Stat(2**22 + 1, 1, "S", 1)])
    assert memory.total() == 0
