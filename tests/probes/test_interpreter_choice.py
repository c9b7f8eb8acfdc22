"""Which Python is the app's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from gradio_doctor.evidence import Absent, AppSource, Import, Instances, Interpreter, Process, Target
from gradio_doctor.probes import interpreter_choice
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.interpreter import probe_interpreter
from gradio_doctor.probes.interpreter_choice import choose_interpreter, python_of_process
from tests.probes.network_lab import Given, child
from tests.probes.venv_lab import origin, python, venv

__all__ = ["venv"]
WAITS = "import time; print(flush=True); time.sleep(60)"


OURS_HAS_IT = interpreter_choice._we_have_gradio


@pytest.fixture(autouse=True)
def _installed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under pipx: no Gradio beside us. The environment of these tests has one."""
    monkeypatch.setattr(interpreter_choice, "_we_have_gradio", lambda: False)


def chosen(script: Path | None, *evidence: object, told: str | None = None) -> tuple[str, str]:
    target = Target("script", "app.py", script=str(script)) if script else Target("none", "")
    found = choose_interpreter(Given(target, Options(python=told), evidence), str(script) if script else None)
    return ("", found.why) if isinstance(found, Absent) else (found.path, found.chosen)


def running(pid: int) -> tuple[Process, Instances]:
    seen = psutil.Process(pid)
    process = Process(pid, 1, "python", tuple(seen.cmdline()), "me", 0.0, "sleeping", cwd=seen.cwd(), exe=seen.exe())
    return process, Instances("/x/app.py", (process,))


def test_the_one_that_was_told_counts_before_all(venv: Path, tmp_path: Path) -> None:
    assert chosen(tmp_path / "app.py", told=python(venv)) == (python(venv), "--python")
    assert chosen(tmp_path / "app.py", told=str(venv)) == (python(venv), "--python")
    assert chosen(None, told="sh") == (shutil.which("sh"), "--python")
    assert chosen(None, told=str(tmp_path / "nothing"))[0] == ""


def test_the_running_process_counts_before_the_environment_beside_the_script(venv: Path, tmp_path: Path) -> None:
    with child(WAITS, executable=python(venv)) as (process, _):
        _, instances = running(process.pid)
        assert str(Path(f"/proc/{process.pid}/exe").readlink()) != python(venv)  # it leads to the base
        assert chosen(tmp_path / "app.py", instances) == (python(venv), "the running process")


def test_a_relative_command_is_read_from_the_processes_directory(venv: Path) -> None:
    with child("", command=[".venv/bin/python", "-c", WAITS], cwd=venv.parent) as (process, _):
        assert python_of_process(running(process.pid)[0], {}) == python(venv)


def test_a_bare_command_is_looked_up_on_the_processes_own_path(venv: Path) -> None:
    path = f"{venv}/bin:{os.environ['PATH']}"
    with child("", command=["sh", "-c", 'exec python -c "$0"', WAITS], environment={"PATH": path}) as (process, _):
        seen = running(process.pid)[0]
        assert seen.command[0] == "python" and python_of_process(seen, {"PATH": path}) == python(venv)


def test_a_command_that_was_renamed_leaves_the_virtual_env_variable(venv: Path) -> None:
    run = ["bash", "-c", 'exec -a gunicorn "$0" -c "$1"', sys.executable, WAITS]
    with child("", command=run, environment={"VIRTUAL_ENV": str(venv)}) as (process, _):
        seen = running(process.pid)[0]
        assert seen.command[0] == "gunicorn"
        assert python_of_process(seen, {"VIRTUAL_ENV": str(venv)}) == python(venv)


def test_a_virtual_env_variable_of_another_python_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "pyvenv.cfg").write_text("")
    (tmp_path / "bin" / "python").symlink_to("/bin/sh")
    with child(WAITS) as (process, _):
        found = python_of_process(running(process.pid)[0], {"VIRTUAL_ENV": str(tmp_path)})
        assert Path(found).resolve() == Path(sys.executable).resolve()


def test_the_running_apps_own_environment_is_used_to_ask(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "extra.py").write_text("")
    environment = {"PYTHONPATH": str(tmp_path), "HF_TOKEN": "hf_x"}
    with child(WAITS, executable=python(venv), environment=environment) as (process, _):
        given = Given(Target("process", "1", pid=process.pid), evidence=(
            running(process.pid)[1], AppSource("/x/app.py", imports=(Import("extra.part", "/x/app.py", 1, False),))))
        found = probe_interpreter(given)
        assert isinstance(found, Interpreter) and origin(found, "extra").origin == str(tmp_path / "extra.py")


def test_the_environment_beside_or_above_the_script(venv: Path) -> None:
    deep = venv.parent / "src" / "demo"
    deep.mkdir(parents=True, exist_ok=True)
    assert chosen(venv.parent / "app.py") == (python(venv), ".venv beside the app")
    assert chosen(deep / "app.py") == (python(venv), ".venv beside the app")


def test_the_search_upwards_ends_at_the_root_of_the_repository(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    repository = venv.parent / "repository"
    (repository / ".git").mkdir(parents=True)
    assert chosen(repository / "app.py")[1] == "python on PATH"


def test_environments_that_strangers_may_have_put_there_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    project = tmp_path / "project"
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("")
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    project.mkdir()
    script = project / "app.py"
    script.write_text("")
    assert chosen(script)[1] == ".venv beside the app"
    tmp_path.chmod(0o777)
    assert chosen(script)[1] == "python on PATH"
    tmp_path.chmod(0o755)
    if os.geteuid() == 0:  # nobody else can give files away
        os.chown(tmp_path / ".venv", 65534, 65534)
        assert chosen(script)[1] == "python on PATH"
        os.chown(script, 65534, 65534)
        assert chosen(script)[1] == ".venv beside the app"


def test_the_shells_environment_then_its_path(venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "app.py"
    monkeypatch.setenv("VIRTUAL_ENV", str(venv))
    assert chosen(script) == (python(venv), "VIRTUAL_ENV")
    monkeypatch.delenv("VIRTUAL_ENV")
    monkeypatch.setenv("PATH", f"{venv}/bin")
    assert chosen(script) == (python(venv), "python on PATH")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no Python" in chosen(script)[1]


def test_ours_when_python_on_path_has_no_gradio_and_ours_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor was started by its path out of the environment that it shares with the app."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    script = tmp_path / "apps" / "app.py"
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bare" / "bin"))
    assert chosen(script) == (str(tmp_path / "bare" / "bin" / "python"), "python on PATH")
    monkeypatch.setattr(interpreter_choice, "_we_have_gradio", OURS_HAS_IT)
    assert chosen(script) == (sys.executable, "our own, which has Gradio")


def test_without_script_and_process_nothing_is_guessed() -> None:
    assert "neither a script nor a running process" in chosen(None)[1]
    assert isinstance(probe_interpreter(Given(Target("log", "a.log"))), Absent)


def test_the_whole_probe_on_a_script(venv: Path) -> None:
    script = venv.parent / "app.py"
    script.write_text(textwrap.dedent("import gradio, missing_one.part"))
    imports = tuple(Import(m, str(script), 1, False) for m in ("gradio", "missing_one.part"))
    found = probe_interpreter(Given(Target("script", "app.py", script=str(script)),
                                    evidence=(AppSource(str(script), imports=imports),)))
    assert isinstance(found, Interpreter) and found.path == python(venv)
    assert {(o.module, bool(o.origin)) for o in found.origins} == {("gradio", True), ("missing_one", False)}
