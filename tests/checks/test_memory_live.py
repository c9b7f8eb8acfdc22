"""Memory that ran out: shared, of the address space, of the group, of the machine; and curves that are no leaks."""

from __future__ import annotations

import math
import random
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest

from checks.crash_live import crash_core_live
from checks.memory_growth import leak_of, memory_growth_live, theil_sen
from checks.memory_live import memory_group_live, memory_host_live, memory_shm_live, memory_space_live
from gradio_doctor.evidence import Absent, Cgroup, Cores, HostMemory, MemoryCurve, MemoryGroup, Run, Shm, Usage, Usages
from tests.checks.test_limits_live import found, http, ids, log

NOBODY = Absent("nobody looked")
MIB = 2**20
RUN = Run(("python", "app.py"), "/srv", 7, "exited", 2.0, signal=int(signal.SIGBUS))
SMALL = Shm(64 * MIB, 60 * MIB)


class TestSharedMemory:
    def test_bus_error(self) -> None:
        [one] = found(memory_shm_live, SMALL, RUN)
        assert one.id == "memory.shm-bus-error" and one.replaces == ("crash.signal-native",)
        as_status = replace(RUN, signal=None, exit_code=128 + signal.SIGBUS)
        assert ids(memory_shm_live, SMALL, as_status) == ["memory.shm-bus-error"]

    def test_bus_error_with_room_is_something_else(self) -> None:
        assert not ids(memory_shm_live, Shm(8 * 2**30, 8 * 2**30), RUN)
        assert ids(memory_shm_live, Shm(8 * 2**30, 0), RUN) == ["memory.shm-bus-error"]

    @pytest.mark.parametrize("run", [replace(RUN, signal=11), replace(RUN, outcome="serving", signal=None), NOBODY])
    def test_small_alone_is_no_fault(self, run: object) -> None:
        assert not ids(memory_shm_live, SMALL, run)

    def test_full(self) -> None:
        full = Shm(64 * MIB, 0, (("torch_1", 40 * MIB), ("psm_2", 20 * MIB)))
        [one] = found(memory_shm_live, full, NOBODY, log("memory.shm"))
        assert one.id == "memory.shm-used-up"
        assert (one.shares[0].held[0].who, one.shares[0].held[0].amount) == ("/dev/shm/torch_1", 40 * MIB)
        assert one.shares[0].used == 64 * MIB
        assert ids(memory_shm_live, full, NOBODY, log()) == ["memory.shm-nearly"]


class TestAddressSpace:
    usage = Usage(7, size=3 * 2**30, size_peak=4 * 2**30, size_limit=4 * 2**30)

    def test_refused(self) -> None:
        [one] = found(memory_space_live, Usages((self.usage,)), log("memory.refused"))
        assert one.id == "memory.space-used-up" and one.facts["limit"] == "4.00 GiB"

    def test_nothing_was_refused(self) -> None:
        assert not ids(memory_space_live, Usages((self.usage,)), log())
        unlimited = replace(self.usage, size_limit=None)
        assert not ids(memory_space_live, Usages((unlimited,)), log("memory.refused"))
        assert not ids(memory_space_live, Usages((replace(self.usage, size_peak=MIB),)), log("memory.refused"))

    def test_limit_that_an_app_inherited(self) -> None:
        inherited = Usages((), {"as": 2**30})
        assert ids(memory_space_live, inherited, log("memory.refused"), RUN) == ["memory.space-limited"]
        assert not ids(memory_space_live, Usages(), log("memory.refused"), RUN)


def test_group() -> None:
    near = Cgroup(7, 2, memory=(MemoryGroup("/a"), MemoryGroup("/", limit=100 * MIB, current=95 * MIB)))
    [one] = found(memory_group_live, near)
    assert one.facts["group"] == "/"
    assert not ids(memory_group_live, Cgroup(7, 2, memory=(MemoryGroup("/a", limit=100 * MIB, current=50 * MIB),)))


def test_machine() -> None:
    short = HostMemory(100 * MIB, 2 * MIB, pressure={"memory": 0.5})
    assert ids(memory_host_live, short, http(1, "timeout")) == ["memory.thrashing"]
    assert ids(memory_host_live, short, http(0.01)) == ["memory.host-nearly"]
    assert not ids(memory_host_live, replace(short, available=60 * MIB), http(1, "timeout"))


