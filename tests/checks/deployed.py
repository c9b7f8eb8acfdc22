"""Auditing deployment files that a test gives as text, through the whole engine."""

from __future__ import annotations

from pathlib import Path

from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.evidence import Target
from gradio_doctor.flags import Chosen
from gradio_doctor.gate import foretell
from gradio_doctor.probes.base import Options
from gradio_doctor.registry import Loaded
from tests.probes.deploy_files import put

Files = dict[str, str]


def audit(folder: Path, files: Files, loaded: Loaded) -> Diagnosis:
    put(folder)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.lstrip("\n"), encoding="utf-8")
    target = Target("script", "app.py", script=str(folder / "app.py"))
    return foretell(target, Options(check_timeout=60.0), loaded, Chosen())


def told(diagnosis: Diagnosis, name: str) -> list[str]:
    """Where the predictions of a kind are."""
    return [f"{Path(p.chain[-1].file).name}:{p.chain[-1].line}" for p in diagnosis.predictions if p.finding == name]


def every(diagnosis: Diagnosis) -> list[str]:
    """All predictions of the audit, as FINDING FILE:LINE."""
    return [f"{p.finding} {Path(p.chain[-1].file).name}:{p.chain[-1].line}" for p in diagnosis.predictions
            if p.finding.startswith("deploy.")]
