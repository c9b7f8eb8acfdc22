"""A small made-up knowledge, whose posteriors can be computed by hand."""

from __future__ import annotations

from collections.abc import Mapping

from gradio_doctor.knowledge.model import Answer, Cause, FindingKind, Knowledge, Prose, Question, Signature, Tree
from gradio_doctor.sdk import Finding


def cause(name: str, prior: float, links: Mapping[str, float], **more: object) -> Cause:
    return Cause(name, Prose(f"title of {name}"), Prose("what"), "error", prior, links, **more)  # type: ignore[arg-type]


def knowledge(
    causes: list[Cause], leaks: Mapping[str, float], *, unknown: float = 0.3, temperature: float = 1.0,
    questions: list[Question] | None = None, symptoms: frozenset[str] = frozenset(),
    signatures: list[Signature] | None = None,
) -> Knowledge:
    findings = {n: FindingKind(n, Prose(f"{n} is so"), p, n in symptoms) for n, p in leaks.items()}
    asked = questions or []
    tree = Tree(asked[0].id if asked else "", {q.id: q for q in asked})
    known = {s.id: s for s in signatures or []}
    return Knowledge({c.id: c for c in causes}, findings, known, tree, unknown, temperature)


def findings(*names: str, witness: str = "") -> dict[str, Finding]:
    """Findings by id; a leading "-" means looked for and not there."""
    out = {}
    for name in names:
        plain = name.lstrip("-")
        out[plain] = Finding(plain, not name.startswith("-"), witness=witness)
    return out


def question(name: str, checks: tuple[str, ...], *answers: Answer, **more: object) -> Question:
    return Question(name, Prose(f"{name}?"), checks, answers, **more)  # type: ignore[arg-type]
