"""Where an app stands that does not serve yet: on made-up looks, for what real ones do not show on demand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradio_doctor.evidence import Listener, Listeners, ProcessStacks, StackFrame, Stacks, Threads
from gradio_doctor.live import Judgement, judge
from gradio_doctor.logs.frames import is_library
from tests.live.test_judge import FUTEX, MAIN, RUN_ONCE, SELECT, SITE, SLEEP, kernel, own, stacks, threads

NONE = Listeners(())
MODULE = own("<module>", 3, "model = load()")
LOADS = [own("load", 9, "time.sleep(60)"), MODULE]


def held(found: tuple[Judgement, ...]) -> list[tuple[str, str]]:
    return [(j.facts["how"], j.location.function if j.location else "") for j in found if j.kind == "start-held"]


def test_where_the_main_thread_stands() -> None:
    seen = threads(kernel(1, 0.0, call=SLEEP))
    assert held(judge(seen, stacks({1: [LOADS]}), listeners=NONE)) == [("sleep", "load")]
    busy = [[own("load", n), MODULE] for n in (9, 10, 11)]
    assert held(judge(threads(kernel(1, 3, 0.9)), stacks({1: busy}), listeners=NONE)) == [("computes", "load")]


def test_it_is_never_sure_of_itself() -> None:
    (found,) = judge(threads(kernel(1, 0.0, call=SLEEP)), stacks({1: [LOADS]}), listeners=NONE)
    assert not found.sure


def test_one_that_listens_is_past_that() -> None:
    socket = Listener("127.0.0.1", 7860, 4, 5, 0, holders=(1,))
    seen = threads(kernel(1, 0.0, call=SLEEP))
    assert held(judge(seen, stacks({1: [LOADS]}), listeners=Listeners((socket,)))) == []
    assert held(judge(seen, stacks({1: [LOADS]}))) == []  # nobody could tell


def test_launching_and_serving_are_judged_elsewhere() -> None:
    launch = StackFrame("Blocks.launch", SITE + "gradio/blocks.py", 3559)
    asks = [StackFrame("get", SITE + "httpx/_api.py", 195), launch, MODULE]
    assert held(judge(threads(kernel(1, 0.0, call=SLEEP)), stacks({1: [asks]}), listeners=NONE)) == []
    looks = stacks({1: [LOADS], 2: [SELECT]})
    assert held(judge(threads(kernel(1, 0.0, call=SLEEP), kernel(2, 10)), looks, listeners=NONE)) == []
    assert held(judge(threads(kernel(1, 10, call=SLEEP)), stacks({1: [MAIN]}), listeners=NONE)) == []


def test_a_server_that_still_imports_the_app() -> None:
    importer = StackFrame("import_from_string", SITE + "uvicorn/importer.py", 19)
    looks = stacks({1: [[*LOADS, importer, *RUN_ONCE]]})
    assert held(judge(threads(kernel(1, 0.0, call=SLEEP)), looks, listeners=NONE)) == [("sleep", "load")]
    arbiter = [StackFrame("sleep", SITE + "gunicorn/arbiter.py", 390), own("<module>", 8)]
    assert held(judge(threads(kernel(1, 1.0, call=SLEEP)), stacks({1: [arbiter]}), listeners=NONE)) == []


FORKED = [
    StackFrame("Worker.load_wsgi", SITE + "gunicorn/workers/base.py", 150),
    StackFrame("Worker.init_process", SITE + "gunicorn/workers/base.py", 138),
    StackFrame("Arbiter.spawn_worker", SITE + "gunicorn/arbiter.py", 752),
    StackFrame("Arbiter.run", SITE + "gunicorn/arbiter.py", 247),
]
SOCKET = Listeners((Listener("127.0.0.1", 7860, 4, 5, 0, holders=(1,)),))


def kinds(found: tuple[Judgement, ...]) -> list[str]:
    return [j.kind for j in found]


def test_a_worker_holds_the_port_before_it_imports() -> None:
    """gunicorn binds first: whether it computes or sleeps there, it is no loop that hangs."""
    sleeps, works = threads(kernel(1, 0.0, call=SLEEP)), threads(kernel(1, 3, 0.9))
    busy = [[own("load", n), MODULE, *FORKED] for n in (9, 10, 11)]
    assert held(judge(sleeps, stacks({1: [[*LOADS, *FORKED]]}), listeners=SOCKET)) == [("sleep", "load")]
    found = judge(works, stacks({1: busy}), listeners=SOCKET, loop_answers=False)
    assert kinds(found) == ["start-held"] and found[0].facts["importing"] == "yes"
    computes = [[own("load", n), *FORKED[1:]] for n in (9, 10, 11)]  # past its import, and no loop yet
    assert "start-held" not in kinds(judge(works, stacks({1: computes}), listeners=SOCKET))


def test_what_an_app_wants_run_before_it_serves_is_its_start() -> None:
    lifespan = StackFrame("LifespanOn.main", SITE + "uvicorn/lifespan/on.py", 86)
    looks = stacks({1: [[*LOADS, lifespan, *RUN_ONCE, *FORKED[1:]]]})
    found = judge(threads(kernel(1, 0.0, call=SLEEP)), looks, listeners=SOCKET, loop_answers=False)
    assert kinds(found) == ["start-held"]
    handler = stacks({1: [[*LOADS, *RUN_ONCE, *FORKED[1:]]]})  # the twin: not before it serves
    assert kinds(judge(threads(kernel(1, 0.0, call=SLEEP)), handler, listeners=SOCKET, loop_answers=False)) == [
        "loop-blocked"
    ]


def test_one_worker_imports_while_another_hangs() -> None:
    """It was started anew: what hangs is the other one."""
    both = Listeners((Listener("127.0.0.1", 7860, 4, 5, 0, holders=(1, 2)),))
    (one,) = stacks({1: [[*LOADS, *FORKED]]}).processes
    (other,) = stacks({1: [[*LOADS, *RUN_ONCE, *FORKED[1:]]]}).processes
    two = ProcessStacks(2, tuple(
        replace(s, threads=tuple(replace(t, tid=2) for t in s.threads)) for s in other.samples
    ))
    (sleeps,) = threads(kernel(1, 0.0, call=SLEEP)).processes
    (hangs,) = threads(kernel(2, 0.0, call=SLEEP)).processes
    seen = Threads((sleeps, replace(hangs, pid=2)), 0.6)
    found = judge(seen, Stacks((one, two)), listeners=both, loop_answers=False)
    assert [(j.kind, j.pid) for j in found] == [("loop-blocked", 2)]


def test_an_import_before_the_loop_is_no_model_of_a_handler() -> None:
    frozen = StackFrame("_find_and_load", "<frozen importlib._bootstrap>", 1360)
    looks = stacks({1: [[own("<module>", 1), frozen, *FORKED]]})
    found = judge(threads(kernel(1, 3, 0.9)), looks, listeners=SOCKET, loop_answers=False)
    assert [j.facts["when"] for j in found if j.kind == "loading"] == ["start"]


@pytest.mark.parametrize(("file", "library"), [
    ("/srv/venv/bin/gunicorn", True), ("/usr/local/bin/uvicorn", True),
    (r"C:\venv\Scripts\gradio.exe\__main__.py", True), ("/srv/bin/app.py", False), ("/srv/bin/serve", False),
    ("/srv/gunicorn/app.py", False), ("/srv/bin/gunicorn2.py", False), ("/srv/uvicorn.py", False),
])
def test_what_starts_a_server_is_not_the_users_code(file: str, library: bool) -> None:
    assert is_library(file) is library


def test_a_download_says_that_it_is_one() -> None:
    hub = StackFrame("http_get", SITE + "huggingface_hub/file_download.py", 400)
    seen = threads(kernel(1, 0.0, call=SLEEP))
    (found,) = (j for j in judge(seen, stacks({1: [[hub, MODULE]]}), listeners=NONE) if j.kind == "start-held")
    assert (found.facts["hub"], found.location and found.location.line) == ("yes", 3)


def test_another_thread_that_keeps_the_lock() -> None:
    warm = [own("warm_up", 5, "re.match(...)")]
    seen = threads(kernel(1, 195, call=FUTEX), kernel(3, 0, 0.95))
    found = judge(seen, stacks({1: [[MODULE]], 3: [warm]}, gil=3), listeners=NONE)
    assert held(found) == [("starves", "warm_up")]
