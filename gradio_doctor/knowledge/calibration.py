"""Numbers fitted to labelled cases (bench/calibrate.py) in place of the words and guesses of the YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gradio_doctor.knowledge.model import Knowledge, KnowledgeError

FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted numbers; what is missing keeps the value of the YAML. Probabilities all."""

    priors: Mapping[str, float] = field(default_factory=dict)
    leaks: Mapping[str, float] = field(default_factory=dict)
    links: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unknown_prior: float | None = None
    temperature: float = 1.0


def read(directory: Path) -> Calibration:
    """The calibration beside the families; an empty one when there is none. Raises KnowledgeError when it is wrong."""
    path = directory / FILE
    if not path.is_file():
        return Calibration()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Calibration(
            _table(data.get("priors", {})), _table(data.get("leaks", {})),
            {cause: _table(links) for cause, links in data.get("links", {}).items()},
            data.get("unknown_prior"), float(data.get("temperature", 1.0)),
        )
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise KnowledgeError(f"{path}:1: not a calibration: {error}") from None


def _table(data: Mapping[str, Any]) -> dict[str, float]:
    table = {name: float(value) for name, value in data.items()}
    if not all(0 < value < 1 for value in table.values()):
        raise ValueError("every number must lie between 0 and 1")
    return table


def apply(knowledge: Knowledge, fitted: Calibration) -> Knowledge:
    """The knowledge with the fitted numbers. Ids that no longer exist are passed over."""
    causes = {
        name: replace(
            cause,
            prior=fitted.priors.get(name, cause.prior),
            links={f: fitted.links.get(name, {}).get(f, p) for f, p in cause.links.items()},
        )
        for name, cause in knowledge.causes.items()
    }
    findings = {n: replace(k, leak=fitted.leaks.get(n, k.leak)) for n, k in knowledge.findings.items()}
    signatures = {n: replace(s, leak=fitted.leaks.get(n, s.leak)) for n, s in knowledge.signatures.items()}
    unknown = knowledge.unknown_prior if fitted.unknown_prior is None else fitted.unknown_prior
    return replace(
        knowledge, causes=causes, findings=findings, signatures=signatures, unknown_prior=unknown,
        temperature=fitted.temperature,
    )
