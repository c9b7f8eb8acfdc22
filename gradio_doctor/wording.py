"""What a finding says, in both languages."""

from __future__ import annotations

from gradio_doctor.fill import fill_prose
from gradio_doctor.knowledge.model import Knowledge, Prose
from gradio_doctor.sdk import Finding


def finding_text(knowledge: Knowledge, finding: Finding) -> Prose:
    """What a finding says: the line itself for a log signature, else its prose filled with its facts."""
    if "line_text" in finding.facts:
        return Prose(finding.facts["line_text"])
    kind = knowledge.findings.get(finding.id)
    if kind is None:
        return Prose(finding.id)
    filled = fill_prose(kind.text, finding.facts)
    return filled or Prose(_unfilled(kind.text.en), _unfilled(kind.text.zh))


def _unfilled(text: str) -> str:
    return text.replace("{", "").replace("}", "")
