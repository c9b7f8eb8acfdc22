"""Apps that neither serve nor end: what they stand at is named, with its place; one that is only slow is healthy."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.lab.harness import Lab, doctor, environment, until, wait_serving, write_app
from tests.ports import free_ports

# Gradio is imported late where it does not matter: its import takes seconds on a busy machine.
LOADS = """
    import time


    def load_model():
        time.sleep({seconds})  # its weights
        return str.upper


    model = load_model()
    import gradio as gr
    gr.Interface(model, "text", "text").launch(server_port={port}, quiet=True)
"""
STARVES = """
    import re
    import threading


    def warm_up():
        re.match(r"(a+)+$", "a" * 64 + "b")  # native code that keeps the lock


    threading.Thread(target=warm_up, daemon=True).start()
    import gradio as gr
    gr.Interface(str.upper, "text", "text").launch(server_port={port}, quiet=True)
"""
DOWNLOADS = """
    from huggingface_hub import hf_hub_download

    path = hf_hub_download("somebody/model", "model.bin")
    import gradio as gr
    gr.Interface(str.upper, "text", "text").launch(server_port={port}, quiet=True)
"""
LOCKS = """
    import threading

    LOCK = threading.Lock()


    def initialize():
        with LOCK:
            with LOCK:  # never
                return str.upper


    function = initialize()
    import gradio as gr
    gr.Interface(function, "text", "text").launch(server_port={port}, quiet=True)
"""
TYPES = """
    name = input("Which model? ")
    import gradio as gr
    gr.Interface(str.upper, "text", "text").launch(server_port={port}, quiet=True)
"""
STOPS = """
    import gradio as gr
    gr.Interface(str.upper, "text", "text").launch(server_port={port}, prevent_thread_lock=True)
    input("Press Enter to stop")
"""
ASKS = """
    import urllib.request

    settings = urllib.request.urlopen("http://127.0.0.1:{other}/settings").read()
    import gradio as gr
    gr.Interface(str.upper, "text", "text").launch(server_port={port}, quiet=True)
"""
SLOW_PAGE = """
    import asyncio

    import gradio as gr
    from starlette.middleware import Middleware


    class Licence:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope.get("path") == "/":
                await asyncio.sleep(4)
            await self.app(scope, receive, send)


    demo = gr.Interface(str.upper, "text", "text")
    demo.launch(server_port={port}, app_kwargs=dict(middleware=[Middleware(Licence)]))
"""


def line_of(app_text: str, text: str) -> int:
    return next(n for n, line in enumerate(app_text.splitlines(), 1) if text in line)


@pytest.mark.parametrize(("source", "text", "function", "cause"), [
    (LOADS, "# its weights", "load_model", "model.slow-load"),
    (STARVES, "# native code", "warm_up", "model.slow-load"),
    (LOCKS, "# never", "initialize", "blocking.deadlock"),
])
def test_its_place_is_named(lab: Lab, source: str, text: str, function: str, cause: str) -> None:
    app = write_app(lab.directory, source, port=free_ports()[0], seconds=600)
    top = doctor("diagnose", app, "--startup-timeout", 5, cwd=lab.directory).assert_first(cause)
    assert (top["location"]["line"], top["location"]["function"]) == (line_of(app.read_text(), text), function)
    assert f"app.py:{line_of(app.read_text(), text)}" in top["because"]


def test_one_that_only_needs_its_time_is_healthy(lab: Lab) -> None:
    app = write_app(lab.directory, LOADS, port=free_ports()[0], seconds=3)
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()


class _Slow(http.server.BaseHTTPRequestHandler):
    """A hub that has the file, and sends it at 10 kB a second; other paths are never answered."""

    def do_HEAD(self) -> None:
        if self.path.startswith("/settings"):
            time.sleep(60)
        self.send_response(200)
        for name, value in (("ETag", '"abc"'), ("X-Repo-Commit", "a" * 40), ("Content-Length", "1000000000")):
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        try:
            while True:
                self.wfile.write(bytes(1000))
                time.sleep(0.1)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def hub() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def test_a_download_that_goes_on_for_ever(lab: Lab, hub: int) -> None:
    app = write_app(lab.directory, DOWNLOADS, port=free_ports()[0])
    env = {"HF_ENDPOINT": f"http://127.0.0.1:{hub}", "HF_HOME": str(lab.directory / "hf"), "HF_HUB_OFFLINE": "0"}
    report = doctor("diagnose", app, "--startup-timeout", 6, cwd=lab.directory, env=env)
    top = report.assert_first("model.slow-load")
    assert top["location"]["line"] == line_of(app.read_text(), "hf_hub_download(")


def test_a_server_that_never_answers(lab: Lab, hub: int) -> None:
    app = write_app(lab.directory, ASKS, port=free_ports()[0], other=hub)
    top = doctor("diagnose", app, "--startup-timeout", 5, cwd=lab.directory).assert_first("blocking.upstream-wait")
    assert f"127.0.0.1:{hub}" in top["because"]
    assert "timeout=" in top["remedies"][0].get("diff", "")


def test_a_first_page_slower_than_the_self_check(lab: Lab) -> None:
    app = write_app(lab.directory, SLOW_PAGE, port=free_ports()[0])
    doctor("diagnose", app, cwd=lab.directory).assert_first("app.slow-first-page")


def test_it_waits_for_something_to_be_typed(lab: Lab, port: int) -> None:
    write_app(lab.directory, TYPES, port=port)
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("app.startup-exception")
    assert top["location"]["line"] == 1 and "Which model?" in top["says"]


def test_it_serves_until_something_is_typed(lab: Lab, port: int) -> None:
    """The healthy twin: it asks when it is up."""
    write_app(lab.directory, STOPS, port=port)
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()


LOADS_IN_A_WORKER = """
    import pathlib


    def load_model():
        while not pathlib.Path("go").exists():  # its weights
            sum(range(100_000))
        return str.upper


    model = load_model()
    import gradio as gr
    from fastapi import FastAPI

    app = gr.mount_gradio_app(FastAPI(), gr.Interface(model, "text", "text"), path="/")
"""


def test_a_worker_that_imports_holds_the_port_already(lab: Lab, port: int) -> None:
    """gunicorn binds before it loads the app: silence on the port is no blocked event loop. Then it serves, healthy."""
    app = write_app(lab.directory, LOADS_IN_A_WORKER)
    gunicorn = Path(sys.executable).with_name("gunicorn")
    with (lab.directory / "app.log").open("ab") as log:
        server = subprocess.Popen(
            [gunicorn, "app:app", "-k", "uvicorn.workers.UvicornWorker", "-b", f"127.0.0.1:{port}"], stdout=log,
            stderr=log, cwd=lab.directory, env=environment(), start_new_session=True,
        )
    lab.started.append(server.pid)
    until(lambda: psutil.Process(server.pid).children() and accepts(port), 30, "no worker")
    report = doctor("diagnose", port, cwd=lab.directory)
    assert (report.status, report.ids) == (3, []), report.describe()
    told = next(s for s in report.data["symptoms"] if s["finding"] == "app.still-starting")
    assert "load_model" in told["text"] and f"{app}:{line_of(app.read_text(), 'sum(')}" in told["text"]
    (lab.directory / "go").touch()
    wait_serving(port)
    doctor("diagnose", port, cwd=lab.directory).assert_healthy()
    server.terminate()
    server.wait(30)


def accepts(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
