"""Model files that are not there. Each fault beside its healthy twin."""

from __future__ import annotations

import pytest

from tests.lab.harness import Lab, doctor, write_files

OWN_LOADER = """
    from pathlib import Path

    FOLDER = Path(__file__).parent / "models"

    def load(name):
        with open(FOLDER / name, "rb") as file:
            return file.read()
"""
NUMPY_LOADER = """
    import numpy

    def load(name):
        return numpy.load(f"checkpoints/{{name}}")
"""
CHECKED = """
    import os

    def load(name):
        path = os.path.join("weights", name)
        if not os.path.exists(path):
            raise FileNotFoundError(f"Model file not found: {{path}}")
        return path
"""
APP = """
    import gradio as gr
    from engine import load

    model = load("{name}")
    gr.Interface(lambda x: x, "text", "text").launch(server_port={port})
"""
MISSING = {
    "open": (OWN_LOADER, "tiny.safetensors", "models/tiny.safetensors", 6),
    "numpy": (NUMPY_LOADER, "tiny.npz", "checkpoints/tiny.npz", 4),
    "checked": (CHECKED, "tiny.gguf", "weights/tiny.gguf", 6),
}


@pytest.mark.parametrize("how", MISSING)
def test_weights_are_not_there(lab: Lab, port: int, how: str) -> None:
    loader, name, path, line = MISSING[how]
    write_files(lab.directory, {"app.py": APP, "engine.py": loader}, port=port, name=name)
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("model.missing-file")
    assert path in top["says"]
    assert (top["location"]["file"], top["location"]["line"]) == (str(lab.directory / "engine.py"), line)


def test_weights_that_are_there_are_healthy(lab: Lab, port: int) -> None:
    files = {"app.py": APP, "engine.py": OWN_LOADER, "models/tiny.safetensors": "weights"}
    write_files(lab.directory, files, port=port, name="tiny.safetensors")
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()


def test_seen_in_a_log_only(lab: Lab, port: int) -> None:
    write_files(lab.directory, {"app.py": APP, "engine.py": OWN_LOADER}, port=port, name="tiny.safetensors")
    lab.start(lab.directory / "app.py", wait=None).wait(90)
    top = doctor("logs", "app.log", cwd=lab.directory).assert_first("model.missing-file")
    assert "tiny.safetensors" in top["says"]
