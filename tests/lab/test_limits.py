"""Files and directories that the app may not use. Each fault beside its healthy twin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lab.harness import (
    CAP_DAC_OVERRIDE,
    CAP_DAC_READ_SEARCH,
    CAP_FOWNER,
    HEALTHY,
    Lab,
    doctor,
    without_capabilities,
    write_app,
)

WRITES = """
    import logging
    import gradio as gr

    logging.basicConfig(filename="{path}")
    gr.Interface(lambda x: x, "text", "text").launch(server_port={port})
"""
like_a_user = without_capabilities(CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER)


@pytest.fixture
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that nobody may write to."""
    directory = tmp_path_factory.mktemp("locked")
    directory.chmod(0o555)
    return directory


def test_temporary_directory_may_not_be_written(lab: Lab, port: int, locked: Path) -> None:
    write_app(lab.directory, HEALTHY, port=port)
    env = {"GRADIO_TEMP_DIR": str(locked)}
    report = doctor("diagnose", "app.py", cwd=lab.directory, env=env, preexec=like_a_user)
    top = report.assert_first("limits.permission")
    assert str(locked) in top["says"]
    assert any(str(locked) in c for r in top["remedies"] for c in r["commands"])
    locked.chmod(0o755)
    doctor("diagnose", "app.py", cwd=lab.directory, env=env, preexec=like_a_user).assert_healthy()


def test_temporary_directory_is_a_file(lab: Lab, port: int, tmp_path: Path) -> None:
    """Nobody denies anything; the path is of the wrong kind."""
    (tmp_path / "file").touch()
    write_app(lab.directory, HEALTHY, port=port)
    report = doctor("diagnose", "app.py", cwd=lab.directory, env={"GRADIO_TEMP_DIR": str(tmp_path / "file")})
    assert report.status == 1, report.describe()
    assert str(tmp_path / "file") in report.top["says"] + report.top["because"]


def test_own_file_may_not_be_written(lab: Lab, port: int, locked: Path) -> None:
    app = write_app(lab.directory, WRITES, path=locked / "app.txt", port=port)
    top = doctor("diagnose", "app.py", cwd=lab.directory, preexec=like_a_user).assert_first("limits.permission")
    assert str(locked / "app.txt") in top["says"]
    assert (top["location"]["file"], top["location"]["line"]) == (str(app), 4)
    write_app(lab.directory, WRITES, path=lab.directory / "app.txt", port=port)
    doctor("diagnose", "app.py", cwd=lab.directory, preexec=like_a_user).assert_healthy()


def test_secret_that_only_its_owner_may_read(lab: Lab) -> None:
    secret = lab.directory / "secret.txt"
    secret.write_text("x")
    secret.chmod(0)
    write_app(lab.directory, "import gradio as gr\n\nkey = open('secret.txt').read()\n")
    top = doctor("diagnose", "app.py", cwd=lab.directory, preexec=like_a_user).assert_first("limits.permission")
    assert "secret.txt" in top["says"]


def test_working_directory_that_may_not_be_written_is_healthy(lab: Lab, port: int) -> None:
    """Gradio only writes there for a share link and cached examples."""
    write_app(lab.directory, HEALTHY, port=port)
    lab.directory.chmod(0o555)
    try:
        env = {"PYTHONDONTWRITEBYTECODE": "1", "HOME": os.environ.get("HOME", "/root")}
        doctor("diagnose", "app.py", cwd=lab.directory, env=env, preexec=like_a_user).assert_healthy()
    finally:
        lab.directory.chmod(0o755)


def test_seen_in_a_log_only(lab: Lab, port: int, locked: Path) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    lab.start(app, wait=None, env={"GRADIO_TEMP_DIR": str(locked)}, preexec=like_a_user).wait(90)
    doctor("logs", "app.log", cwd=lab.directory).assert_first("limits.permission")
