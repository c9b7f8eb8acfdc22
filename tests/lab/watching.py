"""An app that can be blocked at will, and a running `gradio-doctor watch` on it."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradio_doctor.evidence import Process
from gradio_doctor.probes.processes import read_process
from tests.lab.harness import Lab, environment, until, wait_launched, write_app
from tests.ports import free_ports

APP = """
    import time

    import gradio as gr


    def compute(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sum(range(500))


    async def sleeps(x):
        time.sleep(float(x))  # in the act
        return x


    async def computes(x):
        compute(float(x))
        return x


    def waits(x):
        time.sleep(float(x))
        return x


    with gr.Blocks() as demo:
        box = gr.Textbox()
        box.submit(sleeps, box, box, api_name="sleeps")
        box.submit(computes, box, box, api_name="computes")
        box.submit(waits, box, box, api_name="waits", concurrency_limit=None)

    demo.launch(server_port={port}, quiet=True, prevent_thread_lock=True)
    open(__file__ + ".up", "w").close()
    demo.block_thread()
"""


@dataclass
class Watch:
    """A running `gradio-doctor watch`, and what it has printed so far."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def text(self) -> str:
        return self.out.read_text(encoding="utf-8")

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, what: Callable[[], object], seconds: float = 20) -> None:
        until(lambda: what() or self.process.poll() is not None, seconds, self.text + self.err.read_text())
        assert what(), (self.text, self.err.read_text())

    def interrupt(self) -> int:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@dataclass
class Bench:
    """An app, and the means to call it and to watch it."""

    lab: Lab
    port: int
    app: Path
    process: subprocess.Popen[bytes]
    watches: list[Watch]

    def call(self, name: str, value: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            body = json.dumps({"data": [str(value)]})
            connection.request("POST", f"/gradio_api/call/{name}", body, {"Content-Type": "application/json"})
            connection.getresponse().read()
        finally:
            connection.close()

    def watch(self, *arguments: object) -> Watch:
        """Start to watch, and wait until it does."""
        number = len(self.watches)
        out, err = self.app.with_name(f"watch{number}.out"), self.app.with_name(f"watch{number}.err")
        command = [str(Path(sys.executable).with_name("gradio-doctor")), "watch", str(self.app), *map(str, arguments)]
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                command, cwd=self.app.parent, env=environment(), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            )
        made = Watch(process, out, err)
        self.watches.append(made)
        made.wait_for(lambda: "watching" in made.text)
        return made

    def line(self, text: str) -> int:
        lines = self.app.read_text(encoding="utf-8").splitlines()
        return next(n for n, line in enumerate(lines, 1) if text in line)

    @property
    def log(self) -> bytes:
        return self.app.with_name("app.log").read_bytes()

    @property
    def seen(self) -> Process:
        found = read_process(self.process.pid)
        assert found is not None
        return found


def begun(lab: Lab, source: str) -> Bench:
    port = free_ports()[0]
    app = write_app(lab.directory, source, port=port)
    process = lab.start(app, wait=port)
    wait_launched(app)
    return Bench(lab, port, app, process, [])
