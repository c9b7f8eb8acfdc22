"""An app whose source foretells trouble: healthy while idle, and named by file and line once it happens."""

from __future__ import annotations

import http.client
import json
import threading
import time
from pathlib import Path

import pytest

from tests.lab.harness import Lab, doctor, until, write_files

APP = """
    import gradio as gr
    import helpers

    async def answer(seconds):
        return helpers.ask(seconds)

    gr.Interface(answer, "text", "text", api_name="answer").launch(server_port={port})
"""
HELPERS = """
    import time

    def ask(seconds):
        return wait(float(seconds))

    def wait(seconds):
        time.sleep(seconds)
        return "done"
"""
TWIN = HELPERS.replace("time.sleep(seconds)", "return seconds")


def call(port: int, seconds: float) -> None:
    """Start an event as a browser does; the answer is not waited for."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps({"data": [str(seconds)]})
    connection.request("POST", "/gradio_api/call/answer", body, {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()


def start(lab: Lab, port: int, helpers: str) -> Path:
    write_files(lab.directory, {"app.py": APP, "helpers.py": helpers}, port=port)
    lab.start(lab.directory / "app.py", wait=port)
    return lab.directory / "app.py"


def test_a_healthy_app_is_healthy_and_is_told_what_may_go_wrong(lab: Lab, port: int) -> None:
    app = start(lab, port, HELPERS)
    report = doctor("diagnose", app, "--no-run", cwd=lab.directory)
    report.assert_healthy()
    (prediction,) = report.data["predictions"]
    assert prediction["finding"] == "blocking.may-stop-loop"
    assert prediction["causes"] == ["blocking.event-loop"]
    assert [(Path(p["file"]).name, p["line"], p["function"]) for p in prediction["chain"]] == [
        ("app.py", 5, "answer"), ("helpers.py", 4, "ask"), ("helpers.py", 7, "wait"),
    ]
    assert "to_thread" in prediction["fix"]


def test_its_twin_has_nothing_to_foretell(lab: Lab, port: int) -> None:
    report = doctor("diagnose", start(lab, port, TWIN), "--no-run", cwd=lab.directory)
    report.assert_healthy()
    assert report.data["predictions"] == []


@pytest.mark.parametrize("seconds", [60])  # longer than looking takes on a busy machine
def test_when_it_happens_the_cause_names_the_line(lab: Lab, port: int, seconds: float) -> None:
    app = start(lab, port, HELPERS)
    caller = threading.Thread(target=call, args=(port, seconds), daemon=True)
    caller.start()
    until(lambda: not alive(port), 10, "the event loop still answers")
    report = doctor("diagnose", app, "--no-run", cwd=lab.directory)
    top = report.assert_first("blocking.event-loop")
    named = {(Path(top["location"]["file"]).name, top["location"]["line"])}
    assert named <= {("helpers.py", 7), ("helpers.py", 4), ("app.py", 5)}
    assert "blocking.may-stop-loop" in [e["finding"] for e in top["evidence"] if e["seen"]]
    assert [p["finding"] for p in report.data["predictions"]] == []  # it came true, and is told there


def alive(port: int) -> bool:
    """True when the event loop answers within half a second."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.5)
    try:
        connection.request("HEAD", "/config")
        return connection.getresponse().status == 405
    except OSError:
        time.sleep(0.1)
        return False
    finally:
        connection.close()
