"""Files of /proc and /sys that are odd: cut short, empty, with numbers that are none; cores of other processes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import Process, Run, Share, Shares
from gradio_doctor.probes.cgroup import read_cgroup
from gradio_doctor.probes.cgroup_files import group_directories, levels
from gradio_doctor.probes.cores import find_core
from gradio_doctor.probes.descriptors import Descriptors, kind_of, look_at_descriptors, named
from gradio_doctor.probes.host_memory import read_host_memory
from gradio_doctor.probes.memory_curve import opened_so_far, resident
from gradio_doctor.probes.usages import read_limits, read_usage
from gradio_doctor.report.bars import WIDTH, bar, bar_lines
from gradio_doctor.report.curve import HEIGHT, chart

QUICK = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(("pattern", "file"), [
    ("core.%p", "core.17"), ("core.%p", "core.71"), ("core", "core.py"), ("%e.%p", "app.py"), ("%e", "app.py"),
    ("core-%e-%p", "core-python-77"), ("core.[%p]", "core.7"), ("%", "app.py"),
])
def test_files_that_are_not_our_core(tmp_path: Path, pattern: str, file: str) -> None:
    (tmp_path / file).write_text("x")
    found = find_core(pattern, Run(("python",), str(tmp_path), 7, "exited", 1.0, signal=11))
    assert found.found == "" == found.command and found.why


@pytest.mark.parametrize(("pattern", "file"), [
    ("core.%p", "core.7"), ("%e.%p.core", "python3.7.core"), ("core-%e-%s-%p-%t", "core-python3-11-7-1700000000"),
    ("core.[%p]", "core.[7]"), ("100%%.%p", "100%.7"),
])
def test_our_core(tmp_path: Path, pattern: str, file: str) -> None:
    (tmp_path / file).write_text("x")
    found = find_core(pattern, Run(("python",), str(tmp_path), 7, "exited", 1.0, signal=11))
    assert found.found == str(tmp_path / file)


@pytest.mark.parametrize("number", ["", "\u00b2", "9" * 5000, "-1", "max", "1 2 3", "\x00"])
def test_numbers_that_are_none(tmp_path: Path, number: str) -> None:
    (tmp_path / "cgroup").write_text("0::/\n")
    for name in ("memory.max", "memory.current", "memory.stat", "cpu.max", "pids.max", "pids.current"):
        (tmp_path / name).write_text(number)
    (tmp_path / "cpu.max").write_text(f"{number} 100000")
    found = read_cgroup(tmp_path, 7, f"30 1 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw\n")
    assert not found.cpu and not found.tasks
    assert all(g.limit is None and g.current is None for g in found.memory)


@QUICK
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_groups_and_mounts(groups: str, mounts: str) -> None:
    mounted = mounts + "\n30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    for _, directory, top in group_directories("memory", groups + "\n0::/../../etc", mounted):
        assert ".." not in directory.parts
        assert len(list(levels(directory, top))) <= 32


@pytest.mark.parametrize("text", ["", "MemTotal: 5 kB\n", "MemTotal: many\nMemAvailable: 1 kB\n"])
def test_memory_that_is_not_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "meminfo").write_text(text)
    with pytest.raises((KeyError, ValueError)):
        read_host_memory(tmp_path)


def test_empty_lines_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 5 kB\n\nOdd:\nMemAvailable: 2 kB\n")
    found = read_host_memory(tmp_path)
    assert (found.total, found.available, dict(found.pressure)) == (5120, 2048, {})


def test_limits(tmp_path: Path) -> None:
    assert read_limits(tmp_path) == {}
    (tmp_path / "limits").write_text("Max open files  1024 4096 files\nMax processes unlimited\nMax address space\n")
    assert read_limits(tmp_path) == {"nofile": 1024}
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Uid:\t0 0\nThreads:\nVmSize: x kB\n")
    usage = read_usage(Process(7, 1, "python", (), "root", 0.0, "sleeping"), {}, tmp_path)
    assert usage is not None and usage.tasks_limit is None and (usage.threads, usage.size) == (0, 0)


@pytest.mark.parametrize(("text", "size"), [("9 5 5", None), ("", None), ("a b c", None), ("0 0 0 0", None)])
def test_memory_of_what_has_ended(tmp_path: Path, text: str, size: int | None) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "statm").write_text(text)
    assert resident(7, tmp_path) is size and resident(8, tmp_path) is None


@QUICK
@given(st.text(max_size=300))
def test_any_target_of_a_descriptor(target: str) -> None:
    assert kind_of(target) in ("socket", "pipe", "file", "inotify", "other")
    assert len(named(target)) <= 201 and "\x1b" not in named(target)


def test_descriptors_by_kind(tmp_path: Path) -> None:
    (tmp_path / "fd").mkdir()
    for number, target in enumerate(["socket:[12]", "pipe:[1]", "/tmp/a11", "/tmp/a22", "anon_inode:inotify"]):
        (tmp_path / "fd" / str(number)).symlink_to(target)
    found = look_at_descriptors(Process(7, 1, "python", (), "web", 0.0, "sleeping"), tmp_path)
    assert isinstance(found, Descriptors)
    assert found.kinds == {"socket": 1, "pipe": 1, "file": 2, "inotify": 1}
    assert found.top[0] == ("/tmp/aN", 2)


@QUICK
@given(st.lists(st.floats(0, 1e15), max_size=4), st.floats(1, 1e15))
def test_a_bar_is_as_wide_as_it_should_be(amounts: list[float], total: float) -> None:
    drawn = bar(amounts, total)
    assert len(drawn) == WIDTH
    assert all((fill in drawn) is (amount > 0) for fill, amount in zip("█▓▒░", amounts, strict=False))


@pytest.mark.parametrize("total", [0, -1])
def test_no_bar_without_a_limit(total: int) -> None:
    assert not list(bar_lines(Shares("memory", total, (Share("x", 5),)), "en"))


@QUICK
@given(st.lists(st.integers(0, 2**45), min_size=1, max_size=300))
def test_a_chart_is_never_empty_below(sizes: list[int]) -> None:
    rows = chart(sizes, min(sizes), max(sizes))
    assert len(rows) == HEIGHT and {len(r) for r in rows} == {min(60, len(sizes))} and " " not in rows[-1]


def test_connections_that_came_in(tmp_path: Path) -> None:
    """Counted by the kernel for the network namespace; other kernels, and ended processes, tell nothing."""
    before = opened_so_far(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(3):
            socket.create_connection(server.getsockname()).close()
    after = opened_so_far(os.getpid())
    assert before is not None and after is not None and after - before >= 3
    assert opened_so_far(5, tmp_path) is None
    (tmp_path / "5" / "net").mkdir(parents=True)
    for text, count in (
        ("", None), ("Tcp: A PassiveOpens\n", None),
        ("Tcp: A PassiveOpens\nTcp: 1 7\n", 7), ("Tcp: A\nTcp: 1\n", None),
    ):
        (tmp_path / "5" / "net" / "snmp").write_text(text)
        assert opened_so_far(5, tmp_path) == count
