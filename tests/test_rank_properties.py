"""What must hold for every knowledge and every set of findings."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.knowledge.model import Knowledge
from gradio_doctor.rank import expected_drop, merged, rank
from gradio_doctor.sdk import Finding
from tests.world import cause, knowledge

NAMES = [f"f{i}" for i in range(8)]
WORDS = st.sampled_from([0.98, 0.85, 0.6, 0.3, 0.1])
PRIORS = st.sampled_from([0.002, 0.01, 0.05])
LEAKS = st.sampled_from([0.0001, 0.001, 0.01, 0.1, 0.5])


@st.composite
def worlds(draw: st.DrawFn) -> Knowledge:
    causes = [
        cause(f"a.c{i}", draw(PRIORS), draw(st.dictionaries(st.sampled_from(NAMES), WORDS, max_size=5)))
        for i in range(draw(st.integers(1, 5)))
    ]
    temperature = draw(st.sampled_from([1.0, 1.5]))
    return knowledge(causes, {n: draw(LEAKS) for n in NAMES}, temperature=temperature)


def observed() -> st.SearchStrategy[list[Finding]]:
    one = st.builds(Finding, st.sampled_from(NAMES), st.booleans(), witness=st.sampled_from(["", "w1", "w2"]))
    return st.lists(one, max_size=10)


@given(worlds(), observed())
@settings(max_examples=300, deadline=None)
def test_probabilities_are_probabilities(know: Knowledge, seen: list[Finding]) -> None:
    ranking = rank(know, merged(seen))
    assert all(0 <= p <= 1 for p in ranking.probability.values())
    assert 0 <= ranking.unknown <= 1
    assert abs(sum(ranking.posterior.values()) - 1) < 1e-9
    assert list(ranking.probability.values()) == sorted(ranking.probability.values(), reverse=True)
    assert all(expected_drop(know, ranking, n) > -1e-9 for n in NAMES)


@given(worlds(), observed(), st.randoms())
@settings(max_examples=300, deadline=None)
def test_the_order_of_evidence_changes_nothing(know: Knowledge, seen: list[Finding], random: object) -> None:
    shuffled = list(seen)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rank(know, merged(seen)).probability == rank(know, merged(shuffled)).probability


@given(worlds(), observed(), WORDS, LEAKS)
@settings(max_examples=300, deadline=None)
def test_what_was_not_looked_for_changes_nothing(
    know: Knowledge, seen: list[Finding], word: float, leak: float
) -> None:
    """A finding that exists in the knowledge and was never looked for has no say, whatever it would mean."""
    causes = [cause(c.id, c.prior, {**c.links, "unlooked": word}) for c in know.causes.values()]
    leaks = {**{n: k.leak for n, k in know.findings.items()}, "unlooked": leak}
    wider = knowledge(causes, leaks, temperature=know.temperature)
    assert rank(know, merged(seen)).probability == rank(wider, merged(seen)).probability


@given(worlds(), observed(), st.integers(0, 4), WORDS, LEAKS, st.sampled_from(["", "w1", "w2"]))
@settings(max_examples=400, deadline=None)
def test_support_never_lowers_its_cause_against_the_others(
    know: Knowledge, seen: list[Finding], index: int, word: float, leak: float, witness: str
) -> None:
    """One more finding that only one cause shows: its odds against every other and the unknown do not fall."""
    names = list(know.causes)
    chosen = names[index % len(names)]
    # every finding is shown by one cause, so that damping weighs one cause's evidence at a time
    shares = {n: i for i, n in enumerate(names)}
    links = {
        c.id: {n: p for n, p in c.links.items() if int(n[1:]) % len(names) == shares[c.id]}
        for c in know.causes.values()
    }
    leaks = {**{n: k.leak for n, k in know.findings.items()}, "more": leak}
    before = knowledge([cause(n, know.causes[n].prior, links[n]) for n in names], leaks)
    links[chosen] = {**links[chosen], "more": word}
    after = knowledge([cause(n, know.causes[n].prior, links[n]) for n in names], leaks)
    old = rank(before, merged(seen))
    new = rank(after, merged([*seen, Finding("more", witness=witness)]))
    was = old.probability.get(chosen, 0.0)
    assert new.probability[chosen] >= was - 1e-9
    for other, before_it in [("", old.unknown), *old.probability.items()]:
        after_it = new.probability[other] if other else new.unknown
        if other != chosen and before_it > 1e-9:
            assert new.probability[chosen] * before_it >= was * after_it - 1e-9
