"""systemd units with drop-ins, Procfiles, gunicorn's settings, the header of a Space."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.evidence import Unit
from gradio_doctor.probes.deploy.procfile import read_procfile
from gradio_doctor.probes.deploy.settings import read_gunicorn, read_space
from gradio_doctor.probes.deploy.systemd import read_systemd
from tests.probes.deploy_files import SERVICE, only, read

START = "ExecStart=/srv/venv/bin/python /srv/app.py"


def unit(*lines: str, added: str = "") -> Unit:
    """The service with these lines, and a drop-in over it."""
    more = [("/r/demo.service.d/a.conf", f"[Service]\n{added}")] if added else []
    return read_systemd("\n".join(("[Service]", *lines)), "/r/demo.service", "/r/app.py", more)[0]


@pytest.mark.parametrize(("lines", "expected"), [
    (["Environment=A=1 B=2", "Environment=C=3"], {"A": "1", "B": "2", "C": "3"}),
    (["Environment=A=1", "Environment=", "Environment=B=2"], {"B": "2"}),
    (['Environment="A=1 2" \'B=3 4\''], {"A": "1 2", "B": "3 4"}),
    (["Environment=A=1 \\", "# a word", "; another", "  B=2"], {"A": "1", "B": "2"}),
    (["Restart=no", "# Environment=A=1", ";Environment=B=2"], {}),
    (["Environment=A=1 B=2", "UnsetEnvironment=A"], {"B": "2"}),
    (["Environment=A=$HOME"], {"A": "HOME"}),  # here it is an ordinary character, and left out of what is shown
    (["Environment=A=%i B=50%%"], {"B": "50%%"}),
    (["Restart=no", "[Install]", "Environment=A=1"], {}),
    (["PassEnvironment=A"], {}),
])
def test_variables(lines: list[str], expected: dict[str, str]) -> None:
    assert {s.name: s.value for s in unit(*lines).environment if s.known} == expected


@pytest.mark.parametrize(("lines", "line", "runs"), [
    ([START], 2, "app"),
    (["ExecStart=/usr/bin/python /srv/other.py", "ExecStart=", START], 4, "app"),
    ([START, "ExecStart="], 0, "perhaps"),
    (["ExecStart=-/usr/bin/python /srv/app.py"], 2, "app"),
    (["ExecStart=@/usr/bin/python python /srv/app.py"], 2, "other"),  # the second word is its name
    (["ExecStart=!!/usr/bin/python /srv/app.py"], 2, "app"),
    (['ExecStart=/bin/bash -c "cd /srv && exec python app.py"'], 2, "app"),
    (["ExecStart=/usr/bin/python \\", "  # why", "  /srv/app.py"], 2, "app"),
    (["ExecStartPre=/usr/bin/python /srv/app.py"], 0, "perhaps"),
    (["ExecStart=/usr/bin/docker run x python app.py"], 2, "perhaps"),
    (["ExecStart=/usr/bin/python /srv/%i.py"], 2, "perhaps"),
])
def test_commands(lines: list[str], line: int, runs: str) -> None:
    found = unit(*lines)
    assert (found.command_line, found.runs) == (line, runs)


def test_a_specifier_leaves_a_command_open() -> None:
    found = unit("ExecStart=/usr/bin/uvicorn app:app --port 70%i").server
    assert found and not found.settled


@pytest.mark.parametrize(("added", "name", "value"), [
    ("User=other", "User", "other"), ("User=", "User", ""), ("Environment=A=2", "A", "2"), ("Environment=", "A", ""),
    ("MemoryMax=1G", "User", "demo"),
])
def test_a_drop_in_is_put_over_the_unit(added: str, name: str, value: str) -> None:
    found = unit(START, "User=demo", "Environment=A=1", added=added)
    word = found.user if name == "User" else found.variable(name)
    assert (word.value if word else "") == value


def test_drop_ins_beside_are_read_in_order(tmp_path: Path) -> None:
    found = only(read(
        tmp_path, demo__service=SERVICE, demo__service__d___10__conf="[Service]\nType=notify\n",
        demo__service__d___20__conf="[Service]\nType=simple\nExecStart=\nExecStart=/usr/bin/python /srv/other.py\n",
        demo__service__d___notes__txt="[Service]\nType=oneshot\n",
    ), "systemd")
    kind = found.setting("Type")
    assert kind and (kind.value, kind.line, Path(kind.file).name) == ("simple", 2, "20.conf")
    assert (found.runs, Path(found.file).name, found.command_line) == ("other", "20.conf", 4)


def test_a_file_of_variables_leaves_it_open() -> None:
    assert not unit(START, "EnvironmentFile=-/etc/default/demo").sealed
    assert unit(START, "EnvironmentFile=/etc/default/demo", "EnvironmentFile=").sealed


def test_a_procfile_with_several_processes() -> None:
    text = "# x\nweb: A=1 gunicorn --capture-output -w 2 app:app\nworker:python jobs.py\nrelease: sh -c 'a; b'\n\nbad\n"
    web, worker, release = read_procfile(text, "Procfile", "/r/app.py")
    assert (web.runs, web.line, web.server and web.server.workers) == ("app", 2, 2)
    assert [(s.name, s.value, s.line) for s in web.environment] == [("A", "1", 2)]
    assert (worker.runs, worker.line, release.runs, release.name) == ("other", 3, "perhaps", "release")


@pytest.mark.parametrize("text", ["", "\n\n", "no process", ": x", "1web: x"])
def test_what_is_no_procfile(text: str) -> None:
    with pytest.raises(ValueError, match="no Procfile"):
        read_procfile(text, "Procfile", "/r/app.py")


@pytest.mark.parametrize(("text", "name", "value", "known"), [
    ("workers = 2", "workers", "2", True), ("workers: int = 2", "workers", "2", True),
    ("workers = 1\nworkers = 2", "workers", "2", True), ("workers = f()", "workers", "", False),
    ("if x:\n    workers = 2", "workers", "", False), ("workers = 2\nif x:\n    workers = 3", "workers", "", False),
    ("a = workers = 2", "workers", "2", True), ("workers, a = 2, 3", "workers", "", False),
    ("workers = 1\nworkers += 1", "workers", "", False), ("for workers in x: pass", "workers", "", False),
    ("from base import workers", "workers", "", False), ("from base import *", "*", "", False),
    ("bind = ['a']", "bind", "", False),
])
def test_settings_of_gunicorn(text: str, name: str, value: str, known: bool) -> None:
    word = next(s for s in reversed(read_gunicorn(text, "gunicorn.conf.py")) if s.name == name)
    assert (word.value, word.known) == (value, known)


def test_functions_of_gunicorn_are_no_settings() -> None:
    assert read_gunicorn("def on_starting(server):\n    workers = 9\n", "f") == ()


@pytest.mark.parametrize(("header", "missing"), [
    ("sdk: gradio\napp_file: app.py", []), ("sdk: gradio\napp_file: main.py", [("main.py", 3)]),
    ("sdk: gradio\napp_file: src/app.py", [("src/app.py", 3)]), ("sdk: gradio", []),
    ("sdk: docker\napp_file: main.py", []), ("sdk: static\napp_file: index.html", []),
    ('sdk: gradio\napp_file: "a\\0b"', [("ab", 3)]),
])
def test_the_file_that_a_space_runs(tmp_path: Path, header: str, missing: list[tuple[str, int]]) -> None:
    found = read(tmp_path, README__md=f"---\n{header}\n---\n# x\n")
    assert [(s.value, s.line) for s in found.missing] == missing


@pytest.mark.parametrize("text", [
    "---\r\nsdk: gradio\r\nsdk_version: 5.0.1\r\n---\r\n# x\r\n", "---\nsdk: gradio\nsdk_version: 5.0.1\n---",
    "---  \nsdk: gradio\nsdk_version: '5.0.1' # why\n---\t\n",
])
def test_headers_in_odd_dress(text: str) -> None:
    assert ("sdk_version", "5.0.1") in [(s.name, s.value) for s in read_space(text, "README.md")]
