"""Which file a command line runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.probes.scripts import absolute, is_python, program_name, script_of_command


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    for name in ("app.py", "pkg/mod.py", "pkg/__main__.py", "pkg/__init__.py", "uvicorn.py"):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    return root


COMMANDS = [
    ("python app.py", "app.py"),
    ("/usr/bin/python3.11 -u -X utf8 -Wignore app.py --port 1", "app.py"),
    ("python -W ignore -B gone.py", "gone.py"),
    ("python --check-hash-based-pycs always app.py", "app.py"),
    ("python3.13t app.py", "app.py"),
    ("pypy3 app.py", "app.py"),
    ("python -m pkg.mod", "pkg/mod.py"),
    ("python -um pkg.mod", "pkg/mod.py"),
    ("python -mpkg.mod", "pkg/mod.py"),
    ("python -m pkg", "pkg/__main__.py"),
    ("python pkg", "pkg/__main__.py"),
    ("python -m http.server", ""),
    ("python -m ..etc.passwd", ""),
    ("python -c pass app.py", ""),
    ("python -", ""),
    ("python", ""),
    ("python -X", ""),
    ("python -m", ""),
    ("gradio app.py demo", "app.py"),
    ("/v/bin/python /v/bin/gradio app.py", "app.py"),
    ("python -m gradio app.py", "app.py"),
    ("gradio cc dev", ""),
    ("uvicorn app:demo --host 0.0.0.0 --port 80", "app.py"),
    ("/v/bin/python /v/bin/uvicorn --host localhost pkg.mod:app", "pkg/mod.py"),
    ("uvicorn pkg:app", "pkg/__init__.py"),
    ("uvicorn --app-dir pkg mod:app", "pkg/mod.py"),
    ("uvicorn elsewhere:app", ""),
    ("python -m uvicorn app:make() --factory", "app.py"),
    ("gunicorn -b unix:sock -k uvicorn.workers.UvicornWorker app:app", "app.py"),
    ("gunicorn --chdir=pkg mod", "pkg/mod.py"),
    ("fastapi dev app.py", "app.py"),
    ("python -m debugpy --listen 5678 app.py", "app.py"),
    ("uv run app.py", "app.py"),
    ("uv run --with gradio --python 3.12 python app.py", "app.py"),
    ("uv run -m pkg.mod", "pkg/mod.py"),
    ("uv run gradio app.py", "app.py"),
    ("uv pip install app.py", ""),
    ("uv run gradio-doctor diagnose app.py", ""),
    ("sudo -u bob python app.py", "app.py"),
    ("timeout -k 5 60 nohup nice -n 5 python app.py", "app.py"),
    ("env A=b python app.py", "app.py"),
    ("conda run -n ml python app.py", "app.py"),
    ("torchrun --nproc-per-node 2 app.py", "app.py"),
    ("python -m pytest app.py", ""),
    ("python /v/bin/gradio-doctor diagnose app.py", "/v/bin/gradio-doctor"),
    ("gradio-doctor diagnose app.py", ""),
    ("vim app.py", ""),
    ("bash app.py", ""),
    ("node app.js", ""),
    ("", ""),
]


@pytest.mark.parametrize(("command", "script"), COMMANDS)
def test_script_of_command(project: Path, command: str, script: str) -> None:
    expected = str(project / script) if script else ""
    assert script_of_command(command.split(), str(project)) == expected


def test_module_names_of_servers_win_over_files(project: Path) -> None:
    assert script_of_command(["python", "uvicorn.py"], str(project)) == str(project / "uvicorn.py")


def test_gunicorn_that_renamed_itself(project: Path) -> None:
    assert script_of_command(["gunicorn: worker [app:app]"], str(project)) == str(project / "app.py")


def test_relative_to_a_hidden_directory_is_unknown() -> None:
    assert script_of_command(["python", "app.py"], "") == ""
    assert script_of_command(["uvicorn", "app:app"], "") == ""
    assert script_of_command(["python", "/srv/app.py"], "") == "/srv/app.py"


def test_hostile_command_lines_end() -> None:
    assert script_of_command(["uv"] * 100_000, "/") == ""
    assert script_of_command(["uv", "run"] * 50 + ["app.py"], "/") == ""
    assert script_of_command(["python", "-m", "a." * 10_000], "/") == ""
    assert script_of_command(["python", "x" * 100_000], "/") == "/" + "x" * 100_000


def test_absolute_resolves_dots_as_the_system_does(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    assert absolute("link/../app.py", str(tmp_path)) == str(tmp_path / "deep" / "app.py")
    assert absolute("./app.py", str(tmp_path)) == str(tmp_path / "app.py")


@pytest.mark.parametrize(
    ("command", "exe", "answer"),
    [
        (["python3", "app.py"], "", True),
        (["gunicorn: master [app]"], "/usr/bin/python3.11", True),
        ([r"C:\Python\python.exe"], "", True),
        (["bash"], "/usr/bin/bash", False),
        (["pythonic-tool"], "", False),
        ([], "", False),
    ],
)
def test_is_python(command: list[str], exe: str, answer: bool) -> None:
    assert is_python(command, exe) is answer


def test_program_name() -> None:
    assert [program_name(p) for p in ("/usr/bin/node", r"C:\x\Python.EXE", "uv", "")] == ["node", "Python", "uv", ""]
