"""From findings to a Diagnosis: ranking, roles, sentences, remedies, what was ruled out, and where to look next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from gradio_doctor.diagnosis import (
    CauseFound,
    Diagnosis,
    Fix,
    Item,
    NextLook,
    Role,
    RuledOut,
    Step,
    Verdict,
)
from gradio_doctor.engine import Examination
from gradio_doctor.evidence import AppSource, Instances, Location
from gradio_doctor.fill import fill, fill_prose
from gradio_doctor.fixes import mended
from gradio_doctor.fixes_settings import heeded
from gradio_doctor.foresight import predictions
from gradio_doctor.knowledge.model import SEVERITIES, Cause, Knowledge, Prose, Severity, names
from gradio_doctor.rank import Ranking, contribution, expected_drop, merged, rank, ruled_out
from gradio_doctor.sdk import Finding
from gradio_doctor.tree import Walk
from gradio_doctor.wording import finding_text

REPORTED = 0.05  # causes less probable than this are not worth a tired person's time
CONTRIBUTING = 0.5
WORTH_LOOKING = 0.02  # bits

Snippet = Callable[[Location], tuple[tuple[int, str], ...]]


def assemble(
    examination: Examination, walked: Walk, facts: Mapping[str, str], snippet: Snippet,
    select: Iterable[str] = (), ignore: Iterable[str] = (),
) -> Diagnosis:
    """Rank the causes and put the diagnosis together. `facts` fill the prose where no finding does."""
    knowledge = examination.knowledge
    findings = merged(examination.findings)
    candidates = _candidates(knowledge, tuple(select), tuple(ignore))
    excluded = _excluded(knowledge, walked, findings)
    ranking = rank(knowledge, findings, [c for c in candidates if c not in excluded])
    symptoms = _symptoms(knowledge, findings)
    causes = _causes(knowledge, findings, ranking, facts, walked.path, bool(symptoms))
    app, version = examination.known(AppSource), facts.get("python_version", "")
    causes = tuple(mended(_with_snippet(c, snippet), findings, app, version) for c in causes)
    causes = tuple(heeded(c, app, examination.known(Instances)) for c in causes)
    ahead = predictions(knowledge, examination.findings, findings, {c.id for c in causes}, set(candidates))
    gates = {c: why for c in candidates if (why := _gate(knowledge, c, findings))}
    return Diagnosis(
        target=examination.target,
        verdict=_verdict(causes, symptoms, walked, examination),
        causes=causes,
        ruled_out=tuple(RuledOut(c, knowledge.causes[c].title, why) for c, why in {**excluded, **gates}.items()),
        checks=tuple(examination.runs.values()),
        path=walked.path,
        unknown_probability=ranking.unknown,
        next_look=_next_look(examination, ranking, causes, walked),
        facts=dict(facts),
        symptoms=() if causes else symptoms,
        predictions=ahead,
    )


def _candidates(knowledge: Knowledge, select: tuple[str, ...], ignore: tuple[str, ...]) -> list[str]:
    chosen = [c for c in knowledge.causes if not select or any(names(p, c) for p in select)]
    return [c for c in chosen if not any(names(p, c) for p in ignore)]


def _excluded(knowledge: Knowledge, walked: Walk, findings: Mapping[str, Finding]) -> dict[str, Prose]:
    """Causes excluded by answers of the tree, unless a finding points at them all the same."""
    out: dict[str, Prose] = {}
    for exclusion in walked.exclusions:
        for name in exclusion.causes:
            if not _pointed_at(knowledge, name, findings):
                out.setdefault(name, exclusion.because)
    return out


def _pointed_at(knowledge: Knowledge, cause: str, findings: Mapping[str, Finding]) -> bool:
    """True when something that was seen, other than a prediction, points at a cause."""
    seen = (n for n in knowledge.causes[cause].links if n in findings and findings[n].seen)
    return any(not knowledge.is_prediction(n) for n in seen)


def _gate(knowledge: Knowledge, cause: str, findings: Mapping[str, Finding]) -> Prose | None:
    """Why a cause that something pointed at is ruled out by its gates, or None."""
    if not _pointed_at(knowledge, cause, findings):
        return None
    name = ruled_out(knowledge.causes[cause], findings)
    if name is None:
        return None
    if findings[name].seen:
        return finding_text(knowledge, findings[name])
    looked = ", ".join(n for n in knowledge.causes[cause].requires if n in findings)
    return Prose(f"none of its signs is there ({looked})", f"没有它的任何迹象（{looked}）")


def _symptoms(knowledge: Knowledge, findings: Mapping[str, Finding]) -> tuple[Item, ...]:
    out = []
    for finding in findings.values():
        kind = knowledge.findings.get(finding.id) or knowledge.signatures.get(finding.id)
        if finding.seen and kind is not None and kind.symptom:
            out.append(Item(finding.id, True, finding_text(knowledge, finding), finding.source, 0.0))
    return tuple(out)


def _causes(
    knowledge: Knowledge, findings: Mapping[str, Finding], ranking: Ranking, facts: Mapping[str, str],
    path: tuple[Step, ...], symptoms: bool,
) -> tuple[CauseFound, ...]:
    out = []
    for number, (name, probability) in enumerate(_shown(ranking, symptoms)):
        role: Role = "possible"
        if probability > ranking.unknown:
            role = "root" if number == 0 else "contributing" if probability >= CONTRIBUTING else "possible"
        out.append(_cause(knowledge, findings, ranking, knowledge.causes[name], probability, role, facts, path))
    return tuple(out)


def _shown(ranking: Ranking, symptoms: bool) -> list[tuple[str, float]]:
    """The causes worth showing: none when the unknown leads and nothing is wrong that would need explaining."""
    likely = [(c, p) for c, p in ranking.probability.items() if p >= REPORTED]
    return [] if likely and likely[0][1] <= ranking.unknown and not symptoms else likely


def shown_causes(knowledge: Knowledge, findings: Mapping[str, Finding], ranking: Ranking) -> list[tuple[str, float]]:
    """The causes that a report shows, with their probabilities, most probable first."""
    return _shown(ranking, bool(_symptoms(knowledge, findings)))


def _cause(
    knowledge: Knowledge, findings: Mapping[str, Finding], ranking: Ranking, cause: Cause, probability: float,
    role: Role, facts: Mapping[str, str], path: tuple[Step, ...],
) -> CauseFound:
    linked = [findings[n] for n in cause.links if n in findings]
    weighed = [(contribution(knowledge, cause.id, f, ranking.weights.get(f.id, 1.0)), f) for f in linked]
    weighed.sort(key=lambda pair: (not pair[1].seen, -pair[0], pair[1].id))
    seen = [f for _, f in weighed if f.seen]
    told: dict[str, str] = {}
    for finding in reversed(seen):
        told.update({k: v for k, v in finding.facts.items() if v})
    items = tuple(
        Item(f.id, f.seen, finding_text(knowledge, f), f.source, round(w, 2), f.context, f.shares) for w, f in weighed
    )
    # only what a finding told is stated; plain facts about the target fill commands
    says = next((p for t in cause.says if (p := fill_prose(t, told))), cause.title)
    return CauseFound(
        id=cause.id, probability=round(probability, 4), severity=_severity(cause, seen), role=role, title=cause.title,
        says=says, because=_joined([i.text for i in items if i.seen][:3]), path=path, evidence=items,
        fixes=_fixes(cause, {**facts, **told}, {f.id for f in seen}),
        location=next((f.location for f in seen if f.location), None),
    )


def _severity(cause: Cause, seen: Iterable[Finding]) -> Severity:
    told = {f.id for f in seen}
    higher = [severity for name, severity in cause.raised_by.items() if name in told]
    if higher:
        return max([cause.severity, *higher], key=SEVERITIES.index)
    softer = [severity for name, severity in cause.softened_by.items() if name in told]
    return min([cause.severity, *softer], key=SEVERITIES.index)


def _joined(texts: list[Prose]) -> Prose:
    different = list(dict.fromkeys(texts))
    return Prose("; ".join(t.en for t in different), "；".join(t.zh or t.en for t in different))


def _fixes(cause: Cause, facts: Mapping[str, str], seen: set[str]) -> tuple[Fix, ...]:
    out = []
    for remedy in cause.remedies:
        if (remedy.when and not seen.intersection(remedy.when)) or seen.intersection(remedy.unless):
            continue
        text = fill_prose(remedy.text, facts)
        commands = tuple(c for t in remedy.commands if (c := fill(t, facts, quote=True)))
        if text is not None:
            out.append(Fix(text, commands, remedy.safe, remedy.verify))
    return tuple(out)


def _with_snippet(cause: CauseFound, snippet: Snippet) -> CauseFound:
    from dataclasses import replace

    return replace(cause, snippet=snippet(cause.location)) if cause.location else cause


def _verdict(causes: tuple[CauseFound, ...], symptoms: tuple[Item, ...], walked: Walk, exam: Examination) -> Verdict:
    if any(c.role == "root" for c in causes):
        return "diagnosed"
    broken = any(r.outcome == "failed" for r in exam.runs.values())
    return "inconclusive" if causes or symptoms or walked.unanswered or broken else "healthy"


def _next_look(
    examination: Examination, ranking: Ranking, causes: tuple[CauseFound, ...], walked: Walk
) -> NextLook | None:
    """The skipped check, with a command that unlocks it, that is expected to tell most for its cost."""
    best, best_score = None, 0.0
    required = {q for question in walked.unanswered for q in question.checks}
    for run in examination.runs.values():
        if run.outcome != "skipped" or not run.unlock:
            continue
        check = examination.checks[run.id]
        drop = max((expected_drop(examination.knowledge, ranking, f) for f in check.finds), default=0.0)
        if not causes and any(names(p, run.id) for p in required):
            drop += 1.0  # nothing is known yet: a required look is the one to unlock
        score = drop / max(check.cost, 0.01)
        if drop > WORTH_LOOKING and score > best_score:
            best, best_score = NextLook(run.id, run.reason, run.unlock), score
    return best
