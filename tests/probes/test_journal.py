"""Which service an app belongs to: read off its control groups, or off the files of services."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradio_doctor.probes import journal
from gradio_doctor.probes.journal import read_journal, starts, unit_in, unit_of, unit_that_runs

APP = Path("/srv/demo/app.py")
FOLDER = "[Service]\nWorkingDirectory=/srv/demo\n"


@pytest.mark.parametrize(("groups", "unit"), [
    ("0::/system.slice/gradio.service\n", ("gradio.service", False)),
    ("9:name=systemd:/system.slice/gradio.service\n8:pids:/\n0::/\n", ("gradio.service", False)),
    ("0::/system.slice/system-demo.slice/demo@7.service/worker\n", ("demo@7.service", False)),
    ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/demo.service\n", ("demo.service", True)),
    ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-1.scope\n", None),
    ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
    ("0::/docker/0123abc\n", None), ("0::/\n", None), ("", None), ("garbage", None), ("0::/x\x1b[31m.service\n", None),
])
def test_the_service_of_a_control_group(groups: str, unit: object) -> None:
    assert unit_in(groups) == unit


@pytest.mark.parametrize(("text", "runs"), [
    ("[Service]\nExecStart=/venv/bin/python /srv/demo/app.py --port 7\n", True),
    ("[Service]\nExecStart=/venv/bin/python \"/srv/demo/app.py\"\n", True),
    (FOLDER + "ExecStart=/venv/bin/python app.py\n", True),
    (FOLDER + "ExecStart=/venv/bin/gunicorn app:app -w 1\n", True),
    (FOLDER.replace("demo\n", "demo/\n") + "ExecStart=uvicorn app:demo\n", True),
    ("[Service]\nExecStart=/venv/bin/python /srv/demo/app.py.bak\n", False),
    ("[Service]\nExecStart=/venv/bin/python /old/srv/demo/app.py\n", False),
    ("[Service]\nExecStart=/venv/bin/python app.py\n", False),  # from which folder is not said
    (FOLDER + "ExecStart=/venv/bin/python other.py\n", False),
    (FOLDER + "ExecStart=/venv/bin/python myapp.py\n", False),
    (FOLDER + "# ExecStart=/venv/bin/python app.py\nExecStart=/bin/true\n", False),
    (FOLDER.replace("demo", "demolition") + "ExecStart=python app.py\n", False), ("", False), ("\0\xff", False),
])
def test_a_service_file_that_starts_the_app_or_does_not(text: str, runs: bool) -> None:
    assert starts(text, APP) is runs


def test_two_services_that_start_it_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_UNITS", (str(tmp_path), "/no/such/folder"))
    line = f"[Service]\nExecStart=python {APP}\n"
    (tmp_path / "one.service").write_text(line)
    (tmp_path / "gone.service").symlink_to("/no/such/file")
    os.mkfifo(tmp_path / "pipe.service")
    assert unit_that_runs(str(APP)) == ("one.service", False)
    (tmp_path / "two.service").write_text(line)
    assert unit_that_runs(str(APP)) is None


def test_what_is_not_there() -> None:
    assert unit_of(2**30) is None
    assert read_journal(("no-such-thing-anywhere.service", False)) == b""


def test_a_journal_that_hangs_or_floods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(journal, "_SECONDS", 0.5)
    for text in ("sleep 60", "exec yes", "exit 3", "echo no >&2; exit 1"):
        (tmp_path / "journalctl").write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "journalctl").chmod(0o755)
        assert read_journal(("a.service", False)) == b""
