"""Every cause that a log can show is answered first for at least one labelled log of fixtures/cases."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest

from bench.cases import NONE, Case, Score, read_cases, score
from gradio_doctor.registry import Loaded
from tests.conftest import ROOT
from tests.world import findings

CASES = ROOT / "fixtures" / "cases"
CONTRACT = ROOT / "fixtures" / "root-causes.txt"
# Causes that leave no trace of their own in any log, with the reason. Keep it short: a new one needs an argument.
TRACELESS: dict[str, str] = {}


def answered(scores: Iterable[Score]) -> set[str]:
    """The causes that are the label of a log and come first for it."""
    return {s.case.label for s in scores if s.shown and s.shown[0][0] == s.case.label}


def uncovered(causes: Collection[str], scores: Iterable[Score]) -> set[str]:
    """The causes for which no log has them as its label and answer."""
    return set(causes) - answered(scores) - set(TRACELESS)


@pytest.fixture(scope="module")
def scores(loaded: Loaded) -> list[Score]:
    return [score(case, loaded.knowledge) for case in read_cases([CASES], loaded)]


def test_every_cause_of_the_contract_is_known(loaded: Loaded) -> None:
    assert set(CONTRACT.read_text(encoding="utf-8").split()) <= set(loaded.knowledge.causes)


def test_every_cause_comes_first_for_a_log(loaded: Loaded, scores: list[Score]) -> None:
    assert not uncovered(loaded.knowledge.causes, scores)


def test_what_is_called_traceless_has_no_log(scores: list[Score]) -> None:
    labels = {s.case.label for s in scores}
    assert not labels & set(TRACELESS)
    assert all(TRACELESS.values())


def test_a_cause_that_loses_its_last_log_is_missed(loaded: Loaded, scores: list[Score]) -> None:
    """The test above would notice: without the logs of any one cause, exactly that cause is uncovered."""
    for cause in set(loaded.knowledge.causes) - set(TRACELESS):
        rest = [s for s in scores if s.case.label != cause]
        assert uncovered(loaded.knowledge.causes, rest) == {cause}


def test_a_second_place_does_not_count() -> None:
    case = Case("1", "a.x", frozenset(["a.x", "a.y"]), findings("f"))
    assert uncovered(["a.x"], [Score(case, [("a.y", 0.6), ("a.x", 0.4)])]) == {"a.x"}
    assert not uncovered(["a.x"], [Score(case, [("a.x", 0.6), ("a.y", 0.4)])])
    assert uncovered(["a.x"], [Score(case, [])]) == {"a.x"}


def test_every_log_has_one_label_and_every_label_its_log(scores: list[Score]) -> None:
    names = [s.case.id for s in scores]
    assert len(names) == len(set(names))
    assert set(names) == {path.stem for path in CASES.glob("*.log")}


def test_enough_healthy_logs_and_no_alarm_on_any(loaded: Loaded, scores: list[Score]) -> None:
    healthy = [s for s in scores if s.case.accepted == {NONE}]
    assert len(healthy) >= 50
    assert not [(s.case.id, s.shown[0]) for s in healthy if s.shown]


def test_labels_name_causes_that_exist(loaded: Loaded, scores: list[Score]) -> None:
    named = {name for s in scores for name in s.case.accepted}
    assert named - {NONE} <= set(loaded.knowledge.causes)
