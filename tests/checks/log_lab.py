"""Reads log text with the built-in signatures and checks, and ranks the causes it points at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gradio_doctor.evidence import LogEvents
from gradio_doctor.log_findings import log_findings
from gradio_doctor.logs.merge import events
from gradio_doctor.logs.reading import LogInput, open_log
from gradio_doctor.logs.rules import RuleSet
from gradio_doctor.logs.scanner import Limits, Scanner
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding


@dataclass(frozen=True)
class Read:
    """What a text says: ranked causes (most probable first), what stays unexplained, and the findings."""

    causes: Mapping[str, float]
    unknown: float
    findings: Mapping[str, Finding]
    symptoms: frozenset[str]

    @property
    def first(self) -> str:
        """The leading cause as a report would have it, "" when it would name none."""
        lead = next(iter(self.causes), "")
        return lead if lead and (self.symptoms or self.causes[lead] > self.unknown) else ""


class Lab:
    """One compiled set of signatures for many texts."""

    def __init__(self, loaded: Loaded, directory: Path) -> None:
        self.knowledge = loaded.knowledge
        self.signatures = tuple(loaded.knowledge.signatures.values())
        self.checks = [c for c in loaded.checks if [n.type for n in c.needs if not n.optional] == [LogEvents]]
        self.checks = [c for c in self.checks if len(c.needs) == 1]
        self.rules = RuleSet(self.signatures)
        self.directory = directory

    def events(self, text: str) -> LogEvents:
        """The evidence that a log of this text makes."""
        path = self.directory / "app.log"
        path.write_text(text, encoding="utf-8")
        source = LogInput(str(path))
        limits = Limits()
        reader = open_log(source, limits.max_bytes)
        try:
            scan = Scanner(self.rules, source.label, limits, None).run(reader)
        finally:
            reader.close()
        return events([scan], self.signatures)

    def read(self, text: str) -> Read:
        """Findings of the signatures and of the checks that only need a log, and the ranking they make."""
        log = self.events(text)
        found = list(log_findings(log, self.knowledge.signatures))
        for check in self.checks:
            found += check(log)
        findings = merged(found)
        ranking = rank(self.knowledge, findings)
        symptoms = frozenset(n for n, f in findings.items() if f.seen and self._symptom(n))
        return Read(ranking.probability, ranking.unknown, findings, symptoms)

    def _symptom(self, name: str) -> bool:
        kind = self.knowledge.findings.get(name) or self.knowledge.signatures[name]
        return kind.symptom
