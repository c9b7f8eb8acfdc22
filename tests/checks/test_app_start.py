"""Apps that neither serve nor end, orphans that hang, sockets without a server: which finding, and to which cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gradio_doctor.evidence import Absent, HttpAnswer, HttpAnswers, Instances, LogMatch, Process, Processes, Run
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.said import events, named
from tests.checks.test_blocking_live import judged, live
from tests.checks.test_dependency_checks import LOCALHOST

TIMED_OUT = Run(("python", "app.py"), "/srv", 4711, "timeout", 120.0)
SERVING = Run(("python", "app.py"), "/srv", 4711, "serving", 4.0)
NO_PORT = Absent("the app listens on no port")
NOT_OURS = Absent("it was not started by us")
SILENT = HttpAnswers("http://127.0.0.1:7860", (HttpAnswer("loop", "HEAD", "http://x/config", "timeout", 0.8),))
ANSWERS = HttpAnswers("http://127.0.0.1:7860", (HttpAnswer("loop", "HEAD", "http://x/config", "answered", 0.01, 405),))


def process(age: float = 10.0, **more: Any) -> Process:
    return Process(4711, 1, "python", ("python", "app.py"), "me", 1000.0 - age, "sleeping", **more)


def table(one: Process) -> Processes:
    return Processes({one.pid: one}, 1000.0)


def start(
    loaded: Loaded, *judgements: Any, run: Run | Absent = TIMED_OUT, age: float = 130.0,
    http: HttpAnswers | Absent = NO_PORT,
) -> list[Finding]:
    one = process(age)
    return list(named(loaded, "app-start")(live(*judgements), run, Instances("app.py", (one,)), table(one), http))


def held(how: str, **facts: str) -> Any:
    return judged("start-held", sure=False, facts={"how": how, "wait": "sleep", **facts})


@pytest.mark.parametrize(("judgement", "finding", "cause"), [
    (held("sleep"), "app.start-works", "model.slow-load"),
    (held("computes"), "app.start-works", "model.slow-load"),
    (held("child"), "app.start-works", "model.slow-load"),
    (held("starves"), "app.start-starved", "model.slow-load"),
    (held("lock"), "app.start-waits-for-lock", "blocking.deadlock"),
    (held("file-lock"), "app.start-waits-for-lock", "blocking.deadlock"),
    (held("terminal"), "app.start-waits-for-input", "app.startup-exception"),
    (held("socket"), "app.start-waits-for-server", "blocking.upstream-wait"),
    (held("socket", hub="yes"), "model.loads-at-start", "model.slow-load"),
    (judged("loading", facts={"when": "start", "what": "weights"}), "model.loads-at-start", "model.slow-load"),
])
def test_where_it_stands_leads_to_what_it_means(judgement: Any, finding: str, cause: str, loaded: Loaded) -> None:
    (found,) = start(loaded, judgement)
    assert (found.id, found.seen, found.facts["where"]) == (finding, True, "/srv/app.py:31")
    late = Finding("vitals.start-timeout", facts={"seconds": "120"})
    ranking = rank(loaded.knowledge, merged([found, late]))
    assert next(iter(ranking.probability)) == cause and ranking.probability[cause] > 0.5


@pytest.mark.parametrize(("run", "age", "told"), [
    (TIMED_OUT, 5.0, True), (SERVING, 500.0, False), (NOT_OURS, 20.0, False), (NOT_OURS, 59.0, False),
    (NOT_OURS, 61.0, True),
])
def test_how_long_a_start_may_take(run: Run | Absent, age: float, told: bool, loaded: Loaded) -> None:
    """Ours: as long as --startup-timeout says. One that somebody else started: a minute is no fault."""
    found = [f.id for f in start(loaded, held("sleep"), run=run, age=age)]
    assert found == (["app.start-works"] if told else ["app.still-starting"] if run is NOT_OURS else [])


@pytest.mark.parametrize(("how", "seconds", "told"), [
    ("terminal", 1.0, True), ("lock", 3.0, False), ("lock", 12.0, True), ("file-lock", 12.0, True),
    ("socket", 30.0, False), ("computes", 30.0, False),
])
def test_waits_that_are_no_part_of_a_start(how: str, seconds: float, told: bool, loaded: Loaded) -> None:
    """They are told before the minute is over that loading may take."""
    waits = replace(held(how), seconds=seconds)
    (found,) = start(loaded, waits, run=NOT_OURS, age=20.0)
    assert (found.id != "app.still-starting") is told


@pytest.mark.parametrize("age", [20.0, 900.0])
def test_an_app_that_answers_has_started(age: float, loaded: Loaded) -> None:
    """What does not serve beside it started it and waits for its end, or is a second run."""
    assert start(loaded, held("child"), run=NOT_OURS, age=age, http=ANSWERS) == []
    assert start(loaded, held("child"), run=NOT_OURS, age=age, http=SILENT) != []


def test_a_process_that_does_nothing_special_says_nothing(loaded: Loaded) -> None:
    assert start(loaded) == []
    helper = judged("start-held", sure=False, facts={"how": "sleep"})
    other = type(helper)(**{**{f: getattr(helper, f) for f in helper.__slots__}, "pid": 99})
    assert start(loaded, other) == []  # a child of the app, not the app


SILENCE = [Finding("blocking.loop-silent", facts={"url": "x", "seconds": "1.2"}),
           Finding("blocking.nobody-accepts", facts={"waiting": "2", "port": "7860"})]


@pytest.mark.parametrize(("age", "finding", "cause"), [
    (20.0, "app.still-starting", ""), (61.0, "app.start-works", "model.slow-load"),
])
def test_a_worker_that_imports_is_no_blocked_loop(age: float, finding: str, cause: str, loaded: Loaded) -> None:
    """The age of the worker counts, which may have been started anew; silence on the port is part of its start."""
    worker = replace(held("sleep", importing="yes"), pid=99)
    parent, child = process(9000.0), replace(process(age), pid=99, ppid=4711)
    everyone = Processes({4711: parent, 99: child}, 1000.0)
    instances = Instances("app.py", (parent,), (child,))
    (found,) = named(loaded, "app-start")(live(worker), NOT_OURS, instances, everyone, SILENT)
    assert found.id == finding
    ranking = rank(loaded.knowledge, merged([found, *SILENCE]))
    assert next(iter(ranking.probability), "") == cause
    assert next(iter(rank(loaded.knowledge, merged(SILENCE)).probability)) == "blocking.event-loop"


def test_an_import_is_not_taken_for_weights(loaded: Loaded) -> None:
    imports = judged("loading", facts={"when": "start", "what": "import"})
    assert start(loaded, imports) == []
    (found,) = start(loaded, imports, held("computes"))
    assert found.id == "app.start-works"


# -- hung orphans


def orphaned(loaded: Loaded, *judgements: Any, **more: Any) -> list[Finding]:
    one = process(orphan=True, **more)
    return list(named(loaded, "blocking-orphan")(live(*judgements), Instances("app.py", (one,))))


def test_an_orphan_that_hangs_in_its_own_code_is_hung_first_of_all(loaded: Loaded) -> None:
    (found,) = orphaned(loaded, judged("loop-blocked"))
    assert found.id == "blocking.orphan-hangs"
    assert set(found.replaces) == {"port.orphaned-instance", "port.earlier-run"}
    facts = {"pid": "4711", "port": "7860", "address": "127.0.0.1", "where": "app.py:3", "function": "f"}
    seen = [Finding(n, facts=facts) for n in ("port.orphaned-instance", "port.earlier-run", "blocking.loop-blocked",
                                             "blocking.loop-silent", "vitals.hangs")]
    ranking = rank(loaded.knowledge, merged([*seen, found]))
    assert next(iter(ranking.probability)) == "blocking.event-loop"
    without = rank(loaded.knowledge, merged(seen[:2]))
    assert next(iter(without.probability)) == "port.leftover-process"


@pytest.mark.parametrize(("judgements", "more"), [
    ((), {}), ((judged("loop-blocked", sure=False),), {}), ((judged("loop-blocked", location=None),), {}),
    ((judged("loop-blocked"),), {"keeper": "nohup"}), ((judged("server-thread-gone"),), {}),
])
def test_else_an_orphan_stays_what_it_is(judgements: tuple[Any, ...], more: dict[str, Any], loaded: Loaded) -> None:
    assert orphaned(loaded, *judgements, **more) == []


# -- sockets without a server


def gone(loaded: Loaded, http: HttpAnswers | Absent, *judgements: Any, complete: bool = True) -> list[str]:
    found = named(loaded, "app-server-gone")(live(*judgements, complete=complete), http)
    return [f.id for f in found if f.seen]


def test_a_process_that_kept_a_socket_and_serves_nobody(loaded: Loaded) -> None:
    without = judged("listener-without-server", sure=False, facts={"port": "7860"})
    assert gone(loaded, SILENT, without) == ["port.socket-without-server"]
    assert gone(loaded, ANSWERS, without) == []  # something serves it after all
    assert gone(loaded, NOT_OURS, without) == []
    assert gone(loaded, SILENT, without, complete=False) == []
    assert gone(loaded, SILENT, judged("server-thread-gone")) == ["app.server-thread-gone"]


def test_it_is_a_left_over_run_and_no_blocked_loop(loaded: Loaded) -> None:
    seen = [Finding(n, facts={"pid": "4711", "port": "7860"}) for n in (
        "port.socket-without-server", "blocking.loop-silent", "blocking.nobody-accepts", "vitals.hangs")]
    ranking = rank(loaded.knowledge, merged([*seen, Finding("port.earlier-run", seen=False)]))
    assert next(iter(ranking.probability)) == "port.leftover-process"
    assert ranking.probability.get("blocking.event-loop", 0.0) < 0.01


# -- the first page


@pytest.mark.parametrize(("run", "expected"), [
    (SERVING, "app.first-page-not-served"), (NOT_OURS, "app.first-page-not-served"),
])
def test_a_log_of_somebody_else_may_lack_the_error_of_the_page(
    run: Run | Absent, expected: str, loaded: Loaded, tmp_path: Any,
) -> None:
    """Only of our own start is everything known that it printed."""
    log = events(f"* Running on local URL:  http://127.0.0.1:7860\n{LOCALHOST}", loaded, tmp_path)
    assert isinstance(log.matches[0], LogMatch)
    found = list(named(loaded, "network-localhost")(log, run))
    assert [f.id for f in found] == [expected]
