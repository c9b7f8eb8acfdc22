"""Command lines and files of servers that are odd, hostile or only look alike."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.command_line import changed_command
from gradio_doctor.probes.scripts import script_of_command
from gradio_doctor.probes.servers_command import of_arguments_variable, of_environment, read_command
from gradio_doctor.probes.servers_files import app_object, config_file, read_config

QUICK = settings(max_examples=60, deadline=None)
WORDS = st.lists(st.one_of(
    st.text(max_size=12), st.sampled_from(["gunicorn", "python", "-m", "-w", "-w3", "--workers", "--=", "-", "-k"])
), max_size=12)


@QUICK
@given(WORDS, st.sampled_from(["gunicorn", "uvicorn", "hypercorn"]))
def test_any_command_line_is_read(words: list[str], server: str) -> None:
    read_command(words)
    found = read_command([server, *words])
    assert found is not None and found.kind == server and all(len(o.value) <= 301 for o in found.options.values())


@QUICK
@given(st.text(max_size=80))
def test_any_variable_is_read(text: str) -> None:
    assert all(o.origin == "GUNICORN_CMD_ARGS" for o in of_arguments_variable({"GUNICORN_CMD_ARGS": text}).values())
    assert set(of_environment("uvicorn", {"WEB_CONCURRENCY": text})) <= {"workers"}


@pytest.mark.parametrize(("command", "expected"), [
    ("gunicorn -b 0.0.0.0:8000 main:demo", "gunicorn -b 0.0.0.0:8000 main:app"),
    ("gunicorn -b localhost:8000 main:demo", "gunicorn -b localhost:8000 main:app"),
    ("gunicorn -b unix:app.sock main:demo", "gunicorn -b unix:app.sock main:app"),
    ("gunicorn -c file:conf.py main:demo", "gunicorn -c file:conf.py main:app"),
    ("uvicorn pkg.main:create_app()", "uvicorn main:app"),
    ("uvicorn main", "uvicorn main"),
])
def test_only_the_app_is_replaced(command: str, expected: str) -> None:
    assert shlex.split(changed_command(command.split(), {}, app="main:app")) == expected.split()


@QUICK
@given(WORDS)
def test_a_changed_command_has_the_option_once(words: list[str]) -> None:
    line = changed_command(["uvicorn", *words], {("--workers",): "1"})
    if line:
        typed = shlex.split(line)
        assert typed.count("--workers") == 1 and typed[typed.index("--workers") + 1] == "1"


@pytest.mark.parametrize("command", [
    (), ("gunicorn", "--certfile=***"), ("gunicorn: master [a:b]",), ("x", "y" * 2000),
])
def test_commands_that_cannot_be_told(command: tuple[str, ...]) -> None:
    assert changed_command(command, {("-w",): "1"}) == ""


@pytest.mark.parametrize("value", ["1" + "+1" * 4000, "-" * 90 + "x", "0x" + "f" * 9000, "[" * 90 + "]" * 90])
def test_a_configuration_that_is_too_deep_or_too_long(tmp_path: Path, value: str) -> None:
    config = tmp_path / "gunicorn.conf.py"
    config.write_text(f"workers = {value}\n")
    assert all(len(o.value) <= 301 for o in read_config(str(config)).values())


@pytest.mark.parametrize("given_name", ["\0", "~nobody-here/x", "a" * 5000, ".", "python:x"])
def test_configurations_that_are_no_file(tmp_path: Path, given_name: str) -> None:
    assert config_file(given_name, str(tmp_path)) == "" == config_file("", "")


@pytest.mark.parametrize(("source", "expected"), [
    ("try:\n    from local import *\nexcept ImportError:\n    pass", ""),
    ("if x:\n    from local import *", ""),
    ("from a import b as app", ""), ("import app.sub", ""), ("(demo, app) = make()", ""), ("(app := 1)", ""),
    ("for app in apps: pass", ""), ("demo = app = gr.Blocks()", "blocks"),
    ("app = gr.Blocks()\napp = FastAPI()", "asgi"),
    ("setattr(m, 'app', 1)", ""), ("", ""), ("# only a note\nx = 1", "missing"),
    ("def f():\n    global app\n    app = 1", ""),
])
def test_names_that_a_module_may_have(tmp_path: Path, source: str, expected: str) -> None:
    path = tmp_path / "mod.py"
    path.write_text(source)
    assert app_object(str(path), "app") == expected


@pytest.mark.parametrize(("command", "reload", "workers"), [
    ("fastapi run --port 8000", False, ""), ("python -m fastapi dev main.py", True, ""),
    ("/v/bin/python /v/bin/fastapi run --workers 3 main.py", False, "3"), ("fastapi dev --no-reload", False, ""),
])
def test_the_cli_of_fastapi_is_uvicorn(command: str, reload: bool, workers: str) -> None:
    found = read_command(command.split())
    assert found is not None and found.kind == "uvicorn" and ("reload" in found.options) is reload
    assert (found.options["workers"].value if "workers" in found.options else "") == workers
    assert read_command(["fastapi", "login"]) is None


@pytest.mark.parametrize(("there", "words", "expected"), [
    (("app.py", "api.py"), "run", "app.py"), (("main.py", "app.py"), "dev --port 1", "main.py"),
    (("app/main.py",), "run", "app/main.py"), (("web.py", "main.py"), "run web.py", "web.py"),
    (("web.py", "main.py"), "run -e web:api", "web.py"), (("web.py",), "run", ""), (("app.py",), "login", ""),
])
def test_the_file_that_fastapi_finds_by_itself(
    tmp_path: Path, there: tuple[str, ...], words: str, expected: str,
) -> None:
    for name in there:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = script_of_command(["python", "/v/bin/fastapi", *words.split()], str(tmp_path))
    assert found == (str(tmp_path / expected) if expected else "")
