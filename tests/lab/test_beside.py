"""A thread of the app that died: nobody misses it, or every handler waits for it. And logs of several runs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from tests.lab.calling import call
from tests.lab.harness import Lab, doctor, environment, wait_launched, write_app

WORKER = """
    import queue, threading, time
    import gradio as gr

    jobs = queue.Queue()

    def work():
        while True:
            number, answer = jobs.get()
            answer.put(int(number) * 2)

    def refresh():
        time.sleep(0.5)
        raise RuntimeError("no connection to the statistics")

    def infer(number):
        answer = queue.Queue(1)
        jobs.put((number, answer))
        return answer.get()

    threading.Thread(target=work, name="gpu-worker", daemon=True).start()
    with gr.Blocks() as demo:
        box = gr.Textbox()
        box.submit(infer, box, box, api_name="predict", concurrency_limit=10)
    demo.launch(server_port={port}, prevent_thread_lock=True, ssr_mode=False)
    open(__file__ + ".up", "w").close()
    threading.Thread(target=refresh, name="statistics", daemon=True).start()
    demo.block_thread()
"""
PLAIN = """
    import gradio as gr
    gr.Interface(str.upper, "text", "text").launch(server_port={port})
"""


@pytest.mark.parametrize(("sent", "broken"), [("x", True), ("21", False)])
def test_a_thread_died(lab: Lab, port: int, sent: str, broken: bool) -> None:
    """The one that works for all handlers, on bad input; and in both apps one that nobody waits for."""
    app = write_app(lab.directory, WORKER, port=port)
    lab.start(app, wait=port)
    wait_launched(app)
    threading.Thread(target=call, args=(port, sent), daemon=True).start()
    time.sleep(4)  # as long as a wait has to last before it is worth a word
    report = doctor("diagnose", "app.py", cwd=lab.directory)
    if broken:
        top = report.assert_first("blocking.deadlock")
        assert top["location"]["function"] == "infer" and "gpu-worker" in top["because"]
    else:
        report.assert_healthy()
        assert "app.beside-failed" in {p["finding"] for p in report.data["predictions"]}


def test_what_earlier_runs_printed(lab: Lab, port: int) -> None:
    """The log is appended to, as by `nohup python app.py >> app.log`: a fault that was mended is none any more."""
    app = write_app(lab.directory, "import no_such_module\n")
    with (lab.directory / "app.log").open("wb") as log:
        subprocess.run([sys.executable, str(app)], stdout=log, stderr=log, env=environment(), timeout=60, check=False)
        log.write(b"./run.sh: line 2:  4711 Killed                  python app.py\n")
    write_app(lab.directory, PLAIN, port=port)
    lab.start(app, wait=port)
    report = doctor("diagnose", "app.py", cwd=lab.directory)
    report.assert_healthy()
    assert any("first 5 lines are of earlier runs" in note for note in report.data["notes"])
    assert doctor("logs", "app.log", cwd=lab.directory).data["causes"]
