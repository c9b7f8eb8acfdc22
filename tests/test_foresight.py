"""Predictions: told apart, worst first; they make no cause and change no verdict, and are evidence once it happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from gradio_doctor.assemble import assemble
from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.engine import Examination
from gradio_doctor.evidence import Location, Target
from gradio_doctor.foresight import MOST
from gradio_doctor.knowledge.model import Answer, FindingKind, Knowledge, KnowledgeError, Prose, Severity
from gradio_doctor.knowledge.parse import build
from gradio_doctor.knowledge.yaml_file import read_yaml
from gradio_doctor.probes.base import Options
from gradio_doctor.rank import merged, rank
from gradio_doctor.sdk import Finding, Source, check
from gradio_doctor.tree import walk
from tests.world import cause, findings, knowledge, question

LOOP = cause("blocking.loop", 0.02, {"silent": 0.85, "may-stop": 0.6})
RACE = cause("app.race", 0.02, {"may-lose": 0.6, "raised": 0.3})
LEAKS = {"silent": 0.01, "may-stop": 0.08, "may-lose": 0.06, "raised": 0.02}
PREDICTS: dict[str, Severity] = {"may-stop": "warning", "may-lose": "info"}


def world(**more: object) -> Knowledge:
    made = knowledge([LOOP, RACE], LEAKS, **more)  # type: ignore[arg-type]
    kinds = {
        name: replace(kind, predicts=PREDICTS.get(name), text=Prose("{handler} may"), fix=Prose("mend {handler}"))
        if name in PREDICTS else kind
        for name, kind in made.findings.items()
    }
    return replace(made, findings=kinds)


def may(
    name: str, line: int = 3, *, there: bool = True, handler: str = "answer", replaces: tuple[str, ...] = ()
) -> Finding:
    place = Location("/x/app.py", line, handler, "time.sleep(1)")
    return Finding(name, there, {"handler": handler}, Source("file", "/x/app.py", line), place, replaces=replaces,
                   chain=(Location("/x/app.py", 1, handler, "wait()"), place))


def diagnosis(*found: Finding, select: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> Diagnosis:
    @check("look", finds=tuple(LEAKS))
    def look(target: Target) -> Iterable[Finding]:
        return found

    know = world(questions=[question("first", ("look",), Answer(Prose("asked"), rules_out=("blocking.loop",)))])
    with Examination(Target("script", "app.py", script="/x/app.py"), Options(), {}, know, (look,)) as examination:
        walked = walk(examination)
        return assemble(examination, walked, {}, lambda place: ((place.line, "x = 1"),), select, ignore)


def test_alone_it_is_told_and_the_app_is_healthy() -> None:
    done = diagnosis(may("may-stop"))
    assert done.verdict == "healthy"
    assert done.causes == ()
    assert not done.failing("info", 0.0)
    (told,) = done.predictions
    assert (told.finding, told.severity, told.causes) == ("may-stop", "warning", ("blocking.loop",))
    assert told.text.en == "answer may"
    assert told.fix == Prose("mend answer")
    assert [p.line for p in told.chain] == [1, 3]


def test_an_answer_of_the_tree_still_rules_its_cause_out() -> None:
    done = diagnosis(may("may-stop"))
    assert [r.id for r in done.ruled_out] == ["blocking.loop"]
    assert len(done.predictions) == 1  # it does not happen now; it may


def test_a_live_finding_makes_the_cause_and_takes_it_as_evidence() -> None:
    done = diagnosis(may("may-stop"), Finding("silent"))
    assert done.root is not None
    assert done.root.id == "blocking.loop"
    assert done.root.location == Location("/x/app.py", 3, "answer", "time.sleep(1)")
    assert {i.finding for i in done.root.evidence if i.seen} == {"may-stop", "silent"}
    assert done.predictions == ()
    assert done.root.probability > next(iter(diagnosis(Finding("silent")).causes)).probability


def test_other_places_are_still_told_beside_the_cause() -> None:
    done = diagnosis(may("may-stop", 3), may("may-stop", 9, handler="other"), Finding("silent"))
    assert [p.chain[-1].line for p in done.predictions] == [9]


def test_the_worst_is_told_first_and_each_once() -> None:
    done = diagnosis(may("may-lose", 2), may("may-stop", 9), may("may-stop", 9), may("may-stop", 5))
    told = [(p.finding, p.chain[-1].line) for p in done.predictions]
    assert told == [("may-stop", 9), ("may-stop", 5), ("may-lose", 2)]


def test_there_is_an_end_to_them() -> None:
    assert len(diagnosis(*(may("may-stop", n) for n in range(1, 3 * MOST))).predictions) == MOST


@pytest.mark.parametrize("found", [
    (may("may-stop", there=False),),
    (may("may-stop"), may("may-lose", replaces=("may-stop",))),
    (may("may-stop"), replace(Finding("raised"), replaces=("may-stop",))),
])
def test_what_was_not_seen_or_is_known_better_is_not_told(found: tuple[Finding, ...]) -> None:
    assert "may-stop" not in [p.finding for p in diagnosis(*found).predictions]


@pytest.mark.parametrize(("select", "ignore", "told"), [
    (("app",), (), ["may-lose"]), (("blocking.loop",), (), ["may-stop"]), ((), ("app",), ["may-stop"]),
    ((), ("app", "blocking"), []), ((), (), ["may-stop", "may-lose"]),
])
def test_select_and_ignore_hold_for_them_too(select: tuple[str, ...], ignore: tuple[str, ...], told: list[str]) -> None:
    done = diagnosis(may("may-stop"), may("may-lose"), select=select, ignore=ignore)
    assert [p.finding for p in done.predictions] == told


def test_without_a_chain_its_place_is_told() -> None:
    (told,) = diagnosis(replace(may("may-stop", 4), chain=())).predictions
    assert [p.line for p in told.chain] == [4]
    (bare,) = diagnosis(Finding("may-stop", facts={})).predictions
    assert (bare.chain, bare.fix, bare.text.en) == ((), None, "handler may")


def test_ranking_by_hand() -> None:
    know = world()
    assert dict(rank(know, findings("may-stop", "may-lose")).probability) == {}
    alone, both = (rank(know, findings(*f)).probability["blocking.loop"] for f in (["silent"], ["silent", "may-stop"]))
    # one cause: 0.02 (1 - 0.99 x 0.15) / (that + 0.3 x 0.01), and with the prediction both sides times their own
    seen, leaked = 0.02 * (1 - 0.99 * 0.15), 0.3 * 0.01
    assert alone == pytest.approx(seen / (seen + leaked), abs=0.001)
    more, less = seen * (1 - 0.92 * 0.4), leaked * 0.08
    assert both == pytest.approx(more / (more + less), abs=0.002)
    against = rank(know, findings("silent", "-may-stop")).probability["blocking.loop"]
    assert against < alone < both


def test_a_prediction_does_not_pull_its_other_cause_in() -> None:
    ranking = rank(world(), merged([Finding("raised"), may("may-stop")]))
    assert "app.race" in ranking.probability
    assert "blocking.loop" not in ranking.probability


GOOD = """\
causes:
  blocking.mine: {title: Mine, shows: {}}
