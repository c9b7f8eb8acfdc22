# ruff: noqa: E501 - lines of logs are as long as they are
"""The checks of the dependency, model and network families on evidence and on what programs really printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.evidence import (
    Absent,
    AppSource,
    Environment,
    Import,
    Interpreter,
    LogEvents,
    ModuleOrigin,
    Requirement,
    Run,
)
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.said import causes, diagnose, events, named
from tests.checks.test_app_checks import ids, printed, run_of
from tests.ports import free_port

LOCALHOST = "ValueError: When localhost is not accessible, a shareable link must be created. Please set share=True."


def interpreter(**more: object) -> Interpreter:
    return Interpreter("/srv/venv/bin/python", (3, 11, 7), ".venv beside the app", **more)  # type: ignore[arg-type]


def test_the_distribution_of_a_missing_module_is_named(loaded: Loaded, tmp_path: Path) -> None:
    log = 'Traceback (most recent call last):\n  File "/w/app.py", line 2, in <module>\n    import PIL\n' \
          "ModuleNotFoundError: No module named 'PIL'\n"
    (found,) = named(loaded, "dependency-missing")(events(log, loaded, tmp_path))
    assert found.id == "dependency.module-not-installed"
    assert (found.facts["distribution"], found.facts["line"]) == ("pillow", "2")
    commands = [c for fix in diagnose(log, loaded, tmp_path).causes[0].fixes for c in fix.commands]
    assert any("install pillow" in c for c in commands)


def test_a_module_of_the_apps_own_is_not_to_be_installed(loaded: Loaded, tmp_path: Path) -> None:
    log = 'Traceback (most recent call last):\n  File "/w/tools/run.py", line 2, in <module>\n    from modules import ui\n' \
          "ModuleNotFoundError: No module named 'modules'\n"
    (found,) = named(loaded, "dependency-missing")(events(log, loaded, tmp_path))
    assert found.id == "dependency.own-module-not-found"
    assert causes(log, loaded, tmp_path)[0] != "dependency.conflict"


def test_an_import_the_interpreter_cannot_find(loaded: Loaded) -> None:
    source = AppSource("/w/app.py", imports=(
        Import("torch", "/w/app.py", 2, optional=True), Import("yaml.nodes", "/w/app.py", 3, optional=False),
    ))
    there = interpreter(origins=(ModuleOrigin("torch", ""), ModuleOrigin("yaml", "")))
    check = named(loaded, "dependency-import")
    (found,) = check(there, source, Absent("not started"))
    assert (found.facts["distribution"], found.facts["line"]) == ("pyyaml", "3")
    assert list(check(there, source, run_of("serving"))) == []
    running = Interpreter("/usr/bin/python", (3, 11, 7), "the running process", origins=(ModuleOrigin("yaml", ""),))
    assert list(check(running, source, Absent("not started"))) == []


def test_a_program_that_is_really_missing(loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, "app.py", "import subprocess\nsubprocess.run(['no-such-program-here', '-version'])\n")
    (found,) = named(loaded, "dependency-program")(events(log, loaded, tmp_path))
    assert (found.facts["program"], found.facts["line"]) == ("no-such-program-here", "2")
    assert causes(log, loaded, tmp_path)[0] == "dependency.system-binary"


def test_a_data_file_is_no_program(loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, "app.py", "open('table.csv')\n")
    assert list(named(loaded, "dependency-program")(events(log, loaded, tmp_path))) == []
    assert causes(log, loaded, tmp_path)[0] == "app.startup-exception"


def library(folder: Path, name: str, source: str) -> str:
    """Write a library below a site-packages, and return the line that makes it importable."""
    package = folder / "lib" / "site-packages" / name
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(source)
    return f"import sys\nsys.path.insert(0, {str(package.parent)!r})\n"


def test_a_name_that_one_library_misses_in_another(loaded: Loaded, tmp_path: Path) -> None:
    library(tmp_path, "below", "kept = 1\n")
    path = library(tmp_path, "above", "from below import removed\n")
    log = printed(tmp_path, "app.py", path + "import above\n")
    (found,) = named(loaded, "dependency-names")(events(log, loaded, tmp_path))
    assert found.id == "dependency.import-between-libraries"
    assert (found.facts["library"], found.facts["package"], found.facts["name"]) == ("above", "below", "removed")
    assert causes(log, loaded, tmp_path)[0] == "dependency.conflict"


def test_a_name_that_the_app_misses_in_a_library(loaded: Loaded, tmp_path: Path) -> None:
    path = library(tmp_path, "below", "kept = 1\n")
    log = printed(tmp_path, "app.py", path + "from below import removed\n")
    (found,) = named(loaded, "dependency-names")(events(log, loaded, tmp_path))
    assert found.id == "dependency.removed-name-in-app"
    assert causes(log, loaded, tmp_path)[0] == "dependency.api-removed"


def test_a_part_that_a_library_misses_in_itself(loaded: Loaded, tmp_path: Path) -> None:
    path = library(tmp_path, "half", "import half.part\n")
    log = printed(tmp_path, "app.py", path + "import half\n")
    (found,) = named(loaded, "dependency-names")(events(log, loaded, tmp_path))
    assert found.id == "dependency.submodule-missing"
    assert causes(log, loaded, tmp_path)[0] == "dependency.broken-install"


def test_an_argument_between_libraries(loaded: Loaded, tmp_path: Path) -> None:
    library(tmp_path, "below", "def connect(host):\n    pass\n")
    path = library(tmp_path, "above", "import below\nbelow.connect('x', proxies={})\n")
    log = printed(tmp_path, "app.py", path + "import above\n")
    (found,) = named(loaded, "dependency-keywords")(events(log, loaded, tmp_path))
    assert (found.id, found.facts["library"]) == ("dependency.keyword-between-libraries", "above")


def test_gradios_own_constructor_refuses_an_argument(loaded: Loaded, tmp_path: Path) -> None:
    """The Gradio of this environment itself."""
    log = printed(tmp_path, "app.py", "import gradio as gr\nwith gr.Blocks():\n    gr.Chatbot(bubble_full_width=False)\n")
    (found,) = named(loaded, "dependency-keywords")(events(log, loaded, tmp_path))
    assert (found.id, found.facts["line"]) == ("dependency.removed-argument-in-app", "3")
    assert causes(log, loaded, tmp_path)[0] == "dependency.api-removed"


def test_gradio_refuses_an_event_outside_of_blocks(loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, "app.py", "import gradio as gr\nb = gr.Button()\nb.click(lambda: 1)\n")
    assert causes(log, loaded, tmp_path)[0] == "app.component-misuse"


def test_a_page_that_a_library_breaks_is_not_blamed_on_the_proxy(loaded: Loaded, tmp_path: Path) -> None:
    page = 'Traceback (most recent call last):\n  File "/w/lib/python3.10/site-packages/gradio_client/utils.py", line 1, in f\n' \
           "    x\nTypeError: argument of type 'bool' is not iterable\n"
    log = events(page + LOCALHOST, loaded, tmp_path)
    assert ids(list(named(loaded, "dependency-page")(log))) == ["dependency.page-broken-by-library"]
    assert list(named(loaded, "network-localhost")(log, Absent("nothing was started"))) == []


def test_what_gradio_requires_counts_only_when_it_does_not_serve(loaded: Loaded) -> None:
    unmet = (Requirement("gradio", "4.44.1", "pydantic<2.11", "2.12.0"), Requirement("rich", "13", "x", ""))
    check = named(loaded, "dependency-unmet")
    (found,) = check(interpreter=interpreter(unmet=unmet), run=run_of("exited", 1))
    assert found.facts["requirement"] == "pydantic<2.11"
    assert list(check(interpreter=interpreter(unmet=unmet), run=run_of("serving"))) == []


@pytest.mark.parametrize(("path", "wanted"), [
    ("models/sd.safetensors", True), ("./weights/g.pth", True), ("checkpoints/config.json", True),
    ("data/table.csv", False), ("notes.txt", False),
])
def test_which_missing_files_are_models(path: str, wanted: bool, loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, "app.py", f"open({path!r}, 'rb')\n")
    found = list(named(loaded, "model-missing-file")(events(log, loaded, tmp_path)))
    assert [f.facts["path"] for f in found] == ([path] if wanted else [])
    assert causes(log, loaded, tmp_path)[0] == ("model.missing-file" if wanted else "app.startup-exception")


def test_loading_is_named_only_when_a_deadline_passed(loaded: Loaded, tmp_path: Path) -> None:
    log = events("Loading checkpoint shards:  33%|###3   | 1/3 [10:01<20:02]", loaded, tmp_path)
    check = named(loaded, "model-loading-log")
    assert ids(list(check(log, run_of("timeout")))) == ["model.still-loading"]
    assert list(check(log, Absent("not started"))) == []


def shell(**variables: str) -> Environment:
    return Environment(variables, "this shell")


@pytest.mark.parametrize(("variables", "told"), [
    ({"http_proxy": "http://127.0.0.1:7890"}, True),
    ({"ALL_PROXY": "socks5://127.0.0.1:1080", "no_proxy": "example.com"}, True),
    ({"http_proxy": "http://p:1", "no_proxy": "localhost,127.0.0.1"}, False),
    ({"http_proxy": "http://p:1", "NO_PROXY": "*"}, False),
    ({"http_proxy": ""}, False),
    ({}, False),
])
def test_a_proxy_counts_unless_localhost_is_exempt(
    variables: dict[str, str], told: bool, loaded: Loaded, tmp_path: Path
) -> None:
    log = events(LOCALHOST, loaded, tmp_path)
    found = list(named(loaded, "network-proxy-env")(shell(**variables), run_of("exited", 1), log))
    assert ids(found) == (["network.proxy-without-exemption"] if told else [])


def test_a_proxy_on_a_healthy_app_is_nothing(loaded: Loaded) -> None:
    check = named(loaded, "network-proxy-env")
    for run in (run_of("serving"), Absent("not started")):
        assert list(check(shell(http_proxy="http://p:1"), run, LogEvents(()))) == []


def found_by(name: str, log: str, loaded: Loaded, folder: Path) -> list[Finding]:
    check, nothing_started = named(loaded, name), Absent("nothing was started")
    log_events = events(log, loaded, folder)
    return list(check(log_events, nothing_started) if len(check.needs) > 1 else check(log_events))


def test_the_self_check_through_a_proxy_a_slow_page_and_neither(loaded: Loaded, tmp_path: Path) -> None:
    frames = 'Traceback (most recent call last):\n  File "/w/lib/python3.10/site-packages/httpcore/_sync/{0}.py", line 9, in f\n' \
             '    x\n  File "/w/lib/python3.10/site-packages/gradio/networking.py", line 60, in url_ok\n    y\n' \
             "httpx.ReadTimeout: timed out\n"
    proxied = found_by("network-localhost", frames.format("http_proxy"), loaded, tmp_path)
    assert ids(proxied) == ["network.localhost-check-through-proxy"]
    slow = found_by("network-localhost", frames.format("http11"), loaded, tmp_path)
    assert ids(slow) == ["app.self-check-timed-out"]
    assert ids(found_by("network-localhost", LOCALHOST, loaded, tmp_path)) == ["network.localhost-check-plain"]
    assert found_by("network-localhost", "Running on local URL:  http://127.0.0.1:7860", loaded, tmp_path) == []


def test_a_run_with_a_dead_proxy_really_fails_and_is_named(loaded: Loaded, tmp_path: Path) -> None:
    """Gradio itself, whose request to its own address goes to a proxy that refuses."""
    source = ("import os\nos.environ |= {'http_proxy': 'http://127.0.0.1:9', 'GRADIO_ANALYTICS_ENABLED': 'False'}\n"
              "import gradio as gr\nwith gr.Blocks() as demo:\n    gr.Textbox()\n"
              f"demo.launch(server_port={free_port()}, ssr_mode=False)\n")
    log = printed(tmp_path, "app.py", source)
    assert causes(log, loaded, tmp_path)[0] == "network.proxy-env"


def test_pip_without_a_way_to_the_index_is_no_question_of_versions(loaded: Loaded, tmp_path: Path) -> None:
    log = ("WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'NewConnectionError(x)': /simple/gradio/\n"
           "ERROR: Could not find a version that satisfies the requirement gradio (from versions: none)\n")
    assert ids(found_by("network-index", log, loaded, tmp_path)) == ["network.index-unreachable"]
    assert causes(log, loaded, tmp_path)[0] == "network.hub-unreachable"


@pytest.mark.parametrize(("version", "told"), [("3.12.1", True), ("3.7.9", True), ("3.10.6", False)])
def test_a_python_without_wheels(version: str, told: bool, loaded: Loaded, tmp_path: Path) -> None:
    log = f"Python {version} (tags/v{version}) [MSC v.1935]\nERROR: No matching distribution found for torch==2.0.1\n"
    found = found_by("dependency-python", log, loaded, tmp_path)
    assert [f.facts["version"] for f in found] == ([version] if told else [])


def test_a_page_that_failed_after_the_startup_request_came_back(loaded: Loaded, tmp_path: Path) -> None:
    log = f"* Running on local URL:  http://127.0.0.1:7860\n{LOCALHOST}"
    assert ids(found_by("network-localhost", log, loaded, tmp_path)) == ["app.first-page-not-served"]


def test_telemetry_that_fails_is_nothing(loaded: Loaded, tmp_path: Path) -> None:
    log = ('Exception in thread Thread-4:\nTraceback (most recent call last):\n'
           '  File "/w/lib/python3.10/site-packages/gradio/analytics.py", line 63, in _do_normal_analytics_request\n'
           "    httpx.post(url)\nhttpx.ConnectTimeout: timed out\n")
    (found,) = found_by("network-telemetry", log, loaded, tmp_path)
    assert "network.remote-host-unreachable" in found.replaces
    assert causes(log, loaded, tmp_path) == []


@pytest.mark.parametrize(("before", "name"), [
    ("", "app.bare-exception"), ("Running on local URL:  http://127.0.0.1:7860\n", "app.bare-exception-later"),
])
def test_the_last_line_of_a_traceback_alone(before: str, name: str, loaded: Loaded, tmp_path: Path) -> None:
    log = before + "ValueError: invalid literal for int() with base 10: ''"
    assert ids(found_by("app-bare-exception", log, loaded, tmp_path)) == [name]


def test_run_is_the_evidence_type(loaded: Loaded) -> None:
    assert isinstance(run_of("exited", 0), Run)
    assert {n.type for n in named(loaded, "network-proxy-env").needs} >= {Environment, Run, LogEvents}