def curve(size: Callable[[float], float], seconds: float = 10.0, noise: float = 0.2) -> MemoryCurve:
    """100 looks at a size in MiB, with noise as allocators make it."""
    chance = random.Random(4)
    times = [seconds * i / 99 for i in range(100)]
    return MemoryCurve(7, tuple((t, int(MIB * (size(t) + noise * chance.random()))) for t in times), 2.0)


LEAKS = {
    "steady": lambda t: 150 + 2 * t,
    "in steps": lambda t: 150 + 6 * (t // 1.2),
    "big process, slow leak": lambda t: 800 + 3 * t,
    "with a saw-tooth on it": lambda t: 150 + 2 * t + (3 * t) % 4,
    "faster and faster": lambda t: 150 + 0.5 * t**2,
}
WELL = {
    "idle": lambda _: 150.0,
    "warm-up": lambda t: 250 - 100 * math.exp(-t),
    "slow warm-up": lambda t: 250 - 100 * math.exp(-t / 3),
    "a model is loaded, once": lambda t: 150 if t < 4 else 900,
    "grows, then a plateau": lambda t: 150 + 5 * min(t, 6),
    "a saw-tooth": lambda t: 150 + (7 * t) % 30,
    "grows and gives it back": lambda t: 150 + 5 * t if t < 9.5 else 160,
    "shrinks": lambda t: 300 - 3 * t,
    "an allocator's trickle": lambda t: 150 + 0.1 * t,
}


@pytest.mark.parametrize("name", LEAKS)
def test_leak(name: str) -> None:
    [one] = found(memory_growth_live, curve(LEAKS[name]))
    assert one.id == "memory.grows-steadily" and "GiB" not in one.facts["from"]


@pytest.mark.parametrize("name", WELL)
def test_no_leak(name: str) -> None:
    assert leak_of(curve(WELL[name])) is None
    assert [f.seen for f in memory_growth_live(curve(WELL[name]))] == [False]


def test_too_short_to_tell() -> None:
    assert leak_of(curve(LEAKS["steady"], seconds=3)) is None
    assert leak_of(MemoryCurve(7, ())) is None


def test_when_the_limit_is_reached() -> None:
    limited = replace(curve(LEAKS["steady"]), limit=290 * MIB)
    [one] = found(memory_growth_live, limited)
    assert "in about 1 minutes" in one.facts["until"] and "290 MiB" in one.facts["until"]


def test_slope_and_its_interval() -> None:
    """Outliers do not move it, and the interval has the true slope in it."""
    chance = random.Random(1)
    points = [(float(t), 3.0 * t + chance.gauss(0, 2)) for t in range(50)]
    points[10] = (10.0, 500.0)
    slope = theil_sen(points)
    assert slope.low < 3.0 < slope.high and slope.high - slope.low < 0.3
    assert abs(slope.rate - 3.0) < 0.1


def test_interval_without_a_trend_has_zero_in_it() -> None:
    chance = random.Random(2)
    misses = 0
    for _ in range(40):
        slope = theil_sen([(float(t), chance.gauss(0, 1)) for t in range(30)])
        misses += not slope.low <= 0 <= slope.high
    assert misses <= 6  # one in twenty is what 95 % means


class TestCores:
    run = replace(RUN, signal=int(signal.SIGSEGV))

    @pytest.mark.parametrize(("cores", "wanted"), [
        (Cores("core.%p", "file", "/srv/core.7"), "crash.core-in-file"),
        (Cores("core", "file", why="none"), "crash.core-missing"),
        (Cores("|/usr/lib/systemd/systemd-coredump %P", "systemd-coredump"), "crash.core-in-journal"),
        (Cores("|/usr/share/apport/apport", "apport", "/var/crash/x.crash"), "crash.core-in-apport"),
        (Cores("|/opt/taker", "taker", why="taker takes the cores"), "crash.core-missing"),
    ])
    def test_where_it_is(self, cores: Cores, wanted: str) -> None:
        assert ids(crash_core_live, self.run, cores) == [wanted]

    @pytest.mark.parametrize("number", [None, int(signal.SIGTERM), int(signal.SIGKILL), 64])
    def test_signals_that_make_none(self, number: int | None) -> None:
        assert not ids(crash_core_live, replace(self.run, signal=number), Cores("core", "file"))
