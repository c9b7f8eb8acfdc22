"""Where an app stands that does not serve yet: on made-up looks, for what real ones do not show on demand."""

from __future__ import annotations

from gradio_doctor.evidence import Listener, Listeners, StackFrame
from gradio_doctor.live import Judgement, judge
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
