"""What is installed, and whether it fits. Each fault beside its healthy twin, in real environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lab.harness import HEALTHY, Lab, doctor, write_app, write_files
from tests.lab.venvs import FITTING, instead, python_with

FILES_AND_CHAT = """
    import gradio as gr

    with gr.Blocks() as demo:
        gr.Chatbot()
        upload = gr.File()
        upload.change(lambda file: file, upload, gr.File())

    demo.launch(server_port={port})
"""


def root_of(lab: Lab, cause: str, *flags: object, **env: str) -> dict[str, Any]:
    """Diagnose the lab's app.py, expecting a cause."""
    return doctor("diagnose", "app.py", *flags, cwd=lab.directory, env=env).assert_first(cause)


def commands(top: dict[str, Any]) -> str:
    """All the commands of a cause's remedies."""
    return "\n".join(c for remedy in top["remedies"] for c in remedy["commands"])


# ---- dependency.missing

def test_missing_module_of_the_main_file(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, "import cv2\n" + HEALTHY.replace("\n    ", "\n"), port=port)
    top = root_of(lab, "dependency.missing")
    assert "cv2" in top["says"] and f"{app}:1" in top["says"]
    assert "-m pip install opencv-python" in commands(top)
    write_app(lab.directory, HEALTHY, port=port)
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()


def test_missing_module_of_an_own_module(lab: Lab, port: int) -> None:
    files = {"app.py": "from tools.vision import detect\n" + HEALTHY.replace("\n    ", "\n"),
             "tools/__init__.py": "", "tools/vision.py": "import os\n\nfrom sklearn import svm\n"}
    write_files(lab.directory, files, port=port)
    top = root_of(lab, "dependency.missing")
    assert f"{lab.directory}/tools/vision.py:3" in top["says"]
    assert "install scikit-learn" in commands(top)


def test_optional_module_may_be_missing(lab: Lab, port: int) -> None:
    """Also one that only a handler would import."""
    source = """
        import gradio as gr
        try:
            import torch
        except ImportError:
            torch = None

        def count(text):
            import pandas_of_the_future
            return len(text)

        gr.Interface(count, "text", "number").launch(server_port={port})
        """
    write_app(lab.directory, source, port=port)
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()


def test_missing_module_behind_a_corporate_proxy(lab: Lab) -> None:
    """The proxy that everybody there has set is not the cause."""
    write_app(lab.directory, "import flask_of_the_future\n")
    top = root_of(lab, "dependency.missing", http_proxy="http://127.0.0.1:9")
    assert "flask_of_the_future" in top["says"]


def test_gradio_is_missing_in_the_environment_beside_the_app(lab: Lab, port: int) -> None:
    """It was installed into another Python than the one that runs the app."""
    write_app(lab.directory, HEALTHY, port=port)
    python = python_with(())
    (lab.directory / ".venv").symlink_to(python.parent.parent)
    top = root_of(lab, "dependency.missing")
    assert "gradio" in top["says"]
    assert f"{lab.directory}/.venv/bin/python -m pip install gradio" in commands(top)


def test_import_that_needs_the_folder_above(lab: Lab, port: int) -> None:
    """A relative import in a file that is run as a script."""
    files = {"pkg/__init__.py": "", "pkg/other.py": "x = 1\n", "pkg/app.py": "from .other import x\n"}
    write_files(lab.directory, files)
    top = doctor("diagnose", "pkg/app.py", cwd=lab.directory).assert_first("app.startup-exception")
    assert "relative import" in top["says"] + top["because"]


# ---- dependency.conflict

CONFLICTS = {
    "huggingface_hub": (("huggingface_hub==1.0.1",), HEALTHY, "HfFolder"),
    "starlette": (("starlette==1.0.0", "fastapi==0.136.1"), HEALTHY, "starlette"),
    "pydantic": (("pydantic==2.11.7",), FILES_AND_CHAT, "gradio_client"),
}


@pytest.mark.parametrize("library", CONFLICTS)
def test_library_that_does_not_fit(lab: Lab, port: int, library: str) -> None:
    requirements, source, word = CONFLICTS[library]
    write_app(lab.directory, source, port=port)
    python = python_with(instead(*requirements))
    top = root_of(lab, "dependency.conflict", "--python", python)
    assert word in top["says"] + top["because"]
    assert f"{python} -m pip install" in commands(top)


@pytest.mark.parametrize("source", [HEALTHY, FILES_AND_CHAT], ids=["plain", "files"])
def test_libraries_that_fit_are_healthy(lab: Lab, port: int, source: str) -> None:
    """In the environment beside the app, which needs no flag."""
    write_app(lab.directory, source, port=port)
    (lab.directory / ".venv").symlink_to(python_with(FITTING).parent.parent)
    report = doctor("diagnose", "app.py", cwd=lab.directory)
    report.assert_healthy()
    assert "4.44.1" in str(report.data["target"])


def test_conflict_seen_in_a_log_only(lab: Lab, port: int) -> None:
    requirements, source, word = CONFLICTS["pydantic"]
    app = write_app(lab.directory, source, port=port)
    with Path(lab.directory, "app.log").open("wb") as log:
        lab.run_python(python_with(instead(*requirements)), app, log)
    top = doctor("logs", "app.log", cwd=lab.directory).assert_first("dependency.conflict")
    assert word in top["says"] + top["because"]


# ---- dependency.api-removed

REMOVED = {
    "component": ("gr.Box()", "Box"),
    "namespace": ("gr.inputs.Textbox()", "inputs"),
    "argument": ("gr.Image(tool='sketch')", "tool"),
    "method-argument": ("gr.Button().click(print, _js='x')", "_js"),
    "queue-argument": ("demo.queue(concurrency_count=3)", "concurrency_count"),
    "launch-argument": ("demo.launch(enable_queue=True)", "enable_queue"),
    "update": ("gr.Dropdown.update(choices=[])", "update"),
}


@pytest.mark.parametrize("what", REMOVED)
def test_what_gradio_removed(lab: Lab, port: int, what: str) -> None:
    call, name = REMOVED[what]
    files = {"app.py": "from page import demo\n\nif __name__ == '__main__':\n    demo.launch(server_port={port})\n",
             "page.py": f"import gradio as gr\n\nwith gr.Blocks() as demo:\n    gr.Markdown('page')\n    {call}\n"}
    write_files(lab.directory, files, port=port)
    top = root_of(lab, "dependency.api-removed")
    assert (top["location"]["file"], top["location"]["line"]) == (f"{lab.directory}/page.py", 5)
    assert name in top["says"]


def test_what_gradio_has_is_healthy(lab: Lab, port: int) -> None:
    files = {"app.py": "from page import demo\n\nif __name__ == '__main__':\n    demo.launch(server_port={port})\n",
             "page.py": "import gradio as gr\n\nwith gr.Blocks() as demo:\n    gr.Button().click(print, js='x')\n"}
    write_files(lab.directory, files, port=port)
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()
