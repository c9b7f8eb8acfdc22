"""Servers whose workers or apps end and are started anew: why, where that can be known, and who does it, where not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gradio_doctor.probes.servers_watch import reaped_seconds
from tests.lab.harness import answers, doctor, environment, until
from tests.lab.test_servers import UVICORN, Yard, pasted, worker_of
from tests.ports import free_port

APP = """import os, threading, time
import gradio as gr
from fastapi import FastAPI

{at_start}
with gr.Blocks() as demo:
    box = gr.Textbox()
    box.submit(lambda text: text, box, box)

app = gr.mount_gradio_app(FastAPI(), demo, path="/")
"""
NEEDS_KEY = 'key = os.environ["MODEL_KEY"]'
DIES = "threading.Timer(1.5, os._exit, (1,)).start()"
LOADS = "time.sleep(9)"
LOOP = """while true; do
  "{python}" -m uvicorn app:app --port {port} & app=$!
  sleep 5
  "{python}" -c "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}{health}', timeout=2)" || kill -9 $app
  while kill -0 $app 2>/dev/null && "{python}" -c "import urllib.request as r; \
r.urlopen('http://127.0.0.1:{port}{health}', timeout=2)"; do sleep 2; done
  kill -9 $app; wait $app
done
"""


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    made = Yard(tmp_path_factory.mktemp("deaths"))
    yield made
    for process in made.running:
        made.stop(process)


def folder_of(yard: Yard, name: str, at_start: str) -> Path:
    folder = yard.folder(name)
    (folder / "app.py").write_text(APP.format(at_start=at_start))
    return folder


def served_by(keeper: int) -> list[int]:
    return [c.pid for c in psutil.Process(keeper).children() if "uvicorn" in " ".join(c.cmdline())]


def has_died(process: subprocess.Popen[bytes]) -> None:
    until(lambda: (reaped_seconds(process.pid) or 0) > 1.2, 60, "nothing has ended yet")


def test_workers_that_raise_at_their_start(yard: Yard) -> None:
    """Uvicorn starts them again for ever. Without its output nobody can say why; the remedy shows it, and the log."""
    folder, port = folder_of(yard, "raising", NEEDS_KEY), free_port()
    command = [sys.executable, "-m", "uvicorn", "app:app", "--workers", "2", "--port", str(port)]
    process = yard.start(folder, command)
    has_died(process)
    report = doctor("diagnose", f"port:{port}", cwd=folder)
    assert report.assert_first("server.restart-loop")["remedies"]
    yard.stop(process)
    shown = subprocess.run(["sh", "-c", pasted(report, "--workers 1")], capture_output=True, text=True, timeout=60,
                           env=environment(), check=False)
    assert "KeyError: 'MODEL_KEY'" in shown.stderr
    with (folder / "server.log").open("wb") as log:
        process = yard.start(folder, command, log)
    has_died(process)
    top = doctor("diagnose", f"port:{port}", cwd=folder).assert_first("app.startup-exception")
    assert (top["location"]["file"], top["location"]["line"]) == (str(folder / "app.py"), 5)
    yard.stop(process)
    process = yard.start(folder, "env MODEL_KEY=k " + pasted(report, "--workers 1"))
    until(lambda: answers(port), 60, "no server")
    doctor("diagnose", f"port:{port}", cwd=folder).assert_healthy()
    yard.stop(process)


def test_a_worker_that_ends_without_a_word(yard: Yard) -> None:
    folder, port = folder_of(yard, "dying", DIES), free_port()
    process = yard.gunicorn(folder, port, *UVICORN)
    has_died(process)
    top = doctor("diagnose", f"port:{port}", cwd=folder).assert_first("server.restart-loop")
    assert f"gunicorn (pid {process.pid})" in top["says"]
    yard.stop(process)
    folder_of(yard, "dying", "")
    process = yard.gunicorn(folder, port, *UVICORN)
    until(lambda: answers(port), 60, "no server")
    worker = worker_of(process)
    subprocess.run(["kill", "-9", str(worker)], check=True)  # the twin: one has died, and its successor is well
    until(lambda: worker_of(process) not in (None, worker) and answers(port), 60, "no new worker")
    doctor("diagnose", f"port:{port}", cwd=folder).assert_healthy()
    yard.stop(process)


def test_a_start_that_takes_longer_than_the_worker_may_be_silent(yard: Yard) -> None:
    """gunicorn 20 counts from the worker's birth; since 22 (27 measured), from its first sign of life."""
    folder, port = folder_of(yard, "loading", LOADS), free_port()
    old = folder / "old"
    install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--target", str(old)]
    subprocess.run([*install, "gunicorn==20.1.0", "setuptools<81"], check=True, timeout=120)
    flags = ("-b", f"127.0.0.1:{port}", *UVICORN, "--timeout", "4")
    variables = f"PYTHONPATH={old}"
    process = yard.start(folder, ["env", variables, sys.executable, "-m", "gunicorn", "app:app", *flags])
    has_died(process)
    report = doctor("diagnose", f"port:{port}", cwd=folder)
    report.assert_first("server.worker-timeout")
    yard.stop(process)
    process = yard.start(folder, f"env {variables} {pasted(report, '600')}")
    until(lambda: answers(port), 60, "no server")
    doctor("diagnose", f"port:{port}", cwd=folder).assert_healthy()
    yard.stop(process)


