"""What the families know, typed: causes, what findings mean, log signatures, the fault tree."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradio_doctor.errors import UsageError

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")

# How often a cause shows a finding, in words (DESIGN §2).
WORDS: Mapping[str, float] = {"always": 0.98, "usually": 0.85, "often": 0.6, "sometimes": 0.3, "rarely": 0.1}


class KnowledgeError(UsageError):
    """A YAML or Python file of a family is wrong. The message starts with file:line."""


@dataclass(frozen=True, slots=True)
class Prose:
    """A text in English and Chinese ("" falls back to English)."""

    en: str
    zh: str = ""

    def pick(self, lang: str) -> str:
        """The text in a language."""
        return self.zh if lang == "zh" and self.zh else self.en


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way to mend a cause. `commands` are templates to paste; `safe` when running them cannot lose anything.

    `when` names findings: the remedy is offered only if one of them is seen ((): always), and not if one of `unless`
    is. `verify` names the checks that show whether it worked.
    """

    text: Prose
    commands: tuple[str, ...] = ()
    safe: bool = False
    verify: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """A leaf of the fault tree.

    `links` maps a finding or signature id to P(finding | cause). `requires`: ruled out when any of these was looked
    for and none is seen. `excluded_by`: ruled out when one of these is seen. `softened_by` lowers the severity when
    that finding is seen, `raised_by` raises it whatever softens it. `says` are sentence templates; the first whose
    placeholders can be filled leads the report.
    """

    id: str
    title: Prose
    what: Prose
    severity: Severity
    prior: float
    links: Mapping[str, float]
    says: tuple[Prose, ...] = ()
    requires: tuple[str, ...] = ()
    excluded_by: tuple[str, ...] = ()
    softened_by: Mapping[str, Severity] = field(default_factory=dict)
    raised_by: Mapping[str, Severity] = field(default_factory=dict)
    remedies: tuple[Remedy, ...] = ()
    place: str = ""

    @property
    def family(self) -> str:
        """The prefix of the id."""
        return self.id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class FindingKind:
    """What a finding means. `leak` is P(finding | none of the modelled causes).

    `symptom` marks a finding that says something is wrong even if no cause explains it. `predicts` marks one that says
    what may go wrong, read off the source: alone it makes no cause, it only raises one that something else points at;
    else it is told apart, with that severity, and `fix` (a template) says what to do.
    """

    id: str
    text: Prose
    leak: float
    symptom: bool = False
    place: str = ""
    predicts: Severity | None = None
    fix: Prose | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A line of a log that means something. Every signature is also a finding of the same id.

    `patterns` are regular expressions (no look-around, no back-reference, bounded), any of which matches the line's
    content (known prefixes removed); `unless` must not match the same line. `layers` limits it to lines of those
    layers ((): any). `origin` says which program prints it, and where in its source.
    """

    id: str
    patterns: tuple[str, ...]
    note: Prose
    leak: float
    unless: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    ignore_case: bool = False
    symptom: bool = False
    origin: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a question: taken when one of `when` is seen, or, without `when`, when no other answer fits.

    `rules_out` are cause patterns (port.*) that this answer excludes, unless a finding points at them.
    """

    say: Prose
    when: tuple[str, ...] = ()
    rules_out: tuple[str, ...] = ()
    then: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A node of the fault tree. `checks` (ids or patterns) are run before it is answered.

    `blind` is where the walk goes on when every check of it had to be skipped. `required`: when it could not be
    answered and nothing else was found, the diagnosis is inconclusive. `optional`: when nobody could look, the path
    does not mention it.
    """

    id: str
    ask: Prose
    checks: tuple[str, ...]
    answers: tuple[Answer, ...]
    blind: tuple[str, ...] = ()
    required: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """The fault tree: questions by id, the one asked first, and the one asked first of logs alone."""

    start: str
    questions: Mapping[str, Question]
    start_of_logs: str = ""

    def first(self, kind: str) -> str:
        """The id of the first question for a kind of target."""
        return self.start_of_logs if kind == "log" and self.start_of_logs else self.start


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that the loaded families know. `unknown_prior` is the prior of "something we do not model"."""

    causes: Mapping[str, Cause]
    findings: Mapping[str, FindingKind]
    signatures: Mapping[str, Signature]
    tree: Tree
    unknown_prior: float = 0.3
    temperature: float = 1.0

    def is_prediction(self, finding: str) -> bool:
        """True for a finding that says what may go wrong, not what is wrong."""
        kind = self.findings.get(finding)
        return kind is not None and kind.predicts is not None

    def matching(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """The ids of the causes that any of the patterns (ids, prefixes like `port`, globs) names."""
        wanted = tuple(patterns)
        return tuple(c for c in self.causes if any(names(p, c) for p in wanted))


def names(pattern: str, identifier: str) -> bool:
    """True when a pattern (an id, a family prefix, a glob) names an id."""
    return pattern == identifier or identifier.startswith(pattern + ".") or fnmatch.fnmatchcase(identifier, pattern)
