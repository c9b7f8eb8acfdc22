"""From the data of YAML files to the typed model, and the checks that span files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gradio_doctor.knowledge.fields import Fields
from gradio_doctor.knowledge.model import (
    Answer,
    Cause,
    FindingKind,
    Knowledge,
    KnowledgeError,
    Prose,
    Question,
    Remedy,
    Signature,
    Tree,
)

_CAUSE_KEYS = (
    "title", "what", "severity", "prior", "says", "shows", "requires", "excluded_by", "softened_by", "raised_by",
    "remedies",
)
_SIGNATURE_KEYS = (
    "id", "pattern", "patterns", "unless", "ignore_case", "layers", "means", "leak", "symptom", "note", "origin",
)


class _Family:
    """What one or more files said, before links are joined."""

    def __init__(self) -> None:
        self.causes: dict[str, Cause] = {}
        self.findings: dict[str, FindingKind] = {}
        self.signatures: dict[str, Signature] = {}
        self.means: list[tuple[str, str, float, str]] = []  # signature or finding, cause, P, place
        self.questions: dict[str, Question] = {}
        self.start = ""
        self.start_of_logs = ""

    def add(self, data: Any, file: str) -> None:
        top = Fields(data, f"{file}:1", "file")
        top.only("causes", "findings", "signatures", "start", "start_of_logs", "questions")
        for name, fields in top.named("causes").items():
            self._unique(name, fields, self.causes)
            self.causes[name] = _cause(name, fields)
        for name, fields in top.named("findings").items():
            self._unique(name, fields, self.findings, self.signatures)
            self.findings[name] = _finding(name, fields)
            self.means += [(name, c, p, fields.place) for c, p in fields.words("means").items()]
        for fields in top.maps("signatures"):
            self._add_signature(fields)
        for fields in top.maps("questions"):
            name = fields.text("id")
            self._unique(name, fields, self.questions)
            self.questions[name] = _question(name, fields)
        self.start = top.text("start", self.start or " ").strip()
        self.start_of_logs = top.text("start_of_logs", self.start_of_logs or " ").strip()

    def _add_signature(self, fields: Fields) -> None:
        name = fields.text("id")
        self._unique(name, fields, self.findings, self.signatures)
        self.signatures[name] = _signature(name, fields)
        self.means += [(name, c, p, fields.place) for c, p in fields.words("means").items()]

    @staticmethod
    def _unique(name: str, fields: Fields, *tables: Mapping[str, Any]) -> None:
        for table in tables:
            if name in table:
                raise fields.error(f"the id {name!r} is taken by {table[name].place or 'another entry'}")


def _cause(name: str, fields: Fields) -> Cause:
    fields.only(*_CAUSE_KEYS)
    if "." not in name:
        raise fields.error("the id of a cause is family.name")
    title = fields.prose("title")
    return Cause(
        id=name, title=title, what=fields.prose("what", title), severity=fields.severity("severity", "error"),
        prior=fields.number("prior", 0.01, 1e-5, 0.5), links=fields.words("shows"), says=fields.proses("says"),
        requires=fields.texts("requires"), excluded_by=fields.texts("excluded_by"),
        softened_by=fields.severities("softened_by"), raised_by=fields.severities("raised_by"),
        remedies=tuple(_remedy(f) for f in fields.maps("remedies")), place=fields.place,
    )


def _remedy(fields: Fields) -> Remedy:
    fields.only("text", "commands", "safe", "verify", "when", "unless")
    commands, verify, when, unless = (fields.texts(key) for key in ("commands", "verify", "when", "unless"))
    return Remedy(fields.prose("text"), commands, fields.flag("safe"), verify, when, unless)


def _finding(name: str, fields: Fields) -> FindingKind:
    fields.only("text", "leak", "symptom", "means", "predicts", "fix")
    predicts = fields.severity("predicts", "info") if fields.has("predicts") else None
    fix = fields.prose("fix") if fields.has("fix") else None
    leak, symptom = fields.number("leak", 0.01, 1e-5, 0.99), fields.flag("symptom")
    return FindingKind(name, fields.prose("text"), leak, symptom, fields.place, predicts, fix)


def _signature(name: str, fields: Fields) -> Signature:
    fields.what = name
    fields.only(*_SIGNATURE_KEYS)
    patterns = fields.texts("patterns") + fields.texts("pattern")
    if not patterns:
        raise fields.error("a pattern is missing")
    return Signature(
        id=name, patterns=patterns, note=fields.prose("note", Prose("")),
        leak=fields.number("leak", 0.002, 1e-5, 0.99), unless=fields.texts("unless"), layers=fields.texts("layers"),
        ignore_case=fields.flag("ignore_case"), symptom=fields.flag("symptom"),
        origin=fields.text("origin", " ").strip(), place=fields.place,
    )


def _question(name: str, fields: Fields) -> Question:
    fields.what = f"question {name}"
    fields.only("id", "ask", "checks", "answers", "blind", "required", "optional")
    answers = []
    for answer in fields.maps("answers"):
        answer.only("say", "when", "rules_out", "then")
        answers.append(
            Answer(answer.prose("say"), answer.texts("when"), answer.texts("rules_out"), answer.texts("then"))
        )
    checks, blind = fields.texts("checks"), fields.texts("blind")
    required, optional = fields.flag("required"), fields.flag("optional")
    return Question(name, fields.prose("ask"), checks, tuple(answers), blind, required, optional)


def _linked(family: _Family) -> dict[str, Cause]:
    links: dict[str, dict[str, float]] = {c.id: dict(c.links) for c in family.causes.values()}
    for signature, named, probability, place in family.means:
        if named not in links:
            raise KnowledgeError(f"{place}: {signature}: means {named!r}, which no file describes")
        links[named].setdefault(signature, probability)
    known = family.findings.keys() | family.signatures.keys()
    for cause in family.causes.values():
        offered = (name for remedy in cause.remedies for name in remedy.when)
        weighing = (*cause.softened_by, *cause.raised_by)
        for name in (*links[cause.id], *cause.requires, *cause.excluded_by, *weighing, *offered):
            if name not in known:
                raise KnowledgeError(f"{cause.place}: {cause.id}: the finding {name!r} is declared nowhere")
    return {c: replace(family.causes[c], links=names) for c, names in links.items()}


def _tree(family: _Family) -> Tree:
    known = family.findings.keys() | family.signatures.keys()
    for question in family.questions.values():
        for answer in question.answers:
            for name in answer.when:
                if name not in known:
                    raise KnowledgeError(f"question {question.id}: the finding {name!r} is declared nowhere")
        for name in (*question.blind, *(t for a in question.answers for t in a.then)):
            if name not in family.questions:
                raise KnowledgeError(f"question {question.id}: goes on to {name!r}, which is no question")
    for start in filter(None, (family.start, family.start_of_logs)):
        if start not in family.questions:
            raise KnowledgeError(f"the tree starts at {start!r}, which is no question")
    return Tree(family.start, family.questions, family.start_of_logs)


def build(files: Mapping[str, Any]) -> Knowledge:
    """Make the typed knowledge of the data of several files (name → data). Raises KnowledgeError with file:line."""
    family = _Family()
    for file, data in files.items():
        family.add(data, file)
    return Knowledge(_linked(family), family.findings, family.signatures, _tree(family))
