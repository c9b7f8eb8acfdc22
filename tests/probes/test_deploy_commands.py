"""The words of a command: shells, wrappers, and the options of servers, of which many stand alone."""

from __future__ import annotations

import argparse

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]

from gradio_doctor.probes.deploy.command import assignments, read_server, runs_app
from gradio_doctor.probes.deploy.options import address
from gradio_doctor.probes.deploy.shell import commands_of, text_for_shell


def gunicorn_options() -> list[tuple[str, bool]]:
    """The options of the installed gunicorn, and whether each takes a value."""
    actions: list[argparse.Action] = Config().parser()._actions
    return [(o, a.nargs != 0) for a in actions for o in a.option_strings if a.nargs != "?"]


@pytest.mark.parametrize(("option", "valued"), gunicorn_options())
def test_every_option_of_the_installed_gunicorn(option: str, valued: bool) -> None:
    words = ("gunicorn", option, *(("7",) if valued else ()), "app:app")
    server = read_server(words)
    assert server and server.target == "app:app"
    server = read_server(("gunicorn", "app:app", option, *(("7",) if valued else ()), "-w", "3"))
    assert server and (server.target, server.workers) == ("app:app", 3)


@pytest.mark.parametrize("option", [
    "--reload", "--http2", "--access-log", "--no-access-log", "--use-colors", "--no-use-colors", "--proxy-headers",
    "--no-proxy-headers", "--server-header", "--no-server-header", "--date-header", "--no-date-header", "--factory",
    "--reset-contextvars",
])
def test_options_of_uvicorn_that_stand_alone(option: str) -> None:
    server = read_server(("uvicorn", option, "app:app", "--host", "0.0.0.0"))
    assert server and (server.target, server.host) == ("app:app", "0.0.0.0")


@pytest.mark.parametrize("option", [
    "--uds", "--fd", "--reload-dir", "--loop", "--http", "--ws", "--ws-max-size", "--ws-per-message-deflate",
    "--lifespan", "--interface", "--env-file", "--log-config", "--log-level", "--forwarded-allow-ips", "--root-path",
    "--limit-concurrency", "--backlog", "--timeout-keep-alive", "--ssl-keyfile", "--header", "--app-dir",
])
def test_options_of_uvicorn_with_a_value(option: str) -> None:
    server = read_server(("uvicorn", option, "7", "app:app"))
    assert server and server.target == "app:app"


@pytest.mark.parametrize(("text", "expected"), [
    ("a; b && c || d | e", [("a",), ("b",), ("c",), ("d",), ("e",)]),
    ("echo 'a; b && c' \"d | e\"", [("echo", "a; b && c", "d | e")]),
    ("a\nb", [("a",), ("b",)]),
    ("a \\\n b", [("a", "b")]),
    ("a & b", [("a", "&"), ("b",)]),
    ("a >/dev/null 2>&1", [("a", ">", "/dev/null", "2", ">&", "1")]),
    ("a 2>&1 | tee log", [("a", "2", ">&", "1"), ("tee", "log")]),
    ("(cd x; a)", [("cd", "x"), ("a",)]),
    ("it's never closed; a", []),
    ("", []),
])
def test_a_shell_text_is_split_at_its_operators(text: str, expected: list[tuple[str, ...]]) -> None:
    assert list(commands_of(text)) == expected


@pytest.mark.parametrize(("words", "text"), [
    (("sh", "-c", "a"), "a"), (("/bin/bash", "-lc", "a"), "a"), (("bash", "-l", "-c", "a"), "a"),
    (("bash", "-euo", "pipefail", "-c", "a"), "a"), (("bash", "-euxco", "pipefail", "a"), "a"),
    (("bash", "--login", "-c", "a"), "a"), (("bash", "start.sh"), None), (("sh", "-c"), None), (("python", "-c"), None),
    ((), None),
])
def test_what_a_shell_is_given(words: tuple[str, ...], text: str | None) -> None:
    assert text_for_shell(words) == text


