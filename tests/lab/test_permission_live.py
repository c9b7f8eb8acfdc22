"""A running app of an ordinary user that loses the right to write its temporary directory. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.harness import CAP_DAC_READ_SEARCH, Lab, doctor, write_app
from tests.lab.resource_lab import as_user, seen_in

NOBODY = 65534
SHOWS = """
    import gradio as gr
    gr.Interface(lambda x: x, "{kind}", "text").launch(server_port={port})
"""


@pytest.fixture
def temp() -> Iterator[Path]:
    """A directory that everybody can reach, of that user (pytest's own are closed to all but us)."""
    place = Path(tempfile.mkdtemp(prefix="gradio-doctor-temp-", dir="/tmp"))
    place.chmod(0o755)
    os.chown(place, NOBODY, NOBODY)
    yield place
    shutil.rmtree(place, ignore_errors=True)


def start(lab: Lab, port: int, temp: Path, kind: str) -> Path:
    app = write_app(lab.directory, SHOWS, port=port, kind=kind)
    env = {"GRADIO_TEMP_DIR": str(temp), "HOME": str(temp), "PYTHONDONTWRITEBYTECODE": "1"}
    lab.start(app, wait=port, env=env, preexec=as_user(NOBODY, CAP_DAC_READ_SEARCH))
    return app


def test_uploads_that_cannot_be_kept(lab: Lab, port: int, temp: Path) -> None:
    """It serves all along. We are root and could write; what counts is who runs the app."""
    app = start(lab, port, temp, "file")
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()
    os.chown(temp, 0, 0)  # "sudo rm -rf /tmp/gradio", and a run by root
    report = doctor("diagnose", app, cwd=lab.directory)
    top = report.assert_first("limits.permission")
    assert "limits.temp-refused" in seen_in(top) and str(temp) in top["says"]
    temp.chmod(0o777)
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()


def test_without_files_it_is_no_fault(lab: Lab, port: int, temp: Path) -> None:
    """The twin: the same directory lost to an app that shows text alone."""
    app = start(lab, port, temp, "text")
    os.chown(temp, 0, 0)
    report = doctor("diagnose", app, cwd=lab.directory)
    report.assert_healthy()
    assert "limits.temp-refused-idle" in {p["finding"] for p in report.data["predictions"]}


@pytest.mark.parametrize("kind", ["file", "text"])
def test_a_disk_that_became_read_only(lab: Lab, port: int, temp: Path, kind: str) -> None:
    """As ext4 does after an error of the disk. An app that shows text alone does not feel it."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=16m,uid={NOBODY}", "tmpfs", str(temp)], check=True)
    try:
        app = start(lab, port, temp, kind)
        doctor("diagnose", app, cwd=lab.directory).assert_healthy()
        subprocess.run(["mount", "-o", "remount,ro", str(temp)], check=True)
        report = doctor("diagnose", app, cwd=lab.directory)
        if kind == "text":
            report.assert_healthy()
        else:
            assert "read-only file system" in report.assert_first("limits.permission")["because"]
    finally:
        lab.close()
        subprocess.run(["umount", "-l", str(temp)], check=True)
