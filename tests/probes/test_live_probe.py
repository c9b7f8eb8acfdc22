"""The judged view of a running app: waits that must last, limits from the source, and what it is put together from."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.evidence import (
    Absent,
    HttpAnswer,
    HttpAnswers,
    Instances,
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
from gradio_doctor.live.model import Judgement, Live
from gradio_doctor.probes import live as probe
from gradio_doctor.probes.live import _lasting, probe_live
from gradio_doctor.probes.threads_read import cpu_times
from tests.probes.network_lab import Given, eventually
from tests.probes.source_apps import read_app

PROGRAM = """
import os, socket, sys, threading, time

def waits():
    socket.create_connection(("127.0.0.1", int(sys.argv[1]))).recv(1)

def works():
    while True:
        time.sleep(0.02)
        sum(range(2000))

threads = [threading.Thread(target=f, daemon=True) for f in (waits, works)]
for thread in threads:
    thread.start()
time.sleep(0.2)
with open("tids.part", "w") as file:
    file.write(" ".join(str(t.native_id) for t in threads))
os.rename("tids.part", "tids")
time.sleep(60)
"""


class Waiting:
    """A real process with a thread that waits for an answer, and one that works now and then."""

    def __init__(self, directory: Path) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        port = str(self.server.getsockname()[1])
        self.process = subprocess.Popen([sys.executable, "-c", PROGRAM, port], cwd=directory)
        eventually((directory / "tids").exists)
        self.waits, self.works = (int(text) for text in (directory / "tids").read_text().split())
        self.pid = self.process.pid

    def judged(self, kind: Any, *threads: int, seconds: float | None = None) -> Judgement:
        return Judgement(kind, self.pid, True, threads=threads, seconds=seconds)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self.server.close()


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    made = Waiting(tmp_path_factory.mktemp("waiting"))
    yield made
    made.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """A shorter patience, so that the tests are quick; the mechanism is the same."""
    monkeypatch.setattr(probe, "PATIENCE", 0.6)
    return 0.6


def timed(found: list[Judgement]) -> tuple[tuple[Judgement, ...], float]:
    started = time.monotonic()
    return _lasting(found), time.monotonic() - started


# -- waits that must last


def test_a_wait_that_goes_on_is_kept(waiting: Waiting, impatient: float) -> None:
    wait = waiting.judged("upstream-wait", waiting.waits, seconds=0.1)
    kept, seconds = timed([wait])
    assert kept == (wait,)
    assert 0.45 <= seconds < 5  # only what was missing


def test_a_wait_that_ended_meanwhile_is_dropped(waiting: Waiting, impatient: float) -> None:
    """Calls to other machines are made of short waits: a thread that has run since was not stuck."""
    ended = waiting.judged("upstream-wait", waiting.works, seconds=0.1)
    assert timed([ended])[0] == ()


def test_one_thread_that_still_waits_is_enough(waiting: Waiting, impatient: float) -> None:
    both = waiting.judged("connection-pool-wait", waiting.works, waiting.waits)
    gone = waiting.judged("connection-pool-wait", waiting.works, 1 << 22)
    assert timed([both, gone])[0] == (both,)


@pytest.mark.parametrize(("limit", "kept"), [("2", True), ("3", False)])
def test_a_pool_is_exhausted_as_a_whole(waiting: Waiting, impatient: float, limit: str, kept: bool) -> None:
    """Two of its threads stand, one has come to its next task."""
    taken = waiting.judged("pool-exhausted", waiting.works, waiting.waits, waiting.waits, seconds=0.1)
    taken = replace(taken, facts={"does": "waiting", "limit": limit})
    assert timed([taken])[0] == ((taken,) if kept else ())


def test_what_has_lasted_long_enough_is_not_watched(waiting: Waiting) -> None:
    """The patience of three seconds is used up by the time that the kernel tells; nobody sleeps for it again."""
    long = waiting.judged("upstream-wait", waiting.works, seconds=probe.PATIENCE)
    kept, seconds = timed([long])
    assert kept == (long,) and seconds < 2


@pytest.mark.parametrize("kind", ["loop-blocked", "deadlock", "pool-exhausted", "self-call"])
def test_other_judgements_need_no_patience(kind: str, waiting: Waiting) -> None:
    """A deadlock does not end; a blocked loop is confirmed by HTTP."""
    found = waiting.judged(kind, waiting.works, seconds=0.1)
    kept, seconds = timed([found])
    assert kept == (found,) and seconds < 2


def test_the_order_is_kept_and_only_the_ended_goes(waiting: Waiting, impatient: float) -> None:
    first = waiting.judged("loop-blocked", waiting.works)
    ended = waiting.judged("lock-convoy", waiting.works, seconds=0.2)
    last = waiting.judged("lock-convoy", waiting.waits, seconds=0.5)
    kept, seconds = timed([first, ended, last])
    assert kept == (first, last)
    assert 0.3 < seconds < 5  # the youngest of the waits decides


def test_a_process_that_ended_waits_for_nothing(impatient: float) -> None:
    gone = Judgement("upstream-wait", 1 << 22, True, threads=(1 << 22,))
    assert timed([gone])[0] == ()


def test_nothing_judged_nothing_waited_for() -> None:
    assert timed([])[0] == () and timed([])[1] < 2


def test_cpu_times_tell_the_two_threads_apart(waiting: Waiting) -> None:
    """What the patience rests on: a waiting thread uses no CPU time at all, down to the nanosecond."""
    before = cpu_times(waiting.pid)
    time.sleep(0.3)
    after = cpu_times(waiting.pid)
    assert before[waiting.waits] == after[waiting.waits]
    assert before[waiting.works] < after[waiting.works]


# -- limits from the source


@pytest.mark.parametrize(("launch", "limits"), [
    ("", []), ("max_threads=80", [80]), ("max_threads=SIZE", [12]), ("max_threads=True", []),
    ("max_threads='80'", []), ("max_threads=cores()", []), ("server_port=7860, max_threads=1", [1]),
])
def test_worker_threads_as_the_source_sets_them(launch: str, limits: list[int], tmp_path: Path) -> None:
    source = f"import gradio as gr\nSIZE = 12\ngr.Interface(len, 'text', 'text').launch({launch})\n"
    assert list(read_app(tmp_path, source).max_threads) == limits


# -- put together

LIB = "/usr/lib/python3.11/"
HELD = (
    StackFrame("predict", "/srv/app.py", 9, True, "time.sleep(3)"),
    StackFrame("Handle._run", LIB + "asyncio/events.py", 84),
    StackFrame("_run_once", LIB + "asyncio/base_events.py", 9),
    StackFrame("Runner.run", LIB + "asyncio/runners.py", 118),
    StackFrame("Server.run", "/v/lib/python3.11/site-packages/uvicorn/server.py", 86),
)
ME = Process(os.getpid(), 1, "python", ("python", "app.py"), "me", 0.0, "sleeping")


def seen(tid: int = 4711) -> tuple[Threads, Stacks]:
    samples = tuple(ThreadSample(t, "S", 1.0, 1000, 0) for t in (0.0, 0.2, 0.4, 0.6))
    threads = Threads((ProcessThreads(4711, (KernelThread(tid, "python", samples, 1.0),)),), 0.6)
    looks = tuple(StackSample(n * 0.15, (ThreadStack(tid, "", HELD),)) for n in range(3))
    return threads, Stacks((ProcessStacks(4711, looks),))


def http(outcome: Any) -> HttpAnswers:
    return HttpAnswers("http://x", (HttpAnswer("loop", "HEAD", "http://x/config", outcome, 0.1),))


def judged(*evidence: object) -> Live | Absent:
    return probe_live(Given(evidence=(Instances("/srv/app.py", (ME,)), *evidence)))


def test_kernel_and_stacks_make_one_view() -> None:
    found = judged(*seen(), http("timeout"))
    assert isinstance(found, Live) and found.complete and found.main == (os.getpid(),)
    held = found.first("loop-blocked")
    assert held is not None and held.sure and held.location is not None
    assert (held.location.file, held.location.line) == ("/srv/app.py", 9)
    [group] = found.groups[4711]
    assert (group.count, group.place, group.tids) == (1, "/srv/app.py:9 predict", (4711,))


def test_an_answer_refutes_what_the_looks_suggest() -> None:
    """The loop was held while we looked, and it answered: a short block of a healthy app."""
    found = judged(*seen(), http("answered"))
    assert isinstance(found, Live) and not any(j.sure and j.kind == "loop-blocked" for j in found.judgements)


def test_one_of_the_two_looks_is_enough() -> None:
    threads, stacks = seen()
    only_kernel, only_stacks = judged(threads), judged(stacks)
    assert isinstance(only_kernel, Live) and not only_kernel.complete and 4711 in only_kernel.groups
    assert isinstance(only_stacks, Live) and only_stacks.complete


def test_neither_is_absent_with_the_reason() -> None:
    found = judged()
    assert found == Absent("no Threads given")
