"""Real gunicorn around a real Gradio app: each fault at rank 1 beside its healthy twin, and its remedy applied."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from gradio_doctor.probes.servers_watch import reaped_seconds
from tests.lab.harness import Report, answers, doctor, environment, until
from tests.ports import free_ports

APP = """import time
import gradio as gr
from fastapi import FastAPI

{keyword}def slow(seconds):
    time.sleep(float(seconds))
    return seconds

def echo(text):
    return text

with gr.Blocks() as demo:
    box = gr.Textbox()
    box.submit(slow, box, box, api_name="slow")
    box.submit(echo, box, box, api_name="echo")

app = gr.mount_gradio_app(FastAPI(), demo, path="/")
"""
SLOW_LINE = 1 + APP.split("time.sleep")[0].count("\n")
UVICORN = ("-k", "uvicorn.workers.UvicornWorker")
GUNICORN = str(Path(sys.executable).with_name("gunicorn"))
KEEPER = """
import subprocess, sys, time
while True:
    app = subprocess.Popen([sys.executable, "-m", "uvicorn", "app:app", "--port", sys.argv[1]])
    time.sleep(3.5)
    app.kill(); app.wait()
"""


class Yard:
    """The servers of this module; all of them end with it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.running: list[subprocess.Popen[bytes]] = []

    def folder(self, name: str, keyword: str = "async ") -> Path:
        """A folder with the app, one for each server: the app is found by its file."""
        made = self.directory / name
        made.mkdir(exist_ok=True)
        (made / "app.py").write_text(APP.format(keyword=keyword))
        return made

    def start(self, folder: Path, command: list[str] | str, log: Any = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start a command (a text: as a person pastes it into a shell)."""
        words = ["sh", "-c", f"exec {command}"] if isinstance(command, str) else command
        process = subprocess.Popen(
            words, cwd=folder, env=environment(HOME=str(folder)), stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True,
        )
        self.running.append(process)
        return process

    def gunicorn(self, folder: Path, port: int, *flags: str, log: Any = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        return self.start(folder, [GUNICORN, "app:app", "-b", f"127.0.0.1:{port}", *flags], log)

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    made = Yard(tmp_path_factory.mktemp("servers"))
    yield made
    for process in made.running:
        made.stop(process)


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json", "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read(2000)
    finally:
        connection.close()


def echoes(port: int, times: int) -> int:
    """How many of so many events came back: each is joined on one connection, and heard on another."""
    good = 0
    for number in range(times):
        status, told = ask(port, "POST", "/gradio_api/call/echo", {"data": [f"n{number}"]})
        assert status == 200
        with suppress(OSError, http.client.HTTPException):
            event = json.loads(told)["event_id"]
            good += f'["n{number}"]'.encode() in ask(port, "GET", f"/gradio_api/call/echo/{event}")[1]
    return good


def call_slow(port: int, seconds: int) -> None:
    assert ask(port, "POST", "/gradio_api/call/slow", {"data": [str(seconds)]})[0] == 200


def pasted(report: Report, word: str) -> str:
    """The command of a remedy that has a word in it, checked to be what a shell reads."""
    commands = [c for r in report.top["remedies"] for c in r["commands"]]
    found = next(c for c in commands if word in c)
    assert shlex.split(found)[0] == "env", found
    return str(found)


def test_two_preloaded_workers_share_their_app_id_and_not_their_queue(yard: Yard) -> None:
    folder, port = yard.folder("multi"), free_ports()[0]
    process = yard.gunicorn(folder, port, *UVICORN, "-w", "2", "--preload")
    until(lambda: answers(port), 60, "no server")
    assert len({ask(port, "GET", "/gradio_api/app_id")[1] for _ in range(12)}) == 1
    assert echoes(port, 16) < 16  # what the finding says, as users see it
    report = doctor("diagnose", f"port:{port}", cwd=folder)
    top = report.assert_first("server.multi-worker")
    assert "server.workers-share-port" in [e["finding"] for e in top["evidence"] if e["seen"]]
    fixed = pasted(report, "gunicorn")
    assert "-w 1" in fixed and "--preload" in fixed
    yard.stop(process)
    process = yard.start(folder.parent, fixed)
    until(lambda: answers(port), 60, "no server")
    assert echoes(port, 8) == 8
    doctor("diagnose", f"port:{port}", cwd=folder).assert_healthy()
    yard.stop(process)


MOUNTED = """import os
import gradio as gr
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
def root():
    return {"it": "works"}

demo = gr.Interface(str.upper, "text", "text")
app = gr.mount_gradio_app(app, demo, path=os.environ.get("MOUNT_PATH", "/ui"))
"""


def test_a_mounted_app_is_looked_at_again_and_again(yard: Yard) -> None:
    """What we asked stands in uvicorn's access log; it is no fault of the app. The path is the variable's default."""
    folder, port = yard.folder("mounted"), free_ports()[0]
    (folder / "app.py").write_text(MOUNTED)
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]
    with (folder / "app.log").open("wb") as log:
        process = yard.start(folder, command, log)
    until(lambda: answers(port), 60, "no server")
    for _ in range(3):
        doctor("diagnose", f"port:{port}", cwd=folder).assert_healthy()
    assert "gradio-doctor" in (folder / "app.log").read_text()
    yard.stop(process)
    process = yard.start(folder, [*command, "--workers", "2"])
    until(lambda: answers(port), 60, "no server")
    doctor("diagnose", f"port:{port}", cwd=folder).assert_first("server.multi-worker")
    yard.stop(process)


@pytest.mark.parametrize(("flags", "told"), [
    ((), "sync (default)"), (("-k", "gthread", "--threads", "4"), "gthread ("),
])
def test_a_wsgi_worker_answers_500_until_it_is_an_asgi_worker(yard: Yard, flags: tuple[str, ...], told: str) -> None:
    folder, port = yard.folder(told.partition(" ")[0]), free_ports()[0]
    process = yard.gunicorn(folder, port, *flags)
    until(lambda: answers(port), 60, "no server")
    assert ask(port, "GET", "/")[0] == 500
    report = doctor("diagnose", f"port:{port}", cwd=folder)
    top = report.assert_first("server.wrong-worker")
    assert f"worker class is {told}" in top["because"]
    yard.stop(process)
    process = yard.start(folder.parent, pasted(report, " -k "))
    until(lambda: answers(port), 60, "no server")
    doctor("diagnose", f"port:{port}", cwd=folder).assert_healthy()
    yard.stop(process)


def worker_of(process: subprocess.Popen[bytes]) -> int | None:
    children = psutil.Process(process.pid).children()
    return children[0].pid if children else None


def wait_replaced(process: subprocess.Popen[bytes], first: int | None, port: int) -> None:
    """Wait until another worker serves."""
    until(lambda: worker_of(process) not in (None, first) and answers(port), 60, "no new worker")


def test_a_worker_that_a_handler_blocks_is_killed(yard: Yard) -> None:
    """First the arbiter replaces it before our eyes, and nobody needs a log; then the log tells of it afterwards."""
    folder, port = yard.folder("blocked"), free_ports()[0]
    log = (folder / "server.log").open("wb")
    process = yard.gunicorn(folder, port, *UVICORN, "--timeout", "4", log=log)
    until(lambda: answers(port), 60, "no server")
    doctor("diagnose", f"port:{port}", cwd=folder).assert_healthy()
    for _ in range(3):  # on a busy machine, the arbiter may be done before the doctor has begun to look
        first = worker_of(process)
        call_slow(port, 60)
        report = doctor("diagnose", f"port:{port}", cwd=folder)
        found = next(c for c in report.data["causes"] if c["id"] == "server.worker-timeout")
        assert {"server.worker-timeout", "blocking.event-loop"} >= {report.ids[0]}, report.describe()
        wait_replaced(process, first, port)
        if "server.worker-killed-now" in [e["finding"] for e in found["evidence"] if e["seen"]]:
            break
    else:
        pytest.fail(f"never seen while it happens: {report.describe()}")
    top = doctor("diagnose", "app.py", cwd=folder).assert_first("server.worker-timeout")
    assert top["location"]["line"] == SLOW_LINE and top["location"]["function"] == "slow"
    assert any(f"slow ({folder}/app.py:{SLOW_LINE})" in r["text"] for r in top["remedies"]), top["remedies"]
    yard.stop(process)
    yard.folder("blocked", keyword="")  # the remedy: a plain def
    process = yard.gunicorn(folder, port, *UVICORN, "--timeout", "3")
    until(lambda: answers(port), 60, "no server")
    first = worker_of(process)
    call_slow(port, 5)
    with suppress(TimeoutError):
        until(lambda: worker_of(process) != first, 4.5, "")
    assert worker_of(process) == first
    doctor("diagnose", f"port:{port}", cwd=folder).assert_healthy()
    yard.stop(process)


def test_a_keeper_that_kills_what_it_starts(yard: Yard) -> None:
    """Its twins are all the others here: apps that a program with many ended children started, and lets live."""
    folder, port = yard.folder("kept"), free_ports()[0]
    (folder / "keeper.py").write_text(KEEPER)
    process = yard.start(folder, [sys.executable, "keeper.py", str(port)])
    until(lambda: (reaped_seconds(process.pid) or 0) > 1.2 and worker_of(process), 30, "not started anew")
    report = doctor("diagnose", "app.py", cwd=folder)
    top = report.assert_first("server.restart-loop")
    assert "keeper.py" in top["because"] and f"pid {process.pid}" in top["because"]
    yard.stop(process)
