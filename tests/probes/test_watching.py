"""The look into the app that goes on by itself: its order, its shortening, its end, and what comes of errors in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from gradio_doctor.evidence import (
    Absent,
    KernelThread,
    Process,
    ProcessStacks,
    ProcessThreads,
    StackFrame,
    Stacks,
    StackSample,
    Threads,
    ThreadSample,
    ThreadStack,
)
from gradio_doctor.probes import watching as module
from gradio_doctor.probes.threads_sockets import Neighbours
from gradio_doctor.probes.watching import Watching
from tests.probes.network_lab import eventually

ME = Process(4711, 1, "python", ("python", "app.py"), "me", 0.0, "sleeping", threads=3)
LIB = "/usr/lib/python3.11/"
LOOP = (
    StackFrame("predict", "/srv/app.py", 9, True, "time.sleep(3)"),
    StackFrame("Handle._run", LIB + "asyncio/events.py", 84),
    StackFrame("_run_once", LIB + "asyncio/base_events.py", 9),
    StackFrame("Runner.run", LIB + "asyncio/runners.py", 118),
    StackFrame("Server.run", "/v/lib/python3.11/site-packages/uvicorn/server.py", 86),
)


def kernel_view(rate: float = 0.0) -> Threads:
    """One thread that wakes so often in 0.6 s."""
    times = (0.0, 0.2, 0.4, 0.6)
    samples = tuple(ThreadSample(t, "S", 1.0, int(1000 + t * rate), 0) for t in times)
    return Threads((ProcessThreads(4711, (KernelThread(4711, "python", samples, 1.0),)),), 0.6)


def stacks_view(frames: tuple[StackFrame, ...] = LOOP) -> Stacks:
    looks = tuple(StackSample(n * 0.15, (ThreadStack(4711, "", frames),)) for n in range(3))
    return Stacks((ProcessStacks(4711, looks),))


@dataclass
class Parts:
    """The two looks, in place of the real ones: what they give, and when they were asked for it."""

    threads: Callable[[], Any] = kernel_view
    stacks: Callable[[], Any] = stacks_view
    order: list[str] = field(default_factory=list)
    hurried: list[bool] = field(default_factory=list)

    def watch(self, *_: object, hurry: threading.Event) -> Any:
        self.order.append("kernel")
        self.hurried.append(hurry.is_set())
        return self.threads()

    def sample_all(self, *_: object, hurry: threading.Event) -> Any:
        self.order.append("stacks")
        self.hurried.append(hurry.is_set())
        return self.stacks()


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    made = Parts()
    monkeypatch.setattr(module, "watch", made.watch)
    monkeypatch.setattr(module, "sample_all", made.sample_all)
    return made


def begun(**how: Any) -> Watching:
    made = Watching((ME,), Neighbours(), **how)
    made.begin()
    return made


def raises(text: str) -> Callable[[], Any]:
    def call() -> Any:
        raise RuntimeError(text)

    return call


# -- its order


def test_the_kernel_is_asked_before_anything_is_attached(parts: Parts) -> None:
    looked = begun()
    assert looked.stacks() == stacks_view() and looked.threads() == kernel_view()
    assert parts.order == ["kernel", "stacks"]


def test_the_kernels_view_is_there_while_stacks_are_still_taken(parts: Parts) -> None:
    """Whoever needs only that does not wait for py-spy."""
    go = threading.Event()
    parts.stacks = lambda: (go.wait(10), stacks_view())[1]
    looked = begun()
    started = time.monotonic()
    assert looked.threads() == kernel_view()
    assert time.monotonic() - started < 8 and not go.is_set()
    go.set()
    assert looked.stacks() == stacks_view()


def test_stacks_that_are_not_allowed_are_not_taken(parts: Parts) -> None:
    why = Absent("not allowed", "--invasive sample")
    looked = begun(stacks_absent=why)
    assert looked.stacks() == why and isinstance(looked.threads(), Threads)
    assert parts.order == ["kernel"]


def test_a_view_of_nothing_says_why(parts: Parts) -> None:
    gone = Absent("process 4711 has ended")
    parts.threads = lambda: Threads((), 0.1, {4711: gone})
    parts.stacks = lambda: Stacks((), {4711: Absent("ended meanwhile")})
    looked = begun()
    assert looked.threads() == gone and looked.stacks() == Absent("ended meanwhile")


# -- errors inside the thread


def test_an_error_in_the_kernels_look_ends_all_of_it(parts: Parts) -> None:
    """Nobody waits for a thread that has died, and nobody takes it for a healthy app."""
    parts.threads = raises("no such field")
    started = time.monotonic()
    looked = begun()
    assert looked.threads() == Absent("the kernel was not asked in time")
    found = looked.stacks()
    assert isinstance(found, Absent) and "RuntimeError: no such field" in found.why
    assert time.monotonic() - started < 8 and parts.order == ["kernel"]


def test_an_error_in_the_stacks_costs_the_stacks_only(parts: Parts) -> None:
    parts.stacks = raises("x" * 900)
    looked = begun()
    found = looked.stacks()
    assert isinstance(found, Absent) and found.why.startswith("looking failed: RuntimeError: xx")
    assert len(found.why) <= 300
    assert looked.threads() == kernel_view()


def test_errors_do_not_reach_the_terminal(parts: Parts, capfd: pytest.CaptureFixture[str]) -> None:
    parts.threads = raises("boom")
    begun().stacks()
    assert capfd.readouterr() == ("", "")


# -- hurry, and the end


def test_hurry_reaches_both_looks(parts: Parts) -> None:
    looked = Watching((ME,), Neighbours())
    looked.hurry.set()
    looked.begin()
    looked.stacks()
    assert parts.hurried == [True, True]


def test_the_end_spares_the_app_the_stacks(parts: Parts) -> None:
    """An examination that is over attaches to nothing any more, but lets a running look finish."""
    go = threading.Event()
    parts.threads = lambda: (go.wait(10), kernel_view())[1]
    looked = begun()
    eventually(lambda: parts.order == ["kernel"])
    threading.Timer(0.2, go.set).start()
    looked.end()
    assert parts.order == ["kernel"] and looked.hurry.is_set()
    assert looked.stacks() == Absent("there was no time left for it")
    looked.end()  # twice is harmless


def test_nobody_waits_for_ever(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST", 0.2)
    go = threading.Event()
    parts.threads = lambda: (go.wait(10), kernel_view())[1]
    looked, started = begun(), time.monotonic()
    assert looked.threads() == Absent("the kernel was not asked in time")
    assert looked.stacks() == Absent("there was no time left for it")
    looked.end()
    assert 0.5 < time.monotonic() - started < 8
    go.set()


# -- does a silent app hang


@pytest.mark.parametrize(("rate", "frames", "hangs"), [
    (0.0, LOOP, True),  # it stands in time.sleep()
    (900.0, LOOP[1:], False),  # it wakes all the time
    (30.0, LOOP, False),
])
def test_what_confirms_a_hang(rate: float, frames: tuple[StackFrame, ...], hangs: bool, parts: Parts) -> None:
    parts.threads, parts.stacks = lambda: kernel_view(rate), lambda: stacks_view(frames)
    looked = begun()
    looked.stacks()
    assert looked.hangs() is hangs


def test_a_look_that_is_not_done_confirms_nothing(parts: Parts) -> None:
    """Then the app is asked once more: silence alone is no hang. The wait for it is short."""
    go = threading.Event()
    parts.threads = lambda: (go.wait(10), kernel_view())[1]
    looked, started = begun(), time.monotonic()
    assert looked.hangs() is False
    assert 0.3 < time.monotonic() - started < 8
    go.set()
    looked.stacks()
    assert looked.hangs() is True


# -- how long it may pause


def test_threads_decide_whether_a_pause_is_short_enough(parts: Parts) -> None:
    """Up to 64 threads a pause takes at most 10 ms; the kernel's count is used before that of the process table."""
    looked = begun()
    looked.may_pause = lambda _: False
    looked.threads()
    many = Process(1, 1, "python", ("python",), "me", 0.0, "sleeping", threads=65)
    few = Process(2, 1, "python", ("python",), "me", 0.0, "sleeping", threads=64)
    assert [looked._pausable(p) for p in (ME, many, few)] == [True, False, True]
    looked.may_pause = lambda _: True
    assert looked._pausable(many)