@pytest.mark.parametrize(("words", "name", "target"), [
    (("tini", "--", "sh", "-c", "python app.py"), "python", "app.py"),
    (("sh", "-c", "echo 'use; python other.py' && python app.py"), "python", "app.py"),
    (("sh", "-c", "sh -c 'exec python app.py'"), "python", "app.py"),
    (("python", "-u", "-X", "dev", "-W", "ignore", "app.py"), "python", "app.py"),
    (("python", "-Wignore", "app.py"), "python", "app.py"),
    (("python", "-um", "app"), "python", "app"),
    (("python3", "-muvicorn", "app:app"), "uvicorn", "app:app"),
    (("python", "-m", "gunicorn", "--capture-output", "app:app"), "gunicorn", "app:app"),
    (("gunicorn", "-R", "-Dw4", "app:app"), "gunicorn", "app:app"),
    (("gunicorn", "--proxy-protocol", "app:app"), "gunicorn", "app:app"),
    (("gunicorn", "--proxy-protocol", "v2", "app:app"), "gunicorn", "app:app"),
    (("fastapi", "run", "--no-reload", "app.py"), "fastapi", "app.py"),
    (("opentelemetry-instrument", "uvicorn", "app:app"), "uvicorn", "app:app"),
    (("su-exec", "app", "python", "app.py"), "python", "app.py"),
    (("timeout", "60", "python", "app.py"), "python", "app.py"),
    (("accelerate", "launch", "--num_processes", "2", "app.py"), "python", "app.py"),
])
def test_the_server_of_a_command(words: tuple[str, ...], name: str, target: str) -> None:
    server = read_server(words)
    assert server and (server.name, server.target) == (name, target)
    assert server.settled


@pytest.mark.parametrize("words", [
    ("python", "-c", "import app"), ("python", "-"), ("python",), ("docker", "run", "x", "python", "app.py"),
    ("/entrypoint.sh", "python", "app.py"), ("bash", "start.sh"), ("sh", "-c", "it's python app.py"), (),
    ("supervisord", "-n"), ("sh", "-c", "if true; then python app.py; fi"),
])
def test_commands_that_are_not_guessed(words: tuple[str, ...]) -> None:
    assert read_server(words) is None


@pytest.mark.parametrize("words", [
    ("sh", "-c", "python app.py &"), ("sh", "-c", "uvicorn app:app & nginx"), ("uvicorn", "app:app", "--port", "$PORT"),
    ("uvicorn", "app:app", "--host"), ("gunicorn", "-w", "many", "app:app"),
])
def test_what_cannot_be_read_to_its_end_is_not_settled(words: tuple[str, ...]) -> None:
    server = read_server(words)
    assert server and not server.settled


@pytest.mark.parametrize(("value", "expected"), [
    ("0.0.0.0:80", ("0.0.0.0", 80)), (":80", ("0.0.0.0", 80)), ("127.0.0.1", ("127.0.0.1", 8000)),
    ("[::1]:80", ("::1", 80)), ("[::]", ("::", 8000)), ("tcp://127.0.0.1:5000", ("127.0.0.1", 5000)),
    ("unix:/run/a.sock", ("unix", None)), ("fd://3", ("fd", None)), ("localhost:x", ("localhost", None)),
])
def test_addresses_of_gunicorn(value: str, expected: tuple[str, int | None]) -> None:
    assert address(value) == expected


def test_of_several_addresses_the_public_one_counts() -> None:
    server = read_server(("gunicorn", "-b", "0.0.0.0:80", "-b", "127.0.0.1:81", "app:app"))
    assert server and (server.host, server.port) == ("0.0.0.0", 80)


def test_a_socket_is_no_address() -> None:
    assert (server := read_server(("uvicorn", "--uds", "/run/a", "app:app"))) and server.host == "unix"
    assert (server := read_server(("uvicorn", "--fd", "0", "app:app"))) and server.host == "fd"


def test_variables_that_gunicorn_sets() -> None:
    words = ("gunicorn", "--env", "A=1", "-e", "B=2", "app:app")
    assert list(assignments(words)) == [("A", "1"), ("B", "2")]


@pytest.mark.parametrize(("target", "script", "runs"), [
    ("app.py", "/r/app.py", "app"), ("/srv/app.py", "/r/app.py", "app"), ("src/app.py", "/r/src/app.py", "app"),
    ("./app.py", "/r/app.py", "app"), ("../app.py", "/r/app.py", "app"), ("src/app.py", "/r/web/app.py", "perhaps"),
    ("src.app:demo", "/r/src/app.py", "app"), ("src.app:demo", "/r/app.py", "perhaps"), ("main.py", "/r/app.py",
        "other"),
    ("%i.py", "/r/app.py", "perhaps"), ("${APP}", "/r/app.py", "perhaps"), ("app.py", "app.py", "app"),
    ("app.py", "", "other"),
])
def test_directories_tell_scripts_of_one_name_apart(target: str, script: str, runs: str) -> None:
    assert runs_app(read_server(("python", target)), script) == runs