findings:
  blocking.may:
    text: "{call} may"
    predicts: warning
    means: {blocking.mine: often}
    fix: {en: do, zh: 做}
  blocking.fact: {text: is so}
"""


def parse(text: str, tmp_path: Path) -> Knowledge:
    file = tmp_path / "family.yaml"
    file.write_text(text, encoding="utf-8")
    return build({str(file): read_yaml(file)})


def test_how_it_is_written_in_yaml(tmp_path: Path) -> None:
    know = parse(GOOD, tmp_path)
    kind: FindingKind = know.findings["blocking.may"]
    assert (kind.predicts, kind.fix) == ("warning", Prose("do", "做"))
    assert know.causes["blocking.mine"].links == {"blocking.may": 0.6}
    assert know.is_prediction("blocking.may")
    assert not know.is_prediction("blocking.fact")
    assert not know.is_prediction("blocking.nothing")


@pytest.mark.parametrize(("old", "new", "says"), [
    ("predicts: warning", "predicts: maybe", "predicts"),
    ("blocking.mine: often", "blocking.other: often", "which no file describes"),
    ("blocking.mine: often", "blocking.mine: at-times", "means"),
    ("fix: {en: do, zh: 做}", "mend: do", "mend"),
])
def test_what_is_wrong_in_it_is_named(old: str, new: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=says):
        parse(GOOD.replace(old, new), tmp_path)
