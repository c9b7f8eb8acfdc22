"""What may go wrong, read off source or system: predictions make no cause, and never change the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from gradio_doctor.diagnosis import Prediction
from gradio_doctor.fill import fill_prose
from gradio_doctor.knowledge.model import SEVERITIES, Knowledge
from gradio_doctor.sdk import Finding
from gradio_doctor.wording import finding_text

MOST = 50  # kept of one examination


def predictions(
    knowledge: Knowledge, findings: Iterable[Finding], merged: Mapping[str, Finding], shown: Set[str],
    candidates: Set[str],
) -> tuple[Prediction, ...]:
    """The predictions worth telling, worst first: seen, replaced by no other finding, of a cause that is asked for.

    One that is evidence of a cause which is `shown` came true: it is told there.
    """
    out: list[Prediction] = []
    for finding in findings:
        kind = knowledge.findings.get(finding.id)
        if kind is None or kind.predicts is None or not finding.seen or finding.id not in merged:
            continue
        causes = tuple(c.id for c in knowledge.causes.values() if finding.id in c.links and c.id in candidates)
        if not causes or (merged[finding.id] is finding and not shown.isdisjoint(causes)):
            continue
        chain = finding.chain or ((finding.location,) if finding.location else ())
        fix = fill_prose(kind.fix, finding.facts) if kind.fix else None
        text = finding_text(knowledge, finding)
        out.append(Prediction(finding.id, kind.predicts, text, causes, chain, fix, _measured(finding)))
    return tuple(sorted(dict.fromkeys(out), key=lambda p: -SEVERITIES.index(p.severity)))[:MOST]


def _measured(finding: Finding) -> bool:
    """True for what was seen of the system, or in its log: it is not read off a file."""
    source = finding.source
    if source is None or source.kind == "log":
        return source is not None
    return not finding.chain and finding.location is None and source.line is None
