"""Who NVML's pids are, from the host and from inside a container, and what CUDA_VISIBLE_DEVICES hides."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gradio_doctor.evidence import Gpu, GpuProcess, Process, Processes
from gradio_doctor.probes.gpus_holders import Numbering, container_of, hidden_by, joined, numbering, uses_driver

HOST, INSIDE = Numbering(False, None), Numbering(True, frozenset({20}))


def process(pid: int, state: str = "sleeping") -> Process:
    return Process(pid, 1, "python", ("python", "app.py"), "me", 5.0, state)


def table(*pids: int, hidden: bool = False) -> Processes:
    return Processes({pid: process(pid) for pid in pids}, 100.0, hidden)


def card(*pids: int, index: int = 0, **more: object) -> Gpu:
    found = tuple(GpuProcess(pid, 1000) for pid in pids)
    return Gpu(index, f"GPU-{index}", "L4", 2000, 1000, 1000, processes=found, **more)  # type: ignore[arg-type]


def known(device: Gpu, processes: Processes, how: Numbering) -> list[tuple[int, str, int]]:
    (found,) = joined([device], processes, how)
    return [(p.pid, p.known, p.process.pid if p.process else 0) for p in found.processes]


def test_on_the_host_the_numbers_are_ours() -> None:
    assert known(card(10, 99), table(10, 20), HOST) == [(10, "same", 10), (99, "ended", 0)]


def test_where_processes_are_hidden_nobody_has_ended() -> None:
    assert known(card(99), table(10, hidden=True), HOST) == [(99, "not-visible", 0)]


def test_inside_a_container_an_unknown_pid_is_not_visible() -> None:
    assert known(card(4711), table(10), Numbering(True, frozenset())) == [(4711, "not-visible", 0)]


def test_the_same_number_by_chance_is_somebody_else() -> None:
    """Pid 10 is there, but it is pid 20 that has the driver open: NVML's 10 is of another namespace."""
    assert known(card(10, 11), table(10, 20), INSIDE) == [(10, "not-visible", 0), (11, "not-visible", 0)]


def test_a_driver_that_translates_pids() -> None:
    assert known(card(20), table(10, 20), INSIDE) == [(20, "same", 20)]


def test_by_elimination_when_there_is_one_of_each() -> None:
    assert known(card(4711), table(10, 20), INSIDE) == [(4711, "elimination", 20)]
    two = Numbering(True, frozenset({10, 20}))
    assert known(card(4711), table(10, 20), two) == [(4711, "not-visible", 0)]
    assert known(card(4711, 4712), table(10, 20), two) == [(4711, "not-visible", 0), (4712, "not-visible", 0)]


def begun(**starts: float) -> Processes:
    """A table of processes, p10=5.0: pid and the time of its start."""
    return Processes({int(k[1:]): replace(process(int(k[1:])), started=v) for k, v in starts.items()}, 100.0)


def test_several_by_the_order_in_which_they_began() -> None:
    """The kernel counts up on the host too, whatever the numbers inside the container are."""
    two = Numbering(True, frozenset({10, 20}))
    found = known(card(4711, 5005), begun(p10=8.0, p20=5.0), two)
    assert found == [(4711, "start-order", 20), (5005, "start-order", 10)]
    more = known(card(4711, 4712, 4713), begun(p10=8.0, p20=5.0), two)
    assert {k for _, k, _ in more} == {"not-visible"}  # one of them is in another container


def test_one_process_on_two_cards() -> None:
    two = Numbering(True, frozenset({10, 20}))
    found = joined([card(4711, 4712), card(4712, index=1)], begun(p10=5.0, p20=8.0), two)
    assert [p.process.pid for d in found for p in d.processes if p.process] == [10, 20, 20]


def test_without_device_files_the_number_has_to_do() -> None:
    assert known(card(10), table(10), Numbering(True, None)) == [(10, "same", 10)]


def test_a_zombie_is_told_from_a_living_one() -> None:
    processes = Processes({10: process(10, "zombie"), 11: process(11)}, 100.0)
    (found,) = joined([card(10, 11, 12)], processes, HOST)
    assert [p.zombie for p in found.processes] == [True, False, True]


def test_our_own_numbering_can_be_told() -> None:
    apart = str(Path("/proc/self/ns/pid").readlink()) != "pid:[4026531836]"
    assert numbering(table(os.getpid())).apart == apart


def test_who_uses_the_driver(tmp_path: Path) -> None:
    with (tmp_path / "nvidia0").open("w"):
        assert uses_driver(os.getpid(), str(tmp_path / "nvidia"))
    assert not uses_driver(os.getpid(), str(tmp_path / "nvidia"))
    assert not uses_driver(2**22 + 1)


def test_the_container_of_a_process() -> None:
    assert container_of(2**22 + 1) == ""
    assert len(container_of(os.getpid())) in (0, 12)


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (None, []), ("", [0, 1, 2]), ("-1", [0, 1, 2]), ("0", [1, 2]), ("2,0", [1]), (" 1 , 2", [0]),
        ("9", [0, 1, 2]), ("0,9,1", [1, 2]), ("GPU-1", [0, 2]), ("GPU-", []), ("nonsense", [0, 1, 2]),
        ("all", [0, 1, 2]),
    ],
)
def test_what_the_variable_hides(value: str | None, hidden: list[int]) -> None:
    """CUDA takes the list up to the first entry that is no device (CUDA C programming guide, environment variables)."""
    devices = [card(index=i) for i in range(3)]
    assert hidden_by(value, devices) == {f"GPU-{i}" for i in hidden}


def test_an_instance_goes_with_its_device() -> None:
    part = Gpu(0, "MIG-7", "L4 MIG", instance_of="GPU-0")
    devices = [card(index=0), part, card(index=1)]
    assert hidden_by("0", devices) == {"GPU-1"}
    assert hidden_by("MIG-7", devices) == {"GPU-0", "GPU-1"}
    assert hidden_by("1", devices) == {"GPU-0", "MIG-7"}
