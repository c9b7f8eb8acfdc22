"""Fitted numbers in place of the YAML's, and how well the ranking does on the labelled logs of fixtures/cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.calibrate import best_temperature, fit
from bench.cases import Case, Figures, Score, figures, read_cases, score
from gradio_doctor.knowledge import calibration
from gradio_doctor.knowledge.calibration import Calibration
from gradio_doctor.knowledge.model import KnowledgeError
from gradio_doctor.registry import Loaded
from tests.conftest import ROOT
from tests.world import cause, findings, knowledge

WORLD = knowledge([cause("a.x", 0.02, {"f": 0.6}), cause("a.y", 0.02, {"g": 0.6})], {"f": 0.01, "g": 0.01})


def test_fitted_numbers_replace_those_of_the_yaml() -> None:
    fitted = calibration.apply(WORLD, Calibration({"a.x": 0.5, "gone": 0.1}, {"f": 0.2}, {"a.x": {"f": 0.9}}, 0.4, 1.5))
    assert fitted.causes["a.x"].prior == 0.5
    assert fitted.causes["a.x"].links == {"f": 0.9}
    assert fitted.causes["a.y"] == WORLD.causes["a.y"]
    assert fitted.findings["f"].leak == 0.2
    assert (fitted.unknown_prior, fitted.temperature) == (0.4, 1.5)
    assert calibration.apply(WORLD, Calibration()) == WORLD


@pytest.mark.parametrize("text", ["[]", "{", '{"priors": {"a": 2}}', '{"leaks": {"a": "x"}}', '{"links": {"a": 1}}'])
def test_a_damaged_calibration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / calibration.FILE).write_text(text)
    with pytest.raises(KnowledgeError, match=r"calibration\.json"):
        calibration.read(tmp_path)


def test_no_file_no_calibration(tmp_path: Path) -> None:
    assert calibration.read(tmp_path) == Calibration()


def test_what_is_shipped_can_be_read() -> None:
    data = json.loads((ROOT / "checks" / calibration.FILE).read_text())
    assert calibration.read(ROOT / "checks").temperature == data["temperature"]


def case(name: str, label: str, *seen: str) -> Case:
    return Case(name, label, frozenset([label]), findings(*seen))


def test_counting_with_the_words_as_cases_seen_before() -> None:
    cases = [case("1", "a.x", "f"), case("2", "a.x", "f"), case("3", "a.y", "f", "g"), case("4", "none")]
    fitted = fit(WORLD, cases)
    assert fitted.links["a.x"]["f"] == pytest.approx((8 * 0.6 + 2) / (8 + 2))
    assert fitted.leaks["f"] == pytest.approx((200 * 0.01 + 1) / (200 + 2))  # seen once in the two cases without a.x
    assert fitted.priors["a.x"] > fitted.priors["a.y"]


def test_figures_by_hand() -> None:
    right = Score(case("1", "a.x"), [("a.x", 0.9)])
    second = Score(case("2", "a.x"), [("a.y", 0.6), ("a.x", 0.4)])
    silent = Score(case("3", "a.y"), [])
    alarm, quiet = Score(case("4", "none"), [("a.x", 0.7)]), Score(case("5", "none"), [])
    out = figures([right, second, silent, alarm, quiet])
    assert (out.faulty, out.healthy, out.false_alarms) == (3, 2, 1)
    assert out.top1 == pytest.approx(1 / 3)
    assert out.top3 == pytest.approx(2 / 3)
    assert out.brier == pytest.approx((0.1**2 + 0.6**2 + 1) / 3)
    assert out.calibration_error == pytest.approx((0.1 + 0.6) / 3)


def test_the_temperature_never_buys_sharpness_with_false_alarms() -> None:
    def made(alarms: int, brier: float) -> Figures:
        return Figures(10, 0.9, 0.9, alarms, 5, brier, 0.1)

    assert best_temperature({0.7: made(2, 0.01), 0.8: made(1, 0.05), 1.0: made(1, 0.07)}) == 0.8


def test_the_labelled_logs_of_the_fixtures(loaded: Loaded) -> None:
    """86 logs of faults made on purpose with real programs. A change that costs accuracy shows here first."""
    scores = [score(c, loaded.knowledge) for c in read_cases([ROOT / "fixtures" / "cases"], loaded)]
    out = figures(scores)
    wrong = [(s.case.id, s.case.label, s.shown[:1]) for s in scores if not s.right_within(1)]
    assert out.top1 >= 0.93, wrong
    assert out.top3 >= 0.95, wrong
    assert out.false_alarms <= 1, wrong
