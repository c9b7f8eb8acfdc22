"""How probable each cause is, given the findings: leaky noisy-OR over {nothing we model, one cause, two causes}.

    P(f | H)   = 1 - (1 - leak_f) · Π_{c in H} (1 - p_cf)
    ln P(H|E)  = ln prior(H) + (1/T) · Σ_f w_f · ln P(f or not f | H) + const

(noisy-OR with a leak: Henrion 1989; Pearl 1988.) Explaining away falls out of the sum over hypotheses: when one
cause explains a finding, another that only explains the same finding loses. What was not looked for is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from gradio_doctor.knowledge.model import Cause, Knowledge
from gradio_doctor.sdk import Finding

# Findings read off one witness count 1, 1/2, 1/4, ... strongest first: they are not independent.
DAMPING = 0.5
MAX_PAIRED = 24  # pairs are formed among this many best single causes, which bounds the sum
_FLOOR = 1e-6

Hypothesis = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Posterior probabilities. `probability` has the causes that a seen finding points at, most probable first.

    `weights` are the damping weights of the seen findings; `posterior` is over hypotheses (() is "nothing we model").
    """

    probability: Mapping[str, float]
    unknown: float
    weights: Mapping[str, float]
    posterior: Mapping[Hypothesis, float]


def merged(findings: Iterable[Finding]) -> dict[str, Finding]:
    """One finding per id: replaced ones dropped, seen beats not seen, then the first in order of witness.

    The result does not depend on the order of the findings.
    """
    every = sorted(findings, key=lambda f: (f.id, not f.seen, _place(f)))
    replaced = {name for f in every if f.seen for name in f.replaces if name != f.id}
    out: dict[str, Finding] = {}
    for finding in every:
        if finding.id not in replaced:
            out.setdefault(finding.id, finding)
    return out


def _place(finding: Finding) -> tuple[str, int, str, str]:
    source = finding.source
    facts = repr(sorted(finding.facts.items()))
    return (source.name, source.line or 0, finding.witness, facts) if source else ("", 0, finding.witness, facts)


def ruled_out(cause: Cause, findings: Mapping[str, Finding]) -> str | None:
    """The id of the finding that rules a cause out, or None when nothing does."""
    for name in cause.excluded_by:
        if (finding := findings.get(name)) is not None and finding.seen:
            return name
    looked = [findings[name] for name in cause.requires if name in findings]
    if looked and not any(f.seen for f in looked):
        return looked[0].id
    return None


def leak(knowledge: Knowledge, finding: str) -> float:
    """P(finding seen | none of the modelled causes)."""
    kind = knowledge.findings.get(finding) or knowledge.signatures.get(finding)
    return min(max(kind.leak if kind else 0.05, 1e-5), 0.99)


def damping(knowledge: Knowledge, findings: Mapping[str, Finding]) -> dict[str, float]:
    """The weight of each seen finding: halved for every stronger one read off the same witness.

    Strength is the largest ratio P(finding | cause) / leak. A finding that supports only one cause can therefore
    never lower that cause by joining its witness: what it takes from weaker ones it gives back itself.
    """
    strength: dict[str, float] = {}
    for cause in knowledge.causes.values():
        for name, p in cause.links.items():
            if name in findings and findings[name].seen:
                strength[name] = max(strength.get(name, 0.0), p / leak(knowledge, name))
    groups: dict[str, list[str]] = {}
    for name in sorted(strength, key=lambda n: (-strength[n], n)):
        groups.setdefault(findings[name].witness_key, []).append(name)
    return {name: DAMPING**i for group in groups.values() for i, name in enumerate(group)}


