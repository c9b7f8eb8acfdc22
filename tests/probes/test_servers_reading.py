"""What a server's command line, environment and files set, and what an app's module says its names are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.evidence.servers import Server, ServerOption, Servers, ServerWorker
from gradio_doctor.probes.servers_command import Command, of_arguments_variable, of_environment, read_command
from gradio_doctor.probes.servers_files import app_object, config_file, read_config


def command(*words: str) -> Command:
    found = read_command(words)
    assert found is not None, words
    return found


def values(options: Any) -> dict[str, tuple[str, str]]:
    return {name: (o.value, o.origin) for name, o in options.items()}


@pytest.mark.parametrize("words", [
    ("gunicorn", "-w", "3", "-k", "uvicorn_worker.UvicornWorker", "--timeout", "60", "pkg.app:app"),
    ("/v/bin/gunicorn", "-w3", "-kuvicorn_worker.UvicornWorker", "--timeout=60", "pkg.app:app"),
    ("/v/bin/python", "/v/bin/gunicorn", "--workers=3", "--worker-class", "uvicorn_worker.UvicornWorker", "-t", "60",
     "pkg.app:app"),
    ("python3.12", "-u", "-W", "ignore", "-m", "gunicorn", "pkg.app:app", "-w", "3", "-k",
     "uvicorn_worker.UvicornWorker", "-t60"),
])
def test_the_same_gunicorn_in_four_spellings(words: tuple[str, ...]) -> None:
    found = command(*words)
    assert (found.kind, found.app) == ("gunicorn", "pkg.app:app")
    told = {n: o.value for n, o in found.options.items()}
    assert told == {"workers": "3", "worker_class": "uvicorn_worker.UvicornWorker", "timeout": "60"}


def test_uvicorn_and_hypercorn_and_what_is_no_server() -> None:
    found = command("uvicorn", "--workers", "4", "--reload", "--proxy-headers", "--port", "7860", "main:create_app()")
    assert (found.kind, found.app, found.options["reload"].value) == ("uvicorn", "main:create_app()", "True")
    assert values(found.options)["workers"] == ("4", "--workers")
    assert command("hypercorn", "-w", "2", "-k", "uvloop", "a:b").options["worker_class"].value == "uvloop"
    for words in (("python", "app.py"), ("gradio", "app.py"), (), ("python", "-c", "import gunicorn"), ("nginx",)):
        assert read_command(words) is None


def test_a_title_hides_the_flags() -> None:
    found = command("gunicorn: master [app:app]")
    assert found.titled and found.app == "app:app" and not found.options


def test_a_flag_that_nobody_knows_does_not_swallow_the_app_behind_its_value() -> None:
    found = command("gunicorn", "--access-logfile", "-", "--keep-alive", "5", "--capture-output", "app:app", "-D")
    assert found.app == "app:app" and found.options["daemon"].value == "True"


def test_the_environment_of_both() -> None:
    assert values(of_environment("gunicorn", {"WEB_CONCURRENCY": "4"})) == {"workers": ("4", "WEB_CONCURRENCY")}
    assert values(of_environment("uvicorn", {"WEB_CONCURRENCY": "4"})) == {"workers": ("4", "WEB_CONCURRENCY")}
    assert of_environment("hypercorn", {"WEB_CONCURRENCY": "4"}) == {}
    given = of_arguments_variable({"GUNICORN_CMD_ARGS": "--timeout 5 --preload"})
    assert values(given) == {"timeout": ("5", "GUNICORN_CMD_ARGS"), "preload_app": ("True", "GUNICORN_CMD_ARGS")}
    assert of_arguments_variable({"GUNICORN_CMD_ARGS": "--timeout '5"}) == {}


def test_a_configuration_is_read_and_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    config = tmp_path / "gunicorn.conf.py"
    config.write_text(f"""
import multiprocessing
open({str(trap)!r}, "w").close()
workers = multiprocessing.cpu_count() * 2 + 1
timeout: int = 90
worker_class = "uvicorn_worker.UvicornWorker"
api_token = "hf_abcdefghijklmnopqrstuvwx"
""")
    assert config_file("", str(tmp_path)) == str(config) == config_file("gunicorn.conf.py", str(tmp_path))
    found = read_config(str(config))
    assert not trap.exists()
    assert found["workers"] == ServerOption("multiprocessing.cpu_count() * 2 + 1", "gunicorn.conf.py:4", known=False)
    assert values(found)["timeout"] == ("90", "gunicorn.conf.py:5")
    assert "hf_abc" not in repr(found)
    assert config_file("python:conf", str(tmp_path)) == "" == config_file("gone.py", str(tmp_path))
    config.write_text("workers = (")
    assert read_config(str(config)) == {} == read_config(str(tmp_path))


@pytest.mark.parametrize(("source", "expected"), [
    ("app = gr.mount_gradio_app(FastAPI(), demo, path='/')", "asgi"),
    ("app: FastAPI = fastapi.FastAPI()", "asgi"),
    ("with gr.Blocks() as app:\n    pass", "blocks"),
    ("app = gr.Interface(f, 'text', 'text')", "blocks"),
    ("app = Flask(__name__)", "wsgi"),
    ("from other import app", ""),
    ("from other import *", ""),
    ("app = make()", ""),
    ("if x:\n    app = 1", ""),
    ("globals()['app'] = 1", ""),
    ("def __getattr__(name): ...", ""),
    ("class app: ...", ""),
    ("application = FastAPI()", "missing"),
    ("def f():\n    app = 1", ""),  # better silent than wrong
    ("broken(", ""),
])
def test_what_a_module_says_an_object_is(tmp_path: Path, source: str, expected: str) -> None:
    path = tmp_path / "mod.py"
    path.write_text(source + "\n")
    assert app_object(str(path), "app") == expected
    assert app_object(str(path), "create_app()") == ""


def test_worker_classes_and_numbers() -> None:
    threads = {"worker_class": ServerOption("sync", "default"), "threads": ServerOption("4", "--threads")}
    server = Server("gunicorn", 1, 5.0, options=threads | {"timeout": ServerOption("T * 2", "x.py:1", known=False)})
    assert server.worker_class == "gthread" and server.number("threads") == 4 and server.number("timeout") is None
    assert not server.replaces_by_plan and not server.on("reload")
    assert Server("gunicorn", 1, 5.0, options={"max_requests": ServerOption("9", "-")}).replaces_by_plan
    servers = Servers((Server("gunicorn", 1, 5.0, workers=(ServerWorker(2, 1.0),)),))
    assert servers.of(2) is servers.of(1) is servers.servers[0] and servers.of(3) is None
