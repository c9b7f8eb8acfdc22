"""The gate on real apps: open for a healthy one, closed for one that fails or is foretold to; nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil
import pytest

from tests.lab.harness import HEALTHY, Lab, answers, doctor, environment, until, write_app

PLAIN = """
    import gradio as gr

    gr.Interface(lambda name: name, "text", "text").launch()
"""
BROKEN = """
    import gradio as gr
    import no_such_module_anywhere

    gr.Interface(lambda name: name, "text", "text").launch()
"""
CHILDREN = """
    import subprocess, sys
    import gradio as gr

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    gr.Interface(lambda name: name, "text", "text").launch()
"""
LOOPBACK = 'FROM python:3.12\nEXPOSE 7860\nUSER 1000\nCMD ["python", "app.py"]\n'


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A directory for temporary files, which the gate has to leave empty."""
    made = tmp_path / "scratch"
    made.mkdir()
    yield made
    assert [p.name for p in made.iterdir() if p.name.startswith("gradio-doctor")] == []


def processes_of(directory: Path) -> list[int]:
    """Our processes that stand in a directory or name it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
        if any(str(directory) in w for w in words):
            found.append(process.pid)
    return found


def begin(app: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).with_name("gradio-doctor")), "gate", str(app), *arguments]
    return subprocess.Popen(command, cwd=app.parent, env=environment(**env), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_open_for_a_healthy_app_and_nothing_is_left(tmp_path: Path, scratch: Path) -> None:
    """Another run of the same app, on Gradio's own port or not, is neither disturbed nor looked at."""
    home = tmp_path / "app"
    home.mkdir()
    app = write_app(home, CHILDREN)
    report = doctor("gate", app, "--output", f"junit={tmp_path / 'gate.xml'}", cwd=home, env={"TMPDIR": str(scratch)})
    report.assert_healthy()
    assert "serving on" in report.stderr and "gate: open" in report.stderr
    suite = ET.parse(tmp_path / "gate.xml").getroot().find("testsuite")  # noqa: S314
    assert suite is not None and (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert processes_of(home) == []


def test_one_that_runs_already_is_left_alone(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, PLAIN)
    (lab.directory / "Dockerfile").write_text(LOOPBACK, encoding="utf-8")
    running = lab.start(app, wait=port, env={"GRADIO_SERVER_PORT": str(port)})
    seen = doctor("diagnose", app, "--no-run", cwd=lab.directory)  # it tells what is foretold, and calls the app well
    seen.assert_healthy()
    assert "deploy.loopback-in-container" in [p["finding"] for p in seen.data["predictions"]]
    report = doctor("gate", app, cwd=lab.directory)
    assert (report.status, report.data["verdict"], report.ids) == (1, "healthy", []), report.describe()
    assert "foreseen" in report.stderr
    assert f":{port} " not in report.stderr.replace("\n", " ")
    assert running.poll() is None and answers(port)
    assert len([p for p in processes_of(lab.directory) if p == running.pid]) == 1


def test_a_fixed_port_that_is_taken_is_said(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    other = lab.directory / "other"
    other.mkdir()
    holder = lab.start(write_app(other, HEALTHY, "other.py", port=port), wait=port)
    report = doctor("gate", app, "--startup-timeout", 40, cwd=lab.directory)
    report.assert_first("port.foreign-process")
    assert holder.poll() is None and answers(port)


def test_closed_for_an_app_that_does_not_start(tmp_path: Path) -> None:
    app = write_app(tmp_path, BROKEN)
    report = doctor("gate", app, cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    report.assert_first("dependency.missing")
    assert "gate: closed" in report.stderr
    log = Path(report.data["target"]["facts"]["run_log"])
    assert "no_such_module_anywhere" in log.read_text(encoding="utf-8")  # kept, for it is named


@pytest.mark.parametrize(("flags", "status"), [((), 1), (("--fail-on", "none"), 0)])
def test_what_is_foretold_closes_it_and_starts_nothing(tmp_path: Path, flags: tuple[str, ...], status: int) -> None:
    app = write_app(tmp_path, "\n    open('ran', 'w')" + PLAIN)
    (tmp_path / "Dockerfile").write_text(LOOPBACK, encoding="utf-8")
    report = doctor("gate", app, "--static-only", *flags, cwd=tmp_path)
    assert report.status == status, report.describe()
    assert (report.data["verdict"], report.ids) == ("healthy", [])
    assert "deploy.loopback-in-container" in [p["finding"] for p in report.data["predictions"]]
    assert not (tmp_path / "ran").exists()


def test_its_twin_is_let_through(tmp_path: Path) -> None:
    app = write_app(tmp_path, PLAIN)
    text = LOOPBACK.replace("USER", "ENV GRADIO_SERVER_NAME=0.0.0.0\nUSER")
    (tmp_path / "Dockerfile").write_text(text, encoding="utf-8")
    report = doctor("gate", app, "--static-only", cwd=tmp_path)
    report.assert_healthy()
    assert report.data["predictions"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_app_and_cleans_up(tmp_path: Path, scratch: Path, number: int) -> None:
    home = tmp_path / "app"
    home.mkdir()
    app = write_app(home, "import time, pathlib\npathlib.Path('up').touch()\ntime.sleep(300)\n")
    gate = begin(app, TMPDIR=str(scratch))
    try:
        until((home / "up").exists, 40, "the gate does not start the app")
        os.kill(gate.pid, number)
        _, told = gate.communicate(timeout=30)
    finally:
        gate.kill()
        gate.wait(10)
    assert (gate.returncode, "interrupted" in told) == (130, True)
    until(lambda: processes_of(home) == [], 10, "something was left")


def test_it_is_bounded_in_time(tmp_path: Path) -> None:
    app = write_app(tmp_path, "import time\ntime.sleep(300)\n")
    started = time.monotonic()
    report = doctor("gate", app, "--startup-timeout", 2, cwd=tmp_path, env={"TMPDIR": tempfile.gettempdir()})
    assert report.status in (1, 3), report.describe()
    assert time.monotonic() - started < 60
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("target", ["12345678", "http://127.0.0.1:9", "nothing.py"])
def test_it_wants_a_script(tmp_path: Path, target: str) -> None:
    done = subprocess.run([str(Path(sys.executable).with_name("gradio-doctor")), "gate", target], cwd=tmp_path,
                          capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
