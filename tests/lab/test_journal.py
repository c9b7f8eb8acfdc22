"""Apps that run as services of systemd: what they wrote is in the journal alone. Needs root and journald."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gradio_doctor.probes.journal import unit_that_runs
from tests.lab.harness import Lab, doctor, environment, until, wait_serving, write_app
from tests.lab.journal_lab import journal, service, written

RAISES = """
    import gradio as gr

    def predict(text):
        return {{"known": 1}}[text]

    with gr.Blocks() as demo:
        box = gr.Textbox()
        box.submit(predict, box, box, api_name="predict", queue=False)
    demo.launch(server_port={port})
"""
NEEDS = """
    import os
    import gradio as gr
    key = os.environ["MODEL_KEY"]
    gr.Interface(len, "text", "text").launch(server_port={port})
"""
Run = Callable[[Path], None]


@pytest.fixture(scope="module")
def real_journal() -> Iterator[None]:
    with journal():
        yield


@pytest.fixture
def unit() -> str:
    return f"gradio-doctor-{uuid.uuid4().hex[:8]}.service"


def as_service(lab: Lab, app: Path, enter: Callable[[], None]) -> None:
    """Run an app as systemd runs a service: in its group, its output a socket of the journal."""
    process = subprocess.Popen(
        ["systemd-cat", "-t", "python", sys.executable, app.name], cwd=app.parent, env=environment(), preexec_fn=enter,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )
    lab.started.append(process.pid)


def call(port: int, text: str) -> None:
    body = b'{"data": ["%s"]}' % text.encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/gradio_api/run/predict", body, {"Content-Type": "application/json"})
    with suppress(OSError), urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        answer.read()


def test_errors_of_a_service_are_read_from_its_journal(real_journal: None, lab: Lab, port: int, unit: str) -> None:
    app = write_app(lab.directory, RAISES, port=port)
    with service(unit) as enter:
        as_service(lab, app, enter)
        wait_serving(port)
        call(port, "known")
        doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()
        call(port, "unknown")
        until(lambda: "KeyError" in written(unit), 20, "nothing in the journal")
        top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("app.handler-exception")
    assert top["location"]["line"] == 4
    assert f"journal of {unit}" in {e["source"]["name"] for e in top["evidence"] if e.get("source")}


@pytest.mark.parametrize("failed", [True, False])
def test_a_service_that_is_down_for_what_only_it_lacks(
    real_journal: None, lab: Lab, port: int, unit: str, failed: bool,
) -> None:
    """Here the app starts, with the variable that the service lacks: only the journal tells of its end."""
    app = write_app(lab.directory, NEEDS, port=port)
    if failed:
        with service(unit) as enter:
            as_service(lab, app, enter)
            until(lambda: "KeyError" in written(unit), 60, "nothing in the journal")
    file = Path("/run/systemd/system") / unit
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[Service]\nWorkingDirectory={lab.directory}\nExecStart={sys.executable} app.py\n")
    try:
        assert unit_that_runs(str(app)) == (unit, False)
        report = doctor("diagnose", "app.py", cwd=lab.directory, env={"MODEL_KEY": "k"})
    finally:
        file.unlink()
    if failed:
        top = report.assert_first("app.startup-exception")
        assert top["location"]["line"] == 3
    else:
        report.assert_healthy()