def contribution(knowledge: Knowledge, cause: str, finding: Finding, weight: float) -> float:
    """By how much one finding raises a cause over "nothing we model", in nats (negative: it speaks against)."""
    base, link = leak(knowledge, finding.id), knowledge.causes[cause].links.get(finding.id, 0.0)
    with_cause = 1 - (1 - base) * (1 - link)
    if finding.seen:
        return weight * (math.log(with_cause) - math.log(base))
    return math.log(max(1 - with_cause, _FLOOR)) - math.log(1 - base)


def rank(knowledge: Knowledge, findings: Mapping[str, Finding], candidates: Iterable[str] | None = None) -> Ranking:
    """The posterior over causes. `candidates` limits the causes considered (default: all not ruled out).

    Only causes that a seen finding points at take part (a prediction does not); without one, everything is unknown.
    """
    weights = damping(knowledge, findings)
    wanted = set(knowledge.causes if candidates is None else candidates)
    causes = [knowledge.causes[c] for c in sorted(wanted)]
    pointing = {name for name in weights if not knowledge.is_prediction(name)}
    pointed = [c.id for c in causes if not pointing.isdisjoint(c.links) and ruled_out(c, findings) is None]
    scores = _scores(knowledge, findings, weights, pointed)
    top = max(scores.values())
    total = sum(math.exp(s - top) for s in scores.values())
    posterior = {h: math.exp(s - top) / total for h, s in scores.items()}
    by_cause = {c: min(sum(p for h, p in posterior.items() if c in h), 1.0) for c in pointed}
    ordered = dict(sorted(by_cause.items(), key=lambda item: (-item[1], item[0])))
    return Ranking(ordered, posterior[()], weights, posterior)


def _scores(
    knowledge: Knowledge, findings: Mapping[str, Finding], weights: Mapping[str, float], pointed: Sequence[str]
) -> dict[Hypothesis, float]:
    """Unnormalised log posterior of every hypothesis."""
    causes = knowledge.causes
    relevant = {name for c in pointed for name in causes[c].links if name in findings}
    looked = sorted((n, findings[n].seen, leak(knowledge, n), weights.get(n, 1.0)) for n in relevant)

    def score(hypothesis: Hypothesis) -> float:
        value = math.log(knowledge.unknown_prior) if not hypothesis else 0.0
        value += sum(math.log(causes[c].prior) for c in hypothesis)
        for name, seen, base, weight in looked:
            missing = 1 - base
            for cause in hypothesis:
                missing *= 1 - causes[cause].links.get(name, 0.0)
            likelihood = 1 - missing if seen else missing
            value += (weight if seen else 1.0) * math.log(max(likelihood, _FLOOR)) / knowledge.temperature
        return value

    scores: dict[Hypothesis, float] = {(c,): score((c,)) for c in pointed}
    best = sorted(scores, key=lambda h: (-scores[h], h))[:MAX_PAIRED]
    names = sorted(h[0] for h in best)
    return {(): score(()), **scores, **{pair: score(pair) for pair in combinations(names, 2)}}


def entropy(probabilities: Iterable[float]) -> float:
    """Shannon entropy in bits."""
    return -sum(p * math.log2(p) for p in probabilities if p > 0)


def expected_drop(knowledge: Knowledge, ranking: Ranking, finding: str) -> float:
    """By how many bits the answer to one finding, not looked at yet, would on average narrow the hypotheses."""
    base = leak(knowledge, finding)
    likely = {}
    for hypothesis in ranking.posterior:
        missing = 1 - base
        for cause in hypothesis:
            missing *= 1 - knowledge.causes[cause].links.get(finding, 0.0)
        likely[hypothesis] = 1 - missing
    seen = sum(p * likely[h] for h, p in ranking.posterior.items())
    if not 0 < seen < 1:
        return 0.0
    if_seen = [p * likely[h] / seen for h, p in ranking.posterior.items()]
    if_not = [p * (1 - likely[h]) / (1 - seen) for h, p in ranking.posterior.items()]
    now = entropy(ranking.posterior.values())
    return now - seen * entropy(if_seen) - (1 - seen) * entropy(if_not)
