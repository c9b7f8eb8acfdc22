"""Examining a running app touches nothing: no line in its log, no event in its queue, no file, no stop."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.lab.harness import Lab, answers, doctor, until, write_app

RECORDING = """
    import threading
    import gradio as gr

    def visit(kind):
        with open("events.txt", "a") as file:
            file.write(kind + "\\n")

    def hold(name):
        visit("call")
        threading.Event().wait(float(name))
        return name

    with gr.Blocks() as demo:
        text = gr.Textbox()
        text.submit(hold, text, gr.Textbox(), api_name="hold", concurrency_limit=1)
        demo.load(lambda: visit("load"))
        demo.unload(lambda: visit("unload"))

    demo.launch(server_port={port}, enable_monitoring=True)
"""


def get(port: int, path: str, method: str = "GET", body: object = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def start(lab: Lab, app: Path, port: int) -> subprocess.Popen[bytes]:
    """Start an app, and wait until it has said its last word about it."""
    process = lab.start(app, wait=port)
    until(lambda: b"public link" in app.with_name("app.log").read_bytes(), 20, "launch() did not come to its end")
    return process


def snapshot(directory: Path) -> dict[str, bytes]:
    """Every file of a directory with its content."""
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.mark.parametrize("by", ["script", "pid", "port", "URL"])
def test_examining_leaves_no_trace(lab: Lab, port: int, by: str) -> None:
    app = write_app(lab.directory, RECORDING, port=port)
    process = start(lab, app, port)
    until(lambda: get(port, "/gradio_api/queue/status")["queue_size"] == 0, 10, "the queue is not empty")
    before, status = snapshot(lab.directory), psutil.Process(process.pid)
    targets = {"script": app, "pid": process.pid, "port": port, "URL": f"http://127.0.0.1:{port}"}
    report = doctor("diagnose", targets[by], cwd=lab.directory)
    report.assert_healthy()
    assert snapshot(lab.directory) == before
    assert get(port, "/gradio_api/queue/status")["queue_size"] == 0
    assert status.is_running() and status.status() != psutil.STATUS_STOPPED
    assert answers(port)


def test_waiting_events_keep_waiting(lab: Lab, port: int) -> None:
    """A busy app is examined while one call runs and another waits: both end as they would have."""
    app = write_app(lab.directory, RECORDING, port=port)
    start(lab, app, port)
    calls = [get(port, "/gradio_api/call/hold", "POST", {"data": ["12"]}) for _ in range(2)]
    assert all("event_id" in c for c in calls)
    until(lambda: get(port, "/gradio_api/queue/status")["queue_size"] == 1, 10, "nothing waits")
    log = app.with_name("app.log").read_bytes()
    report = doctor("diagnose", app, cwd=lab.directory)
    assert report.status in (0, 3), report.describe()
    assert app.with_name("app.log").read_bytes() == log
    assert app.with_name("events.txt").read_text().split().count("call") <= 2
    ends: list[bytes] = []
    readers = [threading.Thread(target=lambda c=c: ends.append(read_events(port, c["event_id"]))) for c in calls]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    assert [b"event: complete" in end for end in ends] == [True, True]


def read_events(port: int, event: str) -> bytes:
    """The stream of one event to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/gradio_api/call/hold/{event}")
        return connection.getresponse().read()
    finally:
        connection.close()
