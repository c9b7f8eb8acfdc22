# ruff: noqa: E501 - log lines stand as programs print them
"""Who ended the app: told by those who do such things, and not guessed where nobody says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.crash_sender import crash_sender
from gradio_doctor.evidence import Absent, KernelLog, LogEvents, Run
from gradio_doctor.evidence.run import KernelEvent
from tests.lab.harness import doctor

NOTHING = LogEvents(())
SYSTEMD = """
Nov 22 13:36:20 host systemd[1]: Stopping demo.service - Gradio demo...
Nov 22 13:37:50 host systemd[1]: demo.service: State 'stop-sigterm' timed out. Killing.
Nov 22 13:37:50 host systemd[1]: demo.service: Killing process 4711 (python) with signal SIGKILL.
Nov 22 13:37:50 host systemd[1]: demo.service: Main process exited, code=killed, status=9/KILL
"""
STOPPED = """
Nov 22 13:36:20 host systemd[1]: Stopping demo.service - Gradio demo...
Nov 22 13:36:20 host systemd[1]: demo.service: Main process exited, code=killed, status=15/TERM
"""
DOCKER = """
Nov 22 13:36:20 host dockerd[800]: time="2026-11-22T13:36:20Z" level=info msg="Container failed to exit within 10s of signal 15 - using the force" container=4f1d
app exited with code 137
"""
KUBERNETES = """
  Normal  Killing  2m11s  kubelet  Stopping container web
  Last State: Terminated
    Exit Code: 143
"""


def run(signal: int | None, **more: object) -> Run:
    return Run(("python",), "/srv", 4711, "exited", 5.0, signal=signal, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("log", "sender"),
    [(SYSTEMD, "systemd"), (STOPPED, "systemd"), (DOCKER, "Docker"), (KUBERNETES, "Kubernetes")],
)
def test_those_who_say_it(tmp_path: Path, log: str, sender: str) -> None:
    (tmp_path / "all.log").write_text(log)
    report = doctor("logs", "all.log", cwd=tmp_path)
    found = next(c for c in report.data["causes"] if c["id"] == "crash.terminated")
    told = [e["text"] for e in found["evidence"] if e["finding"] == "crash.sender-told" and e["seen"]]
    assert told and told[0].startswith(sender), report.describe()


def test_a_restart_that_ends_nothing_by_a_signal_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "all.log").write_text(
        "Nov 22 13:36:20 host systemd[1]: Stopping demo.service - Gradio demo...\n"
        "Nov 22 13:36:21 host systemd[1]: demo.service: Deactivated successfully.\n"
        "Nov 22 13:36:21 host systemd[1]: Stopped demo.service - Gradio demo.\n"
    )
    doctor("logs", "all.log", cwd=tmp_path).assert_healthy()


KILLED = KernelLog((KernelEvent("oom-kill", 4711, "python", "Killed process 4711"),))


@pytest.mark.parametrize(
    ("seen", "kernel", "unknown"),
    [
        (run(15), Absent("no"), True), (run(9), KernelLog(()), True), (run(1), Absent("no"), True),
        (run(9), KILLED, False), (run(9, cgroup_kills=1), Absent("no"), False),
        (run(11), Absent("no"), False), (run(None), Absent("no"), False), (Absent("no"), Absent("no"), False),
        (run(99), Absent("no"), False),
    ],
)
def test_not_known_is_said_where_nobody_is_named(seen: Run | Absent, kernel: KernelLog | Absent, unknown: bool) -> None:
    found = [f.id for f in crash_sender(NOTHING, seen, kernel)]
    assert found == ["crash.sender-unknown"] * unknown


def test_others_stop_things_too(tmp_path: Path) -> None:
    """Gradio stops its Node process when docker compose is told to stop: no service, and nobody was ended."""
    (tmp_path / "all.log").write_text(
        "* Running on local URL:  http://0.0.0.0:7860\nGracefully Stopping... press Ctrl+C again to force\n"
        "Keyboard interruption in main thread... closing server.\nStopping Node.js server...\n"
    )
    doctor("logs", "all.log", cwd=tmp_path).assert_healthy()
