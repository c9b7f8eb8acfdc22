"""Memory, one step below and at each threshold, and curves of healthy apps in any order and size."""

from __future__ import annotations

import random
import signal
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.crash_live import crash_core_live
from checks.memory_growth import leak_of, memory_growth_live, theil_sen, thinned
from checks.memory_live import memory_group_live, memory_host_live, memory_shm_live, memory_space_live
from gradio_doctor.evidence import Absent, Cgroup, Cores, HostMemory, MemoryCurve, MemoryGroup, Run, Shm, Usage, Usages
from tests.checks.test_limits_live import found, http, ids, log

NOBODY = Absent("nobody looked")
MIB = 2**20
QUICK = settings(max_examples=60, deadline=None)
RUN = Run(("python", "app.py"), "/srv", 7, "exited", 2.0, signal=int(signal.SIGBUS))


def line(rate: float, count: int = 60, seconds: float = 10.0, start: int = 150 * MIB) -> MemoryCurve:
    """A straight line; `rate` is bytes a second."""
    times = [seconds * i / (count - 1) for i in range(count)]
    return MemoryCurve(7, tuple((t, start + round(rate * t)) for t in times), 1.0)


class TestGrowth:
    @pytest.mark.parametrize(("grown", "seen"), [(2.9, False), (3.1, True), (0.0, False), (-50.0, False)])
    def test_least_growth(self, grown: float, seen: bool) -> None:
        assert bool(leak_of(line(grown * MIB / 10))) is seen

    @pytest.mark.parametrize(("grown", "seen"), [(9.0, False), (11.0, True)])
    def test_a_big_process_needs_more(self, grown: float, seen: bool) -> None:
        assert bool(leak_of(line(grown * MIB / 10, start=1000 * MIB))) is seen

    @pytest.mark.parametrize(("seconds", "count", "seen"), [
        (4.9, 60, False), (5.0, 60, True), (10.0, 14, False), (10.0, 15, True),
    ])
    def test_least_to_tell_from(self, seconds: float, count: int, seen: bool) -> None:
        assert bool(leak_of(line(4 * MIB, count, seconds))) is seen

    def test_minutes_are_told_with_room_left_only(self) -> None:
        full = replace(line(4 * MIB), limit=100 * MIB)
        assert [f.facts["until"] for f in found(memory_growth_live, full)] == [" "]
        assert "in about 1 minutes" in found(memory_growth_live, replace(full, limit=430 * MIB))[0].facts["until"]

    @QUICK
    @given(st.integers(0, 2**32), st.integers(20, 200))
    def test_noise_is_no_leak(self, seed: int, count: int) -> None:
        chance = random.Random(seed)
        points = tuple((0.1 * i, 150 * MIB + chance.randrange(2 * MIB)) for i in range(count))
        assert leak_of(MemoryCurve(7, points)) is None

    @QUICK
    @given(st.lists(st.integers(0, 2**45), min_size=15, max_size=120))
    def test_any_curve_has_an_answer(self, sizes: list[int]) -> None:
        curve = MemoryCurve(7, tuple((float(i), size) for i, size in enumerate(sizes)), limit=2**40)
        [one] = memory_growth_live(curve)
        assert one.id == "memory.grows-steadily"
        falling = MemoryCurve(7, tuple((float(i), s) for i, s in enumerate(sorted(sizes, reverse=True))))
        assert leak_of(falling) is None

    def test_looks_at_the_same_moment(self) -> None:
        assert theil_sen([(1.0, 5.0)] * 20).rate == 0.0 and theil_sen([]).high == 0.0

    @QUICK
    @given(st.floats(-1e6, 1e6), st.integers(2, 60))
    def test_slope_of_a_line(self, rate: float, count: int) -> None:
        slope = theil_sen([(float(i), rate * i) for i in range(count)])
        assert slope.low <= slope.rate <= slope.high and slope.rate == pytest.approx(rate, abs=1e-3)

    @pytest.mark.parametrize("count", [0, 1, 59, 60, 61, 240, 1000])
    def test_thinned(self, count: int) -> None:
        few = thinned([(float(i), i) for i in range(count)])
        assert len(few) == min(count, 60) or 30 <= len(few) <= 60
        assert few == sorted(few)


class TestShared:
    @pytest.mark.parametrize(("size", "seen"), [(128 * MIB, True), (128 * MIB + 4096, False), (0, True)])
    def test_a_small_one_is_suspicious(self, size: int, seen: bool) -> None:
        assert bool(ids(memory_shm_live, Shm(size, max(size, MIB)), RUN)) is seen

    @pytest.mark.parametrize(("free", "seen"), [(11, False), (9, True), (0, True)])
    def test_nearly(self, free: int, seen: bool) -> None:
        assert ids(memory_shm_live, Shm(100 * MIB, free * MIB)) == ["memory.shm-nearly"] * seen

    def test_no_shared_memory_at_all(self) -> None:
        assert not ids(memory_shm_live, Shm(0, 0))

    def test_files_that_hold_more_than_there_is(self) -> None:
        [one] = found(memory_shm_live, Shm(64 * MIB, 0, (("a", 90 * MIB),)))
        assert all(s.amount >= 0 for s in one.shares[0].held) and one.shares[0].used == 64 * MIB


@pytest.mark.parametrize(("peak", "seen"), [(511, False), (512, True)])
def test_address_space(peak: int, seen: bool) -> None:
    usages = Usages((Usage(7, size_peak=peak * MIB, size_limit=1024 * MIB),))
    assert ids(memory_space_live, usages, log("memory.refused")) == ["memory.space-used-up"] * seen


@pytest.mark.parametrize(("limit", "current", "seen"), [
    (1000, 899, False), (1000, 900, True), (None, 10**12, False), (1000, None, False), (0, 5, False),
])
def test_group(limit: int | None, current: int | None, seen: bool) -> None:
    group = Cgroup(7, 2, memory=(MemoryGroup("/a", limit=limit, current=current),))
    assert bool(ids(memory_group_live, group)) is seen


@pytest.mark.parametrize(("available", "pressure", "outcome", "name"), [
    (51, 0.9, "timeout", ""), (49, 0.2, "timeout", "memory.thrashing"), (49, 0.19, "timeout", "memory.host-nearly"),
    (49, 0.9, "answered", "memory.host-nearly"), (0, 0.0, "timeout", "memory.host-nearly"),
])
def test_machine(available: int, pressure: float, outcome: str, name: str) -> None:
    host = HostMemory(1000, available, pressure={"memory": pressure})
    assert ids(memory_host_live, host, http(0.1, outcome)) == ([name] if name else [])
    assert "memory.thrashing" not in ids(memory_host_live, host, NOBODY)


@QUICK
@given(st.integers(-200, 200))
def test_a_core_is_looked_for_after_signals_that_make_one(number: int) -> None:
    made = {"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGTRAP", "SIGSYS", "SIGILL", "SIGQUIT"}
    names = ids(crash_core_live, replace(RUN, signal=number), Cores("core", "file"))
    assert bool(names) is (number in {int(s) for s in signal.Signals if s.name in made})
