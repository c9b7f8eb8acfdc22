"""What diagnose starts it also stops, with everything that it started; and it starts nothing when it may not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.lab.harness import HEALTHY, Lab, doctor, environment, until, write_app

FAMILY = """
    import os, subprocess, sys, time
    import gradio as gr

    def note(name, pid):
        with open("pids.txt", "a") as file:
            print(name, pid, file=file, flush=True)

    note("app", os.getpid())
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    note("child", child)
    sleeper = "import subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session=True); " \\
              "print('grandchild', p.pid, file=open('pids.txt', 'a'))"
    subprocess.run([sys.executable, "-c", sleeper], start_new_session=True)
    {before}
    gr.Interface(lambda x: x, "text", "text").launch(server_port={port}{more})
"""
NEVER = "import time\nprint('loading the model', flush=True)\ntime.sleep(600)\n"


def pids(directory: Path) -> dict[str, int]:
    """The processes that the app told of."""
    path = directory / "pids.txt"
    words = path.read_text().split() if path.exists() else []
    return {name: int(pid) for name, pid in zip(words[::2], words[1::2], strict=False)}


def assert_gone(directory: Path, *names: str) -> None:
    """All of them have ended, and nothing else of the directory is left."""
    told = pids(directory)
    assert set(names) <= set(told)
    until(lambda: not any(psutil.pid_exists(p) for p in told.values()), 10, f"still there: {told}")
    left = [p.info for p in psutil.process_iter(["pid", "cwd"]) if p.info["cwd"] == str(directory)]
    assert not left


def test_everything_that_it_started_is_stopped(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, FAMILY, port=port, before="", more="")
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()
    assert_gone(lab.directory, "app", "child", "grandchild")


def test_node_in_front_is_stopped(lab: Lab, port: int) -> None:
    """Server-side rendering runs a Node process that holds the user's port."""
    assert shutil.which("node"), "the lab needs node for server-side rendering"
    app = write_app(lab.directory, FAMILY, port=port, before="", more=", ssr_mode=True")
    report = doctor("diagnose", app, cwd=lab.directory)
    report.assert_healthy()
    assert_gone(lab.directory, "app", "child", "grandchild")
    left = [p.info["pid"] for p in psutil.process_iter(["pid", "cmdline", "environ"])
            if "node" in " ".join(p.info["cmdline"] or []) and (p.info["environ"] or {}).get("PORT") == str(port)]
    assert not left


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, None)])
def test_interrupted_while_starting(lab: Lab, port: int, number: int, status: int | None) -> None:
    app = write_app(lab.directory, FAMILY, port=port, before="time.sleep(600)", more="")
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("gradio-doctor")), "diagnose", str(app)], cwd=lab.directory,
        env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    lab.started.append(process.pid)
    until(lambda: "grandchild" in pids(lab.directory), 60, "the app did not come that far")
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    if status is not None:
        assert process.returncode == status
    assert process.returncode not in (0, 1)
    assert b"Traceback" not in errors + output
    assert_gone(lab.directory, "app", "child", "grandchild")


def test_it_starts_nothing_when_it_may_not(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, FAMILY, port=port, before="", more="")
    report = doctor("diagnose", app, "--no-run", cwd=lab.directory)
    assert not pids(lab.directory)
    assert (report.status, report.data["verdict"], report.ids) == (3, "inconclusive", []), report.describe()
    skipped = [c for c in report.data["checks"] if c["outcome"] == "skipped" and "--no-run" in c["reason"]]
    assert skipped and any(c["unlock"] for c in skipped)


def test_no_run_on_a_running_app_is_healthy(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    lab.start(app, wait=port)
    doctor("diagnose", app, "--no-run", cwd=lab.directory).assert_healthy()


def test_it_never_serves(lab: Lab) -> None:
    """It says that it could not tell, within the time allowed, and leaves nothing."""
    app = write_app(lab.directory, NEVER)
    report = doctor("diagnose", app, "--startup-timeout", 3, cwd=lab.directory)
    assert report.data["verdict"] != "healthy", report.describe()
    assert report.status in (1, 3)
    assert any("3 s" in s["text"] or "neither" in s["text"] for s in report.data["symptoms"]) or report.ids
    left = [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(lab.directory) and p.pid != os.getpid()]
    assert not left
