"""Hot reload: an app that the command `gradio app.py` runs, well, blocked, and blocked in what was edited meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from gradio_client import Client

from tests.lab.harness import Lab, answers, doctor, environment, until, wait_serving, write_app
from tests.ports import free_ports

APP = """
    import time

    import gradio as gr


    async def work(text):
        time.sleep(6)
        return text


    demo = gr.Interface(work, "text", "text", api_name="work")

    if __name__ == "__main__":
        demo.launch(server_port={port})
"""


def blocked(app: Path, port: int) -> str:
    """Why the app is said to be blocked while a handler sleeps; afterwards it sleeps no more."""
    client = Client(f"http://127.0.0.1:{port}", verbose=False)  # it has a session, as a page does
    job = client.submit("x", api_name="/work")
    time.sleep(1)
    top = doctor("diagnose", port, cwd=app.parent).assert_first("blocking.event-loop")
    job.result(30)
    return str(top["because"])


def test_reloaded(lab: Lab) -> None:
    port = free_ports()[0]
    app = write_app(lab.directory, APP, port=port)
    with (lab.directory / "app.log").open("wb") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("gradio")), app.name], cwd=lab.directory, env=environment(),
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )
    lab.started.append(process.pid)
    wait_serving(port)
    until(lambda: "Running on local URL" in (lab.directory / "app.log").read_text(), 30, "launch() does not come back")
    doctor("diagnose", port, cwd=lab.directory).assert_healthy()
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()
    assert f"work ({app}:7)" in blocked(app, port)
    app.write_text(app.read_text().replace("async def work", "# edited\n\nasync def work"))
    until(lambda: "Changes detected" in (lab.directory / "app.log").read_text(), 30, "the edit is not seen")
    until(lambda: answers(port), 10, "it does not answer")
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()  # what was edited runs: the code is not stale
    assert f"work ({app}:9)" in blocked(app, port)
