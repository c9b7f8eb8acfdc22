"""Requests that write to one object at the same time: told from its error and the source; with a lock it is well."""

from __future__ import annotations

import http.client
import threading
from pathlib import Path

import pytest

from tests.lab.harness import Lab, doctor, until, wait_launched, write_app
from tests.ports import free_ports

APP = """
    import contextlib
    import threading
    import time

    import gradio as gr

    RESULTS = {{}}
    LOCK = {lock}


    def add(name):
        with LOCK:
            RESULTS[name] = len(RESULTS)
            for key in RESULTS:  # while others write
                time.sleep(0.002)
            return str(len(RESULTS))


    with gr.Blocks() as demo:
        box = gr.Textbox()
        box.submit(add, box, box, api_name="add", concurrency_limit=12)
    demo.launch(server_port={port}, quiet=True, prevent_thread_lock=True)
    open(__file__ + ".up", "w").close()
    demo.block_thread()
"""


def call(port: int, name: str) -> None:
    """An event, waited for to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/gradio_api/run/add", f'{{"data": ["{name}"]}}', headers)
        connection.getresponse().read()
    finally:
        connection.close()


def crowd(port: int) -> None:
    """Twelve people at once, three times each."""
    def person(number: int) -> None:
        for turn in range(3):
            call(port, f"{number}-{turn}")

    people = [threading.Thread(target=person, args=(n,)) for n in range(12)]
    for one in people:
        one.start()
    for one in people:
        one.join()


def running(lab: Lab, lock: str) -> tuple[Path, Path]:
    port = free_ports()[0]
    app = write_app(lab.directory, APP, port=port, lock=lock)
    lab.start(app, wait=port)
    wait_launched(app)
    crowd(port)
    return app, app.with_name("app.log")


def test_a_dictionary_that_changes_under_a_loop(lab: Lab) -> None:
    app, log = running(lab, "contextlib.nullcontext()")
    until(lambda: "changed size during iteration" in log.read_text(), 5, "nothing went wrong")
    top = doctor("diagnose", app, "--log", log, cwd=lab.directory).assert_first("app.shared-state-race")
    line = next(n for n, text in enumerate(app.read_text().splitlines(), 1) if "# while others write" in text)
    assert (top["location"]["line"], top["location"]["function"]) == (line, "add")
    assert "RESULTS" in top["because"] or "changed size" in top["because"]


@pytest.mark.parametrize("lock", ["threading.Lock()"])
def test_with_a_lock_it_is_healthy(lab: Lab, lock: str) -> None:
    app, log = running(lab, lock)
    doctor("diagnose", app, "--log", log, cwd=lab.directory).assert_healthy()
