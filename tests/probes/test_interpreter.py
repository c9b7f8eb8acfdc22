"""The app's own Python: which one it is, and what it says of itself."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from gradio_doctor.evidence import Absent, Interpreter, ModuleOrigin
from gradio_doctor.probes.interpreter import ask_interpreter
from gradio_doctor.probes.interpreter_choice import Choice
from tests.probes.network_lab import eventually
from tests.probes.venv_lab import origin, python, venv

__all__ = ["venv"]


def asked(path: str, directory: Path | str = "", *modules: str, env: dict[str, str] | None = None) -> Interpreter:
    found = ask_interpreter(Choice(path, "--python", {**os.environ, **(env or {})}), str(directory), modules)
    assert isinstance(found, Interpreter), found
    return found


def refused(path: str, directory: str = "") -> Absent:
    found = ask_interpreter(Choice(path, "--python", dict(os.environ)), directory)
    assert isinstance(found, Absent), found
    return found


# -- what it says ----------------------------------------------------------------------------------------------------

def test_its_version_and_what_is_installed(venv: Path) -> None:
    found = asked(python(venv))
    assert found.version == sys.version_info[:3]
    assert dict(found.packages) == {
        "anyio": "6.0.0", "brokenpkg": "1.0", "gradio": "6.31.0", "gradio-client": "1.9.0", "starlette": "0.39.2",
    }
    assert found.installed("gradio-client") == "1.9.0" and found.installed("httpx") == ""


def test_unmet_requirements_of_gradio_and_of_what_it_requires(venv: Path) -> None:
    found = {(r.package, r.requirement, r.installed) for r in asked(python(venv)).unmet}
    assert found == {
        ("gradio", "gradio_client==2.0.0", "1.9.0"), ("gradio", "Pillow<13,>=8.0", ""),
        ("gradio", "starlette>=0.40", "0.39.2"), ("gradio-client", "fsspec", ""),
        ("starlette", "anyio<5,>=3.4.0", "6.0.0"),
    }


def test_a_sound_environment_has_nothing_unmet() -> None:
    found = asked(sys.executable, "", "gradio", "yaml", "PIL")
    assert found.installed("gradio") == "6.31.0" and found.unmet == ()
    assert origin(found, "yaml").distribution == "pyyaml" and origin(found, "PIL").distribution == "pillow"


def test_it_agrees_with_importlib_metadata() -> None:
    from importlib.metadata import distributions

    expected = {d.metadata["Name"].lower().replace("_", "-").replace(".", "-"): d.version for d in distributions()}
    assert dict(asked(sys.executable).packages) == expected


def test_where_modules_come_from(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("1/0")
    (tmp_path / "namespace").mkdir()
    modules = ("brokenpkg", "gradio", "json", "lonely", "mine", "namespace", "nothere", "other_name")
    found = asked(python(venv), tmp_path, *modules)
    assert tuple(o.module for o in found.origins) == modules
    assert origin(found, "gradio").distribution == "gradio" and not origin(found, "gradio").local
    assert origin(found, "mine") == ModuleOrigin("mine", str(tmp_path / "mine.py"), "", True)
    assert origin(found, "namespace").local
    assert origin(found, "nothere") == ModuleOrigin("nothere", "")
    assert origin(found, "brokenpkg") == ModuleOrigin("brokenpkg", "", "brokenpkg")  # installed, its files gone
    assert origin(found, "lonely").origin.endswith("lonely.py") and origin(found, "lonely").distribution == ""
    assert origin(found, "json").standard and not origin(found, "json").local


def test_local_files_that_hide_a_module_show_though_nobody_imports_them(venv: Path, tmp_path: Path) -> None:
    for name in ("random.py", "tempfile.py", "gradio.py", "helpers.py", "not-a-name.py", "os.py"):
        (tmp_path / name).write_text("raise SystemExit('must never be imported')")
    (tmp_path / "starlette").mkdir()
    (tmp_path / "starlette" / "__init__.py").write_text("1/0")
    (tmp_path / "anyio").mkdir()  # no package: the installed one is found first
    found = asked(python(venv), tmp_path)
    assert {(o.module, o.local, o.standard, o.distribution) for o in found.origins} == {
        ("random", True, True, ""), ("tempfile", True, True, ""), ("gradio", True, False, "gradio"),
        ("starlette", True, False, "starlette"), ("os", False, True, ""),  # os is loaded before any script starts
    }


@pytest.mark.parametrize("pythonpath", ["{app}", ".", ""])
def test_files_of_the_app_are_never_run(venv: Path, tmp_path: Path, pythonpath: str) -> None:
    for name in ("json", "re", "platform", "sysconfig", "pathlib", "collections"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    found = asked(python(venv), tmp_path, env={"PYTHONPATH": pythonpath.format(app=tmp_path)})
    assert origin(found, "json").local
    assert not (tmp_path / "ran").exists() and not list(tmp_path.rglob("__pycache__"))


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9", "3.10", "3.12", "3.13"])
def test_older_and_newer_pythons_are_understood(version: str, tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("1/0")
    paths = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for path in paths:  # whatever of them this machine has
        found = asked(str(path), tmp_path, "json", "nothere")
        assert found.version[:2] == tuple(int(part) for part in version.split("."))
        assert origin(found, "random") == ModuleOrigin("random", str(tmp_path / "random.py"), "", True, True)
        assert origin(found, "json").standard and origin(found, "nothere").origin == ""


# -- pythons that do not answer --------------------------------------------------------------------------------------

def program(directory: Path, text: str) -> str:
    path = directory / "python"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def test_an_environment_whose_base_python_is_gone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/nowhere/python3.9")
    why = refused(str(tmp_path / "bin" / "python"))
    assert "No such file" in why.why and "--python" in why.unlock


def test_a_python_that_fails_says_why_without_driving_the_terminal(tmp_path: Path) -> None:
    last = "printf '\\033[31mlibpython3.9.so: cannot open shared object\\n' >&2; exit 127"
    why = refused(program(tmp_path, f"echo warm-up >&2; {last}")).why
    assert "libpython3.9.so: cannot open shared object" in why and "\x1b" not in why


@pytest.mark.parametrize("text", ["echo hello", "exit 3", "printf '\\377\\376'", "echo '{}'"])
def test_a_program_that_is_no_python(tmp_path: Path, text: str) -> None:
    assert "could not be asked" in refused(program(tmp_path, text)).why


def test_a_python_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradio_doctor.probes.interpreter._SECONDS", 0.4)
    started = time.monotonic()
    assert "0.4 s" in refused(program(tmp_path, f"sleep 61.5 & echo $! >{tmp_path}/pid; sleep 61.5")).why
    assert time.monotonic() - started < 30
    pid = int((tmp_path / "pid").read_text())
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 2)


def test_a_python_that_never_stops_talking_is_ended(tmp_path: Path) -> None:
    started = time.monotonic()
    assert "bytes of output" in refused(program(tmp_path, "exec yes")).why
    assert time.monotonic() - started < 30


def test_start_up_files_that_print_do_not_disturb(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('hello'); print('{\"version\": [1,2,3]}')")
    assert asked(python(venv), env={"PYTHONPATH": str(tmp_path)}).version == sys.version_info[:3]
