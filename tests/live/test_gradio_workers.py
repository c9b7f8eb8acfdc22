"""What keeps the worker threads of a real Gradio app: waits, locks, and too many of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gradio_doctor.live import fold, judge, view_processes
from tests.lab.harness import until
from tests.live.conftest import Silent
from tests.live.live_lab import App, gradio_app, kinds, one, settle


@contextmanager
def calls(app: App, *names: str, value: object = "2") -> Iterator[None]:
    """The app while endpoints run that the caller or time will end."""
    for name in names:
        app.call(name, value)
    settle(0.5)
    try:
        yield
    finally:
        until(lambda: not busy(app), 15, "a worker is still at work")


def busy(app: App) -> list[str]:
    """What the worker threads are doing, but resting."""
    view = view_processes(None, app.stacks())[0]
    return [t.verdict for t in view.having("worker") if t.verdict != "idle"]


def test_waiting_for_another_server(app: App, silent: Silent) -> None:
    with calls(app, *["waits_for_other"] * 3):
        threads, stacks = app.threads(), app.stacks()
        silent.release()
    found = one(judge(threads, stacks), "upstream-wait")
    assert found.sure and found.facts["count"] == "3" and found.facts["remote"] == f"127.0.0.1:{silent.port}"
    assert found.location is not None and found.location.function == "waits_for_other"
    assert found.wait is not None and found.wait.resource is not None and found.wait.resource.state == "ESTABLISHED"
    lines = [g.text for g in fold(view_processes(threads, stacks)[0].threads)]
    assert lines[0].startswith(f"3 × waiting on socket 127.0.0.1:{silent.port} in {app.file}:")
    without = judge(threads, None)
    assert kinds(without) == ["upstream-wait?"] and without[0].facts["count"] == "3"


def test_a_long_handler_alone_is_nothing(app: App) -> None:
    with calls(app, "sleeps", "runs_child", value="1.9"):
        threads, stacks = app.threads(), app.stacks()
        waits = {t.wait.kind for t in view_processes(threads, stacks)[0].having("worker") if t.wait}
        assert judge(threads, stacks) == () and judge(threads, None) == ()
    assert waits == {"sleep", "child"}


def test_many_wait_for_one_lock_whose_holder_is_named(app: App) -> None:
    with calls(app, "keeps_lock", *["wants_lock"] * 4, value="3"):
        found = one(app.judge(), "lock-convoy")
    assert found.sure and found.facts["count"] == "4" and found.facts["lock"] == "C"
    assert found.location is not None and found.location.function == "wants_lock"
    assert [(p.function, p.line) for p in found.others] == [("keeps_lock", app.line("with C:") + 1)]


def test_two_waiting_for_a_lock_are_no_convoy_and_no_deadlock(app: App) -> None:
    with calls(app, "keeps_lock", *["wants_lock"] * 2, value="2.5"):
        assert app.judge() == ()


def test_every_worker_thread_is_taken(app: App, silent: Silent) -> None:
    with calls(app, *["waits_for_other"] * 40):
        until(lambda: len(silent.held) >= 40, 15, "not all wait")
        threads, stacks = app.threads(), app.stacks()
        silent.release()
    assert {j.kind for j in judge(threads, stacks)} == {"pool-exhausted", "upstream-wait"}
    found = one(judge(threads, stacks), "pool-exhausted")
    assert found.sure and found.facts["limit"] == "40" and int(found.facts["stuck"]) >= 40
    assert found.location is not None and found.location.function == "waits_for_other" and len(found.threads) >= 40
    view = view_processes(threads, stacks)[0]
    assert view.loop is not None and view.loop.verdict in ("idle", "moving")  # it may have been met at its work
    assert any(g.count >= 40 and g.verdict == "waiting" for g in fold(view.threads))
    assert [j.kind for j in judge(threads, stacks, limits=(60,))] == ["upstream-wait"]


def test_a_smaller_limit_of_the_apps_own(app: App) -> None:
    with calls(app, *["sleeps"] * 5, value="2"):
        threads, stacks = app.threads(), app.stacks()
    assert kinds(judge(threads, stacks)) == []
    assert one(judge(threads, stacks, limits=(40, 5)), "pool-exhausted").facts["limit"] == "5"


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[App]:
    """An app that will not recover."""
    with gradio_app(tmp_path) as made:
        yield made


def test_a_deadlock_shows_both_lines_and_stays(doomed: App) -> None:
    """Beside it the app serves, and a self-call that nobody answers keeps another thread."""
    for name in ("first_a", "first_b"):
        doomed.call(name)
    time.sleep(0.9)
    threads, stacks = doomed.threads(), doomed.stacks()
    found = one(judge(threads, stacks), "deadlock")
    assert found.sure and found.location is not None
    lines = {(p.function, p.text) for p in (found.location, *found.others)}
    assert lines == {("first_a", "with B:"), ("first_b", "with A:")}
    assert found.facts["locks"] in ("A, B", "B, A") and len(found.threads) == 2 and doomed.alive()
    caller = threading.Thread(target=doomed.call, args=("loop_calls_itself",))
    caller.start()
    time.sleep(0.5)
    both = doomed.judge()
    assert one(both, "self-call").sure and one(both, "self-call").facts["port"] == str(doomed.port)
    assert {j.kind for j in both} == {"deadlock", "self-call", "loop-blocked"}
    caller.join(20)
