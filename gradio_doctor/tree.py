"""The walk through the fault tree. It is the scheduler: only the branch that the answers lead to is paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradio_doctor.diagnosis import Step
from gradio_doctor.engine import Examination
from gradio_doctor.fill import fill_prose
from gradio_doctor.knowledge.model import Answer, Prose, Question
from gradio_doctor.rank import merged
from gradio_doctor.sdk import Finding


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Causes that an answer of the tree excludes, and the answer that does."""

    causes: tuple[str, ...]
    because: Prose


@dataclass(frozen=True, slots=True)
class Walk:
    """The path through the tree. `unanswered` are the required questions that could not be looked into."""

    path: tuple[Step, ...]
    exclusions: tuple[Exclusion, ...]
    unanswered: tuple[Question, ...]


def walk(examination: Examination) -> Walk:
    """Ask the questions of the tree, from its start, depth first; run the checks of each question when it is asked.

    Every question is asked at most once. Checks that no question names are run as soon as their evidence is there.
    """
    tree = examination.knowledge.tree
    path: list[Step] = []
    exclusions: list[Exclusion] = []
    unanswered: list[Question] = []
    first = tree.first(examination.target.kind)
    waiting = [first] if first in tree.questions else []
    asked: set[str] = set()
    while waiting:
        question = tree.questions[waiting.pop(0)]
        if question.id in asked:
            continue
        asked.add(question.id)
        reason = _run_checks(examination, question)
        answer = None if reason is not None else choose(question, merged(examination.findings))
        if answer is None:
            if not question.optional:
                path.append(Step(question.ask, _blind(reason or ""), question.id))
            unanswered += [question] if question.required or first == tree.start_of_logs else []
            waiting = [*question.blind, *waiting]
            continue
        said = _said(answer, merged(examination.findings))
        path.append(Step(question.ask, said, question.id))
        if answer.rules_out:
            because = _because(question, said)
            exclusions.append(Exclusion(examination.knowledge.matching(answer.rules_out), because))
        waiting = [*answer.then, *waiting]
    examination.run_at_hand(final=True)
    return Walk(tuple(path), tuple(exclusions), tuple(unanswered))


def _run_checks(examination: Examination, question: Question) -> str | None:
    """Run a question's checks. The reason why none of them could look, or None when at least one did."""
    runs = [examination.run(check) for check in examination.select(question.checks)]
    examination.run_at_hand()
    if question.checks and not runs:
        return "its checks are left out (--ignore)"
    if runs and all(r.outcome in ("skipped", "failed") for r in runs):
        return runs[0].reason
    return None


def choose(question: Question, findings: Mapping[str, Finding]) -> Answer | None:
    """The first answer one of whose findings is seen, else the one without conditions, else None."""
    fallback: Sequence[Answer] = [a for a in question.answers if not a.when]
    for answer in question.answers:
        if any(name in findings and findings[name].seen for name in answer.when):
            return answer
    return fallback[0] if fallback else None


def _said(answer: Answer, findings: Mapping[str, Finding]) -> Prose:
    """The answer's words, filled with the facts of the finding that led to it."""
    seen = next((findings[n] for n in answer.when if n in findings and findings[n].seen), None)
    return (fill_prose(answer.say, seen.facts) if seen else None) or answer.say


def _blind(reason: str) -> Prose:
    return Prose(f"could not look{': ' + reason if reason else ''}", f"无法查看{'：' + reason if reason else ''}")


def _because(question: Question, said: Prose) -> Prose:
    zh = f"{question.ask.zh} {said.zh}" if question.ask.zh and said.zh else ""
    return Prose(f"{question.ask.en} {said.en}", zh)