def test_a_name_that_the_module_lacks(yard: Yard) -> None:
    """With --reload: uvicorn and gunicorn end at once otherwise."""
    folder, port = folder_of(yard, "renamed", ""), free_port()
    command = [sys.executable, "-m", "uvicorn", "app:application", "--reload", "--port", str(port)]
    process = yard.start(folder, command)
    until(lambda: any(c.status() == psutil.STATUS_ZOMBIE for c in psutil.Process(process.pid).children()), 60, "no end")
    report = doctor("diagnose", f"port:{port}", cwd=folder)
    report.assert_first("server.wrong-worker")
    yard.stop(process)
    process = yard.start(folder, pasted(report, "app:app"))
    until(lambda: answers(port), 60, "no server")
    doctor("diagnose", f"port:{port}", cwd=folder).assert_healthy()
    yard.stop(process)


@pytest.mark.parametrize("health", ["/", "/healthz"])
def test_a_health_check_that_kills(yard: Yard, health: str) -> None:
    """A liveness probe on a route that is not there kills a healthy app; on one that is, it lets it live."""
    folder, port = folder_of(yard, f"alive{len(health)}", ""), free_port()
    (folder / "loop.sh").write_text(LOOP.format(python=sys.executable, port=port, health=health))
    process = yard.start(folder, ["bash", "loop.sh"])
    if health == "/":
        until(lambda: answers(port), 60, "no server")
        doctor("diagnose", "app.py", cwd=folder).assert_healthy()
    else:
        until(lambda: (reaped_seconds(process.pid) or 0) > 1.2, 60, "not killed yet")
        until(lambda: served_by(process.pid), 30, "not started anew")
        top = doctor("diagnose", "app.py", cwd=folder).assert_first("server.restart-loop")
        assert "loop.sh" in top["because"]
    yard.stop(process)


@pytest.mark.parametrize("missing", [True, False])
def test_a_shell_that_starts_it_again_is_not_to_blame(yard: Yard, missing: bool) -> None:
    folder, port = yard.folder(f"missing{missing}"), free_port()
    line = "import not_there_at_all\n" if missing else ""
    (folder / "app.py").write_text(f"import gradio as gr\n{line}gr.Interface(len, 'text', 'text')"
                                   f".launch(server_port={port})\n")
    shell = f'while true; do "{sys.executable}" app.py; sleep 1; done'
    with (folder / "app.log").open("wb") as log:
        process = yard.start(folder, ["bash", "-c", shell], log)
    if missing:
        has_died(process)
        doctor("diagnose", "app.py", cwd=folder).assert_first("dependency.missing")
    else:
        until(lambda: answers(port), 60, "no server")
        doctor("diagnose", "app.py", cwd=folder).assert_healthy()
    yard.stop(process)


