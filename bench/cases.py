"""Labelled logs: reading them, what is found in them, and how well the ranking does on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from gradio_doctor.assemble import shown_causes
from gradio_doctor.engine import Examination
from gradio_doctor.evidence import Target
from gradio_doctor.knowledge.model import Knowledge
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.table import log_probes
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from gradio_doctor.tree import walk

NONE = "none"


@dataclass(frozen=True)
class Case:
    """A labelled log: the right cause ("none" for a healthy one), others that are accepted, and its findings."""

    id: str
    label: str
    accepted: frozenset[str]
    findings: Mapping[str, Finding]


@dataclass(frozen=True)
class Score:
    """How one case came out: the causes shown, most probable first, with their probabilities."""

    case: Case
    shown: Sequence[tuple[str, float]]

    def right_within(self, count: int) -> bool:
        """True when the label or an accepted cause is among the first `count` (nothing shown is right for "none")."""
        if not self.shown:
            return NONE in self.case.accepted
        return any(name in self.case.accepted for name, _ in self.shown[:count])


def read_cases(directories: Iterable[Path], loaded: Loaded) -> list[Case]:
    """All labelled logs of directories with NAME.log files and labels*.yaml; their findings are computed once."""
    cases = []
    for directory in directories:
        for labels in sorted(directory.glob("labels*.yaml")):
            for row in yaml.safe_load(labels.read_text(encoding="utf-8")) or []:
                path = directory / f"{row['id']}.log"
                accepted = frozenset([row["label"], *(row.get("also_acceptable") or [])])
                cases.append(Case(row["id"], row["label"], accepted, findings_of(path, loaded)))
    return cases


def findings_of(path: Path, loaded: Loaded) -> Mapping[str, Finding]:
    """What the checks find in one log."""
    signatures = tuple(loaded.knowledge.signatures.values())
    options = Options(logs=(str(path),), timeout=60)
    target = Target("log", str(path))
    with Examination(target, options, log_probes(signatures), loaded.knowledge, loaded.checks) as examination:
        walk(examination)
        return merged(examination.findings)


def score(case: Case, knowledge: Knowledge) -> Score:
    """Rank one case and keep what a report would show."""
    return Score(case, shown_causes(knowledge, case.findings, rank(knowledge, case.findings)))


@dataclass(frozen=True)
class Figures:
    """Accuracy over many cases: shares in [0, 1]; the Brier score and calibration error are of the first cause."""

    faulty: int
    top1: float
    top3: float
    false_alarms: int
    healthy: int
    brier: float
    calibration_error: float

    def __str__(self) -> str:
        return (
            f"top-1 {self.top1:.3f}  top-3 {self.top3:.3f}  (of {self.faulty})  false alarms "
            f"{self.false_alarms}/{self.healthy}  Brier {self.brier:.3f}  ECE {self.calibration_error:.3f}"
        )


def figures(scores: Sequence[Score], bins: int = 10) -> Figures:
    """Add up scores. ECE: expected calibration error over equal-width bins (Naeini et al. 2015)."""
    faulty = [s for s in scores if s.case.label != NONE]
    healthy = [s for s in scores if s.case.label == NONE]
    first = [(s.shown[0][1] if s.shown else 0.0, s.right_within(1)) for s in faulty]
    brier = sum((p - right) ** 2 if p else float(not right) for p, right in first) / max(len(first), 1)
    error = 0.0
    for number in range(bins):
        inside = [(p, r) for p, r in first if p and min(int(p * bins), bins - 1) == number]
        if inside:
            gap = sum(p for p, _ in inside) / len(inside) - sum(r for _, r in inside) / len(inside)
            error += abs(gap) * len(inside) / max(len(first), 1)
    return Figures(
        len(faulty), sum(r for _, r in first) / max(len(first), 1),
        sum(s.right_within(3) for s in faulty) / max(len(faulty), 1),
        sum(not s.right_within(1) for s in healthy), len(healthy), brier, error,
    )
