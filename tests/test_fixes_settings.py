"""Remedies that set a variable, where the source or a command line wins over it: the line to change is told instead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gradio_doctor.diagnosis import Fix
from gradio_doctor.evidence import AppSource, Instances, Process
from gradio_doctor.fixes_settings import heeded
from gradio_doctor.knowledge.model import Prose
from tests.probes.source_apps import read_app
from tests.report.made import cause

_EVERY = ("GRADIO_SERVER_NAME=0.0.0.0 python app.py", "export GRADIO_SERVER_NAME=0.0.0.0")
ALL = Fix(Prose("Listen on every address."), _EVERY, True, ("vitals-answers",))
PATH = Fix(Prose("Tell it."), ("GRADIO_ROOT_PATH='/my rev' python app.py",), False, ())
PORT = Fix(Prose("Take another."), ("GRADIO_SERVER_PORT=7861 python app.py", "ss -ltnp"), False, ())
LAUNCH = "import gradio as gr\ndemo = gr.Blocks()\n{}\n"


def after(fix: Fix, source: AppSource | None, *command: str) -> Fix:
    main = (Process(7, 1, "python", command or ("python", "app.py"), "me", 0.0, "sleeping"),)
    (told,) = heeded(replace(cause(), fixes=(fix,)), source, Instances("app.py", main)).fixes
    return told


@pytest.mark.parametrize(("call", "fix", "line", "written"), [
    ('demo.launch(server_name="127.0.0.1")', ALL, 'demo.launch(server_name="0.0.0.0")', 'server_name="0.0.0.0"'),
    ('demo.launch(\n    root_path="",\n)', PATH, '    root_path="/my rev",', 'root_path="/my rev"'),
    ("demo.launch(server_port=7860)", PORT, "demo.launch(server_port=7861)", "server_port=7861"),
    ('import uvicorn\nuvicorn.run(demo.app, host="127.0.0.1")', ALL, 'uvicorn.run(demo.app, host="0.0.0.0")',
     'host="0.0.0.0"'),
])
def test_an_argument_is_changed_where_it_stands(call: str, fix: Fix, line: str, written: str, tmp_path: Path) -> None:
    told = after(fix, read_app(tmp_path, LAUNCH.format(call)))
    assert f"+{line}" in told.diff.splitlines() and told.directory == str(tmp_path)
    assert written in told.text.en and written in told.text.zh
    number = LAUNCH.format(call).splitlines().index(next(r[1:] for r in told.diff.splitlines()[2:] if r[0] == "-")) + 1
    assert f"app.py:{number}" in told.text.en
    assert told.verify == fix.verify and not any("GRADIO_" in c for c in told.commands)


def test_other_commands_of_the_remedy_stay(tmp_path: Path) -> None:
    assert after(PORT, read_app(tmp_path, LAUNCH.format("demo.launch(server_port=7860)"))).commands == ("ss -ltnp",)


@pytest.mark.parametrize(("call", "fix"), [
    ("demo.launch()", ALL), ("demo.launch(server_name=None)", ALL), ('demo.launch(server_name="")', ALL),
    ("demo.launch(root_path=None)", PATH), ("demo.launch(server_port=None)", PORT),
    ('demo.launch(server_name="127.0.0.1")', PATH), ("import uvicorn\nuvicorn.run(demo.app)", PATH),
])
def test_what_is_not_given_leaves_the_variable(call: str, fix: Fix, tmp_path: Path) -> None:
    """An empty server_name is as good as none; an empty root_path is not (gradio/blocks.py)."""
    assert after(fix, read_app(tmp_path, LAUNCH.format(call))) == fix
    assert after(fix, None) == fix


def test_a_value_from_elsewhere_is_told_with_where_it_comes_from(tmp_path: Path) -> None:
    call = 'import os\ndemo.launch(server_name=os.environ.get("HOST", "127.0.0.1"))'
    told = after(ALL, read_app(tmp_path, LAUNCH.format(call)))
    assert not told.diff and "app.py:4" in told.text.en and "HOST" in told.text.en


def test_uvicorn_run_without_an_address_gets_one(tmp_path: Path) -> None:
    told = after(ALL, read_app(tmp_path, LAUNCH.format("import uvicorn\nuvicorn.run(demo.app)")))
    assert 'host="0.0.0.0"' in told.text.en and "app.py:4" in told.text.en


@pytest.mark.parametrize(("command", "expected"), [
    ("uvicorn app:app", "uvicorn app:app --host 0.0.0.0"),
    ("python -m uvicorn app:app --host 127.0.0.1 --port 80", "python -m uvicorn app:app --host 0.0.0.0 --port 80"),
    ("/v/bin/uvicorn --host=127.0.0.1 app:app", "/v/bin/uvicorn --host=0.0.0.0 app:app"),
    ("gunicorn app:app -b 127.0.0.1:80 -w 2", "gunicorn app:app -b 0.0.0.0:80 -w 2"),
    ("hypercorn --bind=localhost:81 app:app", "hypercorn --bind=0.0.0.0:81 app:app"),
    ("gunicorn app:app", "gunicorn app:app -b 0.0.0.0:8000"),
])
def test_a_server_of_its_own_is_told_on_its_command_line(command: str, expected: str, tmp_path: Path) -> None:
    app = read_app(tmp_path, LAUNCH.format('if __name__ == "__main__":\n    demo.launch(server_name="127.0.0.1")'))
    told = after(ALL, app, *command.split())
    assert told.commands == (expected,) and "launch()" in told.text.en


def test_remedies_that_become_the_same_are_told_once(tmp_path: Path) -> None:
    app = read_app(tmp_path, LAUNCH.format('demo.launch(server_name="127.0.0.1")'))
    twice = (ALL, PORT, replace(ALL, text=Prose("Again.")))
    told = heeded(replace(cause(), fixes=twice), app, None).fixes
    assert len(told) == 2 and told[0].diff and told[1] == PORT
