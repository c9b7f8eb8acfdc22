"""From judgements on a running app to findings: which count, what they say, and which cause they lead to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from gradio_doctor.evidence import Location, StackFrame
from gradio_doctor.live.model import Group, Judgement, Live
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Absent, Check, Finding, HttpAnswers
from tests.checks.said import named

PLACE = Location("/srv/app.py", 31, "predict", "time.sleep(30)")
OTHER = Location("/srv/app.py", 40, "train", "with B:")
STACK = (
    StackFrame("predict", "/srv/app.py", 31, True, "time.sleep(30)"), StackFrame("handler", "/srv/app.py", 50, True),
)
NOBODY_ASKED = Absent("nobody asked")
CHECKS = (
    "blocking-mechanism", "blocking-locks", "blocking-waits", "blocking-itself", "app-server-gone", "model-loading",
)


def judged(kind: Any, *, sure: bool = True, **more: Any) -> Judgement:
    values: dict[str, Any] = {"location": PLACE, "stack": STACK, "threads": (12,), "facts": {"wait": "sleep"}} | more
    return Judgement(kind, 4711, sure, **values)


def live(*judgements: Judgement, complete: bool = True, groups: Mapping[int, tuple[Group, ...]] | None = None) -> Live:
    return Live(judgements, groups or {}, complete, (4711,))


def looked(loaded: Loaded, seen: Live, *names: str) -> dict[str, Finding]:
    """The findings of all the checks that read a Live, or of some."""
    return {f.id: f for name in names or CHECKS for f in _run(named(loaded, name), seen)}


def _run(check: Check, seen: Live, http: HttpAnswers | Absent = NOBODY_ASKED) -> Iterable[Finding]:
    return check(seen, *(http, NOBODY_ASKED)[: len(check.needs) - 1])


def ids(loaded: Loaded, seen: Live) -> list[str]:
    return sorted(name for name, f in looked(loaded, seen).items() if f.seen)


ENDLESS = {"endless": "yes", "remote": "10.0.0.9:80"}
MEANS: dict[str, tuple[Judgement, str, str]] = {
    "loop-blocked": (judged("loop-blocked"), "blocking.loop-blocked", "blocking.event-loop"),
    "loop-busy": (judged("loop-busy"), "blocking.loop-busy", "blocking.event-loop"),
    "loop-starved": (judged("loop-starved"), "blocking.gil-held", "blocking.event-loop"),
    "pool-exhausted": (
        judged("pool-exhausted", facts={"busy": "40"}), "blocking.workers-taken", "blocking.thread-pool",
    ),
    "deadlock": (judged("deadlock", others=(OTHER,)), "blocking.lock-cycle", "blocking.deadlock"),
    "upstream-wait": (judged("upstream-wait", facts=ENDLESS), "blocking.waits-for-server", "blocking.upstream-wait"),
    "connection-pool-wait": (judged("connection-pool-wait"), "blocking.pool-wait", "blocking.connection-pool"),
    "server-thread-gone": (judged("server-thread-gone"), "app.server-thread-gone", "app.handler-exception"),
}


@pytest.mark.parametrize("kind", list(MEANS))
def test_a_mechanism_is_one_finding_and_leads_to_its_cause(kind: str, loaded: Loaded) -> None:
    """It outweighs every other cause; of the loop, HTTP has to confirm it."""
    judgement, finding, cause = MEANS[kind]
    seen = live(judgement)
    assert ids(loaded, seen) == [finding]
    silent = [Finding("blocking.loop-silent", cause == "blocking.event-loop")]
    ranking = rank(loaded.knowledge, merged([*looked(loaded, seen).values(), *silent]))
    assert next(iter(ranking.probability)) == cause
    assert ranking.probability[cause] > ranking.unknown


def test_nothing_judged_is_looked_for_and_not_there(loaded: Loaded) -> None:
    """A healthy app with stacks: every finding speaks against its causes."""
    found = looked(loaded, live())
    assert len(found) >= 10 and not any(f.seen for f in found.values())
    declared = {name for check in CHECKS for name in named(loaded, check).finds}
    only_seen = {  # unseen says nothing
        "port.socket-without-server", "model.loads-now", "blocking.waits-for-itself", "blocking.child-chokes",
    }
    assert set(found) == declared - only_seen


def test_without_stacks_nobody_looked_at_locks_and_models(loaded: Loaded) -> None:
    """The kernel alone cannot tell a lock from rest: silence on it must not speak against a deadlock."""
    found = looked(loaded, live(judged("loop-blocked"), complete=False))
    gone = {"blocking.lock-cycle", "blocking.lock-convoy", "app.server-thread-gone", "model.loads-now"}
    assert not gone & set(found)
    assert found["blocking.loop-blocked"].seen and not found["blocking.workers-taken"].seen


@pytest.mark.parametrize("kind", ["loop-blocked", "loop-busy", "loop-starved"])
def test_a_loop_that_only_may_be_kept_is_not_reported(kind: str, loaded: Loaded) -> None:
    """Heavy but healthy load looks like this at times."""
    assert ids(loaded, live(judged(kind, sure=False))) == []


@pytest.mark.parametrize(("facts", "seen"), [({"endless": "yes"}, True), ({"endless": "no"}, False), ({}, False)])
def test_waits_that_have_a_limit_end_by_themselves(facts: dict[str, str], seen: bool, loaded: Loaded) -> None:
    found = looked(loaded, live(judged("upstream-wait", facts=facts)), "blocking-waits")
    assert found["blocking.waits-for-server"].seen is seen


def test_of_several_waits_the_endless_one_is_told(loaded: Loaded) -> None:
    patient = judged("upstream-wait", location=OTHER, facts={"remote": "10.0.0.8:80"})
    found = looked(loaded, live(patient, judged("upstream-wait", facts=ENDLESS)), "blocking-waits")
    assert found["blocking.waits-for-server"].facts["remote"] == "10.0.0.9:80"
    assert found["blocking.waits-for-server"].location == PLACE


@pytest.mark.parametrize(("when", "seen"), [("handler", True), ("start", False), ("", False)])
def test_a_model_that_loads_before_the_app_serves_delays_nobody(when: str, seen: bool, loaded: Loaded) -> None:
    found = looked(loaded, live(judged("loading", facts={"when": when})), "model-loading")
    assert ("model.loads-now" in found) is seen


# -- what a finding says


def test_facts_name_the_place_and_how_long(loaded: Loaded) -> None:
    judgement = judged("deadlock", others=(OTHER,), seconds=12.4, facts={"locks": "A, B", "empty": ""})
    found = looked(loaded, live(judgement))["blocking.lock-cycle"]
    assert found.facts == {
        "locks": "A, B", "pid": "4711", "where": "/srv/app.py:31", "function": "predict", "code": "time.sleep(30)",
        "other": "/srv/app.py:40", "lasted": "12",
    }
    assert found.location == PLACE and found.chain == (OTHER, PLACE)
    assert found.source is not None and (found.source.kind, found.source.name) == ("process", "pid 4711")


@pytest.mark.parametrize(("seconds", "lasted"), [(None, None), (0.4, None), (1.0, "1"), (61.7, "62")])
def test_only_whole_seconds_are_told(seconds: float | None, lasted: str | None, loaded: Loaded) -> None:
    found = looked(loaded, live(judged("loop-blocked", seconds=seconds)))["blocking.loop-blocked"]
    assert found.facts.get("lasted") == lasted


def test_a_place_that_is_not_known_is_left_out(loaded: Loaded) -> None:
    """Without stacks: the finding stands, and no sentence is filled with half a place."""
    seen = live(judged("loop-blocked", location=None, stack=()), complete=False)
    found = looked(loaded, seen)["blocking.loop-blocked"]
    assert found.seen and found.location is None and found.chain == ()
    assert not {"where", "function", "code", "other"} & set(found.facts)


def test_findings_on_one_process_share_their_witness(loaded: Loaded) -> None:
    """They count less together than independent ones: one hang shows in many ways."""
    seen = live(judged("loop-blocked"), judged("self-call"), replace(judged("pipe-full"), pid=4712))
    found = looked(loaded, seen)
    assert found["blocking.loop-blocked"].witness == found["blocking.calls-itself"].witness == "threads:4711"
    assert found["blocking.output-full"].witness == "threads:4712"


def test_the_first_judgement_of_a_kind_is_told(loaded: Loaded) -> None:
    later = judged("loop-blocked", location=OTHER)
    assert looked(loaded, live(judged("loop-blocked"), later))["blocking.loop-blocked"].location == PLACE


@pytest.mark.parametrize("kind", [k for k in MEANS if k != "server-thread-gone"])
def test_every_sentence_can_be_filled(kind: str, loaded: Loaded) -> None:
    """The English text of a seen finding has no gap left for the facts that its judgement comes with."""
    from gradio_doctor.fill import fill_prose

    judgement, finding, _ = MEANS[kind]
    facts = {"library": "httpx", "count": "5", "limit": "40", "lock": "A", "stream": "stdout", **judgement.facts}
    filled = judged(kind, others=(OTHER,), seconds=5.0, facts={"busy": "40", "locks": "A, B", **ENDLESS, **facts})
    found = looked(loaded, live(filled))[finding]
    prose = loaded.knowledge.findings[finding].text
    told = fill_prose(prose, found.facts)
    assert told is not None and "{" not in told.en and "{" not in told.zh, told


def test_a_deadlock_beside_a_full_pool_explains_it(loaded: Loaded) -> None:
    """Threads at one another's locks fill the pool sooner or later; the report leads with the reason."""
    seen = live(judged("deadlock", others=(OTHER,)), judged("pool-exhausted", facts={"busy": "40", "limit": "40"}))
    ranking = rank(loaded.knowledge, merged(list(looked(loaded, seen).values())))
    assert {"blocking.deadlock", "blocking.thread-pool"} >= set(list(ranking.probability)[:2])
    assert ranking.probability["blocking.deadlock"] > 0.5
