"""The same mechanisms in Gradio 4, whose loop wakes less often and whose routes have no prefix."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradio_doctor.live import judge, view_processes
from gradio_doctor.live.loop import DEAD_RATE
from tests.lab.harness import until
from tests.lab.venvs import FITTING, python_with
from tests.live.conftest import Silent
from tests.live.live_lab import App, gradio_app, kinds, one, settle


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, silent: Silent) -> Iterator[App]:
    python = str(python_with(FITTING))
    with gradio_app(tmp_path_factory.mktemp("four"), other=silent.port, python=python) as made:
        made.prefix = ""
        made.call("echo")  # the first call imports matplotlib on the loop, which takes seconds
        until(lambda: made.threads().processes[0].threads[0].demand < 0.1 and made.judge() == (), 30, "not at rest")
        yield made


def test_idle(old: App) -> None:
    assert old.judge() == ()
    view = view_processes(old.threads(), old.stacks())[0]
    assert view.loop is not None and view.loop.verdict in ("idle", "moving") and view.loop.serves
    rate = (view.loop.kernel is not None and view.loop.kernel.voluntary_rate) or 0.0
    assert 3 * DEAD_RATE < rate < 100  # its queue naps for 0.05 s: at most 20 a second, and uvicorn's 10 may coincide


@pytest.mark.parametrize(("name", "kind", "function"), [
    ("loop_sleeps", "loop-blocked", "sleeps"), ("holds_gil", "loop-starved", "holds_gil"),
])
def test_the_loop_is_kept(old: App, name: str, kind: str, function: str) -> None:
    caller = threading.Thread(target=old.call, args=(name, "4"))
    caller.start()
    settle(0.5)
    found = one(old.judge(), kind)
    caller.join(20)
    assert found.sure and found.location is not None and found.location.function == function
    until(old.alive, 20, "did not come back")


def test_the_worker_threads_are_kept(old: App, silent: Silent) -> None:
    old.call("waits_for_other", times=40)
    until(lambda: len(silent.held) >= 40, 10, "not all wait")
    threads, stacks = old.threads(), old.stacks()
    silent.release()
    assert sorted(kinds(judge(threads, stacks))) == ["pool-exhausted", "upstream-wait"]
    until(old.alive, 20, "did not come back")


def test_a_deadlock(old: App, tmp_path: Path) -> None:
    for name in ("first_a", "first_b"):
        old.call(name)
    settle(0.9)
    found = one(old.judge(), "deadlock")
    assert found.sure and {p.function for p in (found.location, *found.others) if p} == {"first_a", "first_b"}
