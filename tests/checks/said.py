"""Diagnosing a log that is given as text, for the tests of signatures and of checks that read logs."""

from __future__ import annotations

import textwrap
from pathlib import Path

from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.evidence import LogEvents, Target
from gradio_doctor.examine import examine
from gradio_doctor.logs import read_logs
from gradio_doctor.probes.base import Options
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Check


def diagnose(text: str, loaded: Loaded, folder: Path) -> Diagnosis:
    """The diagnosis of a log with that text (indented as in the test), through the whole engine."""
    path = folder / "app.log"
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return examine(Target("log", str(path)), Options(logs=(str(path),)), loaded)


def causes(text: str, loaded: Loaded, folder: Path) -> list[str]:
    """The ids of the causes, most probable first."""
    return [cause.id for cause in diagnose(text, loaded, folder).causes]


def events(text: str, loaded: Loaded, folder: Path) -> LogEvents:
    """What is read off a log with that text."""
    path = folder / "events.log"
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return read_logs([path], list(loaded.knowledge.signatures.values()))


def named(loaded: Loaded, name: str) -> Check:
    """The loaded check of that id."""
    return next(c for c in loaded.checks if c.id == name)
