"""The ranking against posteriors computed by hand."""

from __future__ import annotations

import math

import pytest

from gradio_doctor.rank import contribution, damping, expected_drop, merged, rank, ruled_out
from gradio_doctor.sdk import Finding, Source
from tests.world import cause, findings, knowledge


def test_one_cause_one_finding() -> None:
    know = knowledge([cause("a.x", 0.02, {"f": 0.85})], {"f": 0.01})
    ranking = rank(know, findings("f"))
    # unknown: .3 x .01; a.x: .02 x (1 - .99 x .15)
    unknown, x = 0.3 * 0.01, 0.02 * (1 - 0.99 * 0.15)
    assert ranking.unknown == pytest.approx(unknown / (unknown + x))
    assert ranking.probability["a.x"] == pytest.approx(x / (unknown + x))


def test_two_causes_and_their_pair() -> None:
    causes = [cause("a.x", 0.02, {"f": 0.85}), cause("a.y", 0.05, {"f": 0.3, "g": 0.98})]
    know = knowledge(causes, {"f": 0.01, "g": 0.1})
    ranking = rank(know, findings("f", "-g"))
    unknown = 0.3 * 0.01 * 0.9
    x = 0.02 * (1 - 0.99 * 0.15) * 0.9
    y = 0.05 * (1 - 0.99 * 0.7) * (0.9 * 0.02)
    both = 0.02 * 0.05 * (1 - 0.99 * 0.15 * 0.7) * (0.9 * 0.02)
    total = unknown + x + y + both
    assert ranking.unknown == pytest.approx(unknown / total)
    assert ranking.probability["a.x"] == pytest.approx((x + both) / total)
    assert ranking.probability["a.y"] == pytest.approx((y + both) / total)
    assert list(ranking.probability) == ["a.x", "a.y"]


def test_explaining_away() -> None:
    """A 502 alone may mean that the proxy points wrong; with an OOM kill seen, the kill explains it."""
    causes = [cause("proxy.wrong", 0.03, {"502": 0.85}), cause("memory.oom", 0.02, {"502": 0.6, "kill": 0.98})]
    know = knowledge(causes, {"502": 0.02, "kill": 0.0005})
    alone = rank(know, findings("502")).probability["proxy.wrong"]
    explained = rank(know, findings("502", "kill")).probability
    assert alone > 0.5
    assert explained["proxy.wrong"] < 0.1
    assert explained["memory.oom"] > 0.95


def test_two_real_faults_are_both_found() -> None:
    know = knowledge([cause("a.x", 0.02, {"f": 0.98}), cause("b.y", 0.02, {"g": 0.98})], {"f": 0.0005, "g": 0.0005})
    probability = rank(know, findings("f", "g")).probability
    assert probability["a.x"] > 0.9
    assert probability["b.y"] > 0.9


def test_nothing_seen_is_all_unknown() -> None:
    know = knowledge([cause("a.x", 0.02, {"f": 0.85})], {"f": 0.01})
    for seen in ({}, findings("-f")):
        ranking = rank(know, seen)
        assert ranking.unknown == 1
        assert not ranking.probability


def test_a_common_symptom_leaves_the_unknown_in_front() -> None:
    know = knowledge([cause("a.x", 0.01, {"f": 0.6})], {"f": 0.3})
    ranking = rank(know, findings("f"))
    assert ranking.unknown > ranking.probability["a.x"]


def test_temperature_flattens() -> None:
    causes = [cause("a.x", 0.02, {"f": 0.85}), cause("a.y", 0.02, {"f": 0.1})]
    sharp = rank(knowledge(causes, {"f": 0.001}), findings("f")).probability
    flat = rank(knowledge(causes, {"f": 0.001}, temperature=3.0), findings("f")).probability
    assert sharp["a.x"] / sharp["a.y"] > flat["a.x"] / flat["a.y"] > 1


def test_findings_of_one_witness_are_damped() -> None:
    causes = [cause("a.x", 0.01, {"f": 0.9, "g": 0.5})]
    know = knowledge(causes, {"f": 0.001, "g": 0.01})
    one = {"f": Finding("f", witness="line 3"), "g": Finding("g", witness="line 3")}
    assert damping(know, one) == {"f": 1.0, "g": 0.5}
    two = {"f": Finding("f", witness="line 3"), "g": Finding("g", witness="line 4")}
    assert damping(know, two) == {"f": 1.0, "g": 1.0}
    assert rank(know, one).probability["a.x"] < rank(know, two).probability["a.x"]


def test_the_source_is_the_witness_when_none_is_named() -> None:
    here = Source("log", "app.log", 7)
    assert Finding("f", source=here).witness_key == Finding("g", source=here).witness_key
    assert Finding("f", source=here).witness_key != Finding("f", source=Source("log", "app.log", 8)).witness_key


def test_gates() -> None:
    needs = cause("a.x", 0.02, {"f": 0.85}, requires=("r", "s"), excluded_by=("no",))
    assert ruled_out(needs, findings("f")) is None  # not looked for: no reason to rule out
    assert ruled_out(needs, findings("f", "-r")) == "r"
    assert ruled_out(needs, findings("f", "-r", "-s")) == "r"
    assert ruled_out(needs, findings("f", "-r", "s")) is None
    assert ruled_out(needs, findings("f", "no")) == "no"
    know = knowledge([needs], {"f": 0.01, "no": 0.01, "r": 0.1, "s": 0.1})
    assert not rank(know, findings("f", "no")).probability


def test_merged_keeps_the_seen_one_and_drops_what_is_replaced() -> None:
    kept = merged([Finding("f", False), Finding("f", True), Finding("raw"), Finding("sharp", replaces=("raw",))])
    assert kept["f"].seen
    assert set(kept) == {"f", "sharp"}
    unseen = merged([Finding("raw"), Finding("sharp", False, replaces=("raw",))])
    assert set(unseen) == {"raw", "sharp"}


def test_contributions_add_up_to_the_odds_against_the_unknown() -> None:
    know = knowledge([cause("a.x", 0.02, {"f": 0.85, "g": 0.6})], {"f": 0.01, "g": 0.2})
    seen = findings("f", "-g")
    ranking = rank(know, seen)
    odds = math.log(ranking.probability["a.x"] / ranking.unknown)
    total = sum(contribution(know, "a.x", f, 1.0) for f in seen.values())
    assert odds == pytest.approx(math.log(0.02 / 0.3) + total)
    assert contribution(know, "a.x", seen["g"], 1.0) < 0


def test_the_finding_that_separates_two_causes_is_worth_looking_for() -> None:
    causes = [cause("a.x", 0.02, {"f": 0.85, "g": 0.98}), cause("a.y", 0.02, {"f": 0.85, "h": 0.3})]
    know = knowledge(causes, {"f": 0.001, "g": 0.001, "h": 0.3, "i": 0.1})
    ranking = rank(know, findings("f"))
    assert expected_drop(know, ranking, "g") > 0.5
    assert expected_drop(know, ranking, "g") > expected_drop(know, ranking, "h")
    assert expected_drop(know, ranking, "i") == pytest.approx(0, abs=1e-9)


def test_many_candidates_stay_quick_and_finite() -> None:
    causes = [cause(f"a.x{i}", 0.01, {f"f{j}": 0.6 for j in range(i, i + 5)}) for i in range(80)]
    know = knowledge(causes, {f"f{j}": 0.01 for j in range(90)})
    ranking = rank(know, findings(*[f"f{j}" for j in range(0, 90, 2)]))
    assert len(ranking.probability) == 80
    assert math.isclose(sum(ranking.posterior.values()), 1, rel_tol=1e-9)
