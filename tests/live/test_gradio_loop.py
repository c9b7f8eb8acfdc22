"""What keeps the event loop of a real Gradio app from running, each beside the healthy app, idle and under load."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gradio_doctor.live import Judgement, judge, view_processes
from tests.lab.harness import answers, until
from tests.live.conftest import Silent
from tests.live.live_lab import App, kinds, one, settle


@contextmanager
def state(app: App, name: str, value: object = "2.6", times: int = 1) -> Iterator[None]:
    """The app while an endpoint runs; afterwards it serves again."""
    callers = [threading.Thread(target=app.call, args=(name, value)) for _ in range(times)]
    for caller in callers:
        caller.start()
    settle(0.6)
    try:
        yield
    finally:
        for caller in callers:
            caller.join(20)
        until(lambda: answers(app.port), 20, "the app did not come back")


def blames(found: Judgement, app: App, function: str, text: str) -> bool:
    """True when a judgement names the user's own function and line."""
    place = found.location
    return place is not None and (place.file, place.function, place.line) == (str(app.file), function, app.line(text))


def test_an_idle_app_is_not_judged(app: App) -> None:
    settle(0.5)
    assert app.judge() == ()
    view = view_processes(app.threads(), app.stacks())[0]
    roles = {t.role: t.verdict for t in view.threads}
    assert view.loop is not None and view.loop.verdict in ("idle", "moving") and not view.loop.main
    assert roles["main"] == "idle" and not view.stopped and view.complete


def test_the_kernel_alone_tells_that_the_loop_sleeps_but_not_where(app: App) -> None:
    with state(app, "loop_sleeps"):
        found = judge(app.threads(), None)
        silent = judge(app.threads(), None, loop_answers=False)
    assert kinds(found) == ["loop-blocked?"] and found[0].location is None
    assert found[0].wait is not None and found[0].wait.kind == "sleep"
    assert kinds(silent) == ["loop-blocked"]


def test_an_app_under_load_is_not_called_blocked(app: App) -> None:
    """Clients that hammer pages and handlers: the loop is busy, and goes round."""
    done = threading.Event()
    served = [0]

    def hammer() -> None:
        while not done.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
            for path in ("/config", "/gradio_api/app_id", "/theme.css"):
                connection.request("GET", path)
                connection.getresponse().read()
            connection.close()
            app.call("echo", "x")
            served[0] += 1

    clients = [threading.Thread(target=hammer) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        settle(0.5)
        found = [app.judge(loop_answers=True), app.judge(), app.judge(limits=(40,))]
        assert [k for judgements in found for k in kinds(judgements) if not k.endswith("?")] == []
        assert [k for k in kinds(found[0]) if k.startswith("loop")] == []
    finally:
        done.set()
        for client in clients:
            client.join(30)
    assert served[0] > 4 and app.alive()


def test_sleeping_in_an_async_handler_two_helpers_deep(app: App) -> None:
    with state(app, "loop_sleeps"):
        found = one(app.judge(), "loop-blocked")
    assert found.sure and blames(found, app, "sleeps", "time.sleep(float(x))")
    assert found.wait is not None and found.wait.kind == "sleep"
    assert found.seconds is not None and 0.8 <= found.seconds < 4
    assert [f.name for f in found.stack] == ["sleeps", "deeper", "loop_sleeps"]
    assert found.location is not None and "time.sleep(float(x))" in found.location.text
    assert found.samples >= 6 and app.alive()


def test_an_answer_refutes_what_was_seen(app: App) -> None:
    with state(app, "loop_sleeps", "1.6"):
        assert app.judge(loop_answers=True) == ()


def test_computing_in_an_async_handler(app: App) -> None:
    """Busy is not blocked, and looks like heavy load: silence has to confirm it."""
    with state(app, "loop_computes", "3.5"):
        threads, stacks = app.threads(), app.stacks()
    found = one(judge(threads, stacks, loop_answers=False), "loop-busy")
    assert found.sure and found.location is not None and found.location.function == "compute"
    assert found.stack[-1].name == "loop_computes"
    assert kinds(judge(threads, stacks)) == ["loop-busy?"]
    assert judge(threads, stacks, loop_answers=True) == ()


def test_native_code_that_keeps_the_interpreter_lock_in_a_worker(app: App) -> None:
    with state(app, "holds_gil"):
        threads, stacks = app.threads(), app.stacks()
    found = one(judge(threads, stacks), "loop-starved")
    assert found.sure and blames(found, app, "holds_gil", "def holds_gil")
    assert found.facts["does"] == "busy-native" and int(found.facts["starved"]) >= 2
    loop = view_processes(threads, stacks)[0].loop
    assert loop is not None and loop.verdict == "gil-wait"
    assert kinds(judge(threads, None)) == ["loop-starved?"]
    assert kinds(judge(threads, None, loop_answers=False)) == ["loop-starved"]


def test_native_code_that_keeps_the_interpreter_lock_on_the_loop(app: App) -> None:
    with state(app, "loop_holds_gil"):
        found = one(app.judge(), "loop-blocked")
    assert found.sure and blames(found, app, "loop_holds_gil", "async def loop_holds_gil")


def test_computing_in_plain_handlers_leaves_the_loop_its_turn(app: App) -> None:
    with state(app, "computes", "1.8", times=4):
        assert [k for k in kinds(app.judge()) if not k.endswith("?")] == []
        assert app.judge(loop_answers=True) == ()


def test_the_loop_waits_for_a_server_that_never_answers(app: App, silent: Silent) -> None:
    with state(app, "loop_waits_for_other"):
        found = app.judge()
        silent.release()
    upstream = one(found, "upstream-wait")
    assert upstream.sure and upstream.facts["remote"] == f"127.0.0.1:{silent.port}"
    assert upstream.facts["endless"] == "yes" and upstream.facts["role"] == "loop"
    assert one(found, "loop-blocked").wait == upstream.wait
    assert blames(upstream, app, "loop_waits_for_other", "async def loop_waits_for_other")


def test_a_stall_that_ends_while_we_look_is_no_block(app: App) -> None:
    with state(app, "loop_sleeps", "2"):
        threads = app.threads()
    assert kinds(judge(threads, app.stacks())) == ["loop-stalled?"]
