"""The checks of the app family on evidence: sources, runs, and tracebacks that CPython really printed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gradio_doctor.evidence import (
    Absent,
    AppSource,
    Call,
    Exit,
    Import,
    Interpreter,
    LogEvents,
    ModuleOrigin,
    Run,
    Setting,
    SyntaxFault,
)
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.said import causes, diagnose, events, named

NO_LOG = Absent("no log")
NO_HTTP = Absent("nobody asked")


def run_of(outcome: str, code: int | None = None) -> Run:
    return Run(("python", "app.py"), "/srv", 4711, outcome, 2.5, exit_code=code)  # type: ignore[arg-type]


def printed(folder: Path, name: str, source: str) -> str:
    """What Python prints when it runs a file with that source."""
    path = folder / name
    path.write_text(source, encoding="utf-8")
    done = subprocess.run([sys.executable, name], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def ids(found: list[Finding]) -> list[str]:
    return [f.id for f in found]


def test_a_fault_of_the_source_is_told_with_its_place(loaded: Loaded) -> None:
    fault = SyntaxFault("SyntaxError", "invalid syntax", "/srv/app.py", 7, 3, "def (x):")
    (found,) = named(loaded, "app-syntax")(AppSource("/srv/app.py", fault=fault))
    assert found.id == "app.does-not-parse"
    assert found.location is not None
    assert (found.location.file, found.location.line) == ("/srv/app.py", 7)
    assert found.facts["message"] == "invalid syntax"


def test_a_source_in_another_encoding_is_no_syntax_error(loaded: Loaded) -> None:
    fault = SyntaxFault("UnicodeDecodeError", "invalid start byte", "/srv/app.py", 1, 1, "")
    assert ids(list(named(loaded, "app-syntax")(AppSource("/srv/app.py", fault=fault)))) == ["app.source-encoding"]


def test_a_sound_source_gives_nothing(loaded: Loaded) -> None:
    assert list(named(loaded, "app-syntax")(AppSource("/srv/app.py"))) == []


def test_exit_without_serving_and_no_launch(loaded: Loaded) -> None:
    found = list(named(loaded, "app-exit")(run_of("exited", 0), AppSource("/srv/app.py")))
    assert ids(found) == ["app.exited-without-serving", "app.launch-not-reached"]


def exits(loaded: Loaded, run: Run, log: LogEvents, *found: Exit) -> list[Finding]:
    return list(named(loaded, "app-ends-itself")(run, AppSource("/srv/app.py", exits=found), log))


ENDS = Exit("/srv/app.py", 9, "conditional", 1, "sys.exit(1)")
MAYBE = Exit("/srv/app.py", 20, "main-guard", None, "sys.exit(main())")
NEVER = Exit("/srv/app.py", 30, "function", 1, "sys.exit(1)")


def test_an_app_that_ends_itself(loaded: Loaded) -> None:
    (found,) = exits(loaded, run_of("exited", 1), LogEvents((), tail=("loading", "no config", "")), ENDS, MAYBE, NEVER)
    assert found.id == "app.gives-up" and found.location is not None and found.location.line == 9
    assert (found.facts["said"], found.facts["status"], found.facts["where"]) == ("no config", "1", "/srv/app.py:9")
    (silent,) = exits(loaded, run_of("exited", 3), LogEvents(()), MAYBE)
    assert "nothing" in silent.facts["words"] and "said" not in silent.facts
    (well,) = exits(loaded, run_of("exited", 0), LogEvents(()), replace(ENDS, status=0))
    assert well.id == "app.exit-called"
    (either,) = exits(loaded, run_of("exited", 1), LogEvents(()), ENDS, replace(ENDS, line=12))
    assert either.location is None and either.facts["where"] == "/srv/app.py:9, /srv/app.py:12"


def test_an_app_that_something_else_ended(loaded: Loaded, tmp_path: Path) -> None:
    assert not exits(loaded, run_of("exited", 2), LogEvents(()), ENDS, NEVER)
    assert not exits(loaded, run_of("exited", 1), LogEvents(()), NEVER)
    assert not exits(loaded, run_of("serving"), LogEvents(()), MAYBE)
    assert not exits(loaded, run_of("timeout", 1), LogEvents(()), ENDS)
    raised = events(printed(tmp_path, "app.py", "{}['x']"), loaded, tmp_path)
    assert not exits(loaded, run_of("exited", 1), raised, ENDS)


def test_launch_that_does_not_block(loaded: Loaded) -> None:
    lock = Setting("prevent_thread_lock", True, True, "True", 12)
    source = AppSource("/srv/app.py", calls=(Call("launch", "/srv/app.py", 12, "yes", (lock,)),))
    found = list(named(loaded, "app-exit")(run_of("exited", 0), source))
    assert ids(found) == ["app.exited-without-serving", "app.launch-does-not-block"]
    assert found[1].facts["line"] == "12"


@pytest.mark.parametrize("run", [run_of("serving"), run_of("exited", 1), run_of("timeout")])
def test_other_ends_are_no_quiet_exit(run: Run, loaded: Loaded) -> None:
    assert list(named(loaded, "app-exit")(run, AppSource("/srv/app.py"))) == []


def test_without_a_run_nothing_is_said_of_launch(loaded: Loaded) -> None:
    assert list(named(loaded, "app-exit")(Absent("not started"), AppSource("/srv/app.py"))) == []


def test_a_missing_variable_is_named(loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, "app.py", "import os\nSECRET = os.environ['DOCTOR_TEST_SECRET']\n")
    diagnosis = diagnose(log, loaded, tmp_path)
    assert diagnosis.causes[0].id == "app.startup-exception"
    assert "DOCTOR_TEST_SECRET" in str(diagnosis.causes[0].says)
    (found,) = named(loaded, "app-uncaught")(events(log, loaded, tmp_path), Absent("not started"), NO_HTTP)
    assert found.id == "app.variable-not-set"
    assert found.location is not None
    assert found.location.line == 2


def test_a_damaged_settings_file(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("")
    log = printed(tmp_path, "app.py", "import json\nCONFIG = json.load(open('config.json'))\n")
    assert causes(log, loaded, tmp_path)[0] == "app.startup-exception"


def test_the_innermost_own_line_is_the_location(loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, "app.py", "def f():\n    return int('x')\n\nf()\n")
    (found,) = named(loaded, "app-uncaught")(events(log, loaded, tmp_path), run_of("exited", 1), NO_HTTP)
    assert found.id == "app.ended-by-exception"
    assert (found.facts["type"], found.facts["line"], found.facts["function"]) == ("ValueError", "2", "f")


def test_an_app_that_serves_has_not_been_ended(loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, "app.py", "raise ValueError('tried and caught')\n")
    assert list(named(loaded, "app-uncaught")(events(log, loaded, tmp_path), run_of("serving"), NO_HTTP)) == []


def test_a_specific_signature_silences_the_generic_finding(loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, "app.py", "import no_such_module_for_doctor\n")
    assert list(named(loaded, "app-uncaught")(events(log, loaded, tmp_path), run_of("exited", 1), NO_HTTP)) == []
    assert causes(log, loaded, tmp_path)[0] == "dependency.missing"


def test_interrupts_are_no_fault(loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, "app.py", "raise KeyboardInterrupt\n")
    assert list(named(loaded, "app-uncaught")(events(log, loaded, tmp_path), Absent("not started"), NO_HTTP)) == []


def test_a_syntax_error_of_the_app_is_its_own(loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, "app.py", "import json\ndemo = (1,\n")
    (found,) = named(loaded, "app-syntax-log")(events(log, loaded, tmp_path))
    assert found.id == "app.syntax-error-in-own-file"
    assert causes(log, loaded, tmp_path)[0] == "app.syntax-error"


def test_a_syntax_error_inside_a_library_means_the_python(loaded: Loaded, tmp_path: Path) -> None:
    package = tmp_path / "lib" / "site-packages" / "newer"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("def f(:\n    pass\n")
    source = f"import sys\nsys.path.insert(0, {str(package.parent)!r})\nimport newer\n"
    log = printed(tmp_path, "app.py", source)
    (found,) = named(loaded, "app-syntax-log")(events(log, loaded, tmp_path))
    assert found.id == "dependency.syntax-in-library"
    assert causes(log, loaded, tmp_path)[0] == "dependency.python-version"


@pytest.mark.parametrize(("name", "source"), [
    ("json.py", "import json\nprint(json.dumps({}))\n"),
    ("random.py", "import random\nprint(random.choice([1]))\n"),
    ("httpx.py", "import httpx\nhttpx.Client()\n"),
])
def test_a_file_with_the_name_of_a_module(name: str, source: str, loaded: Loaded, tmp_path: Path) -> None:
    log = printed(tmp_path, name, source)
    diagnosis = diagnose(log, loaded, tmp_path)
    assert diagnosis.causes[0].id == "app.module-shadowed"
    (found,) = named(loaded, "module-shadowed")(events(log, loaded, tmp_path))
    assert found.facts["shadow"].endswith(name)


def test_a_local_module_is_told_only_of_an_app_that_failed(loaded: Loaded) -> None:
    origin = ModuleOrigin("gradio", "/srv/gradio.py", "gradio", local=True)
    interpreter = Interpreter("/usr/bin/python", (3, 11, 2), "python on PATH", origins=(origin,))
    source = AppSource("/srv/app.py", imports=(Import("gradio", "/srv/app.py", 1, optional=False),))
    check = named(loaded, "module-shadowed-live")
    seen = {"interpreter": interpreter, "source": source, "log": NO_LOG}
    assert ids(list(check(run=run_of("exited", 1), **seen))) == ["app.local-module-origin"]
    assert list(check(run=run_of("serving"), **seen)) == []


def test_a_handler_is_told_with_its_line(loaded: Loaded, tmp_path: Path) -> None:
    gradio = tmp_path / "lib" / "site-packages" / "gradio"
    gradio.mkdir(parents=True)
    (gradio / "queueing.py").write_text("def process_events(f):\n    return f()\n")
    source = (f"import sys, traceback\nsys.path.insert(0, {str(gradio)!r})\nfrom queueing import process_events\n"
              "def predict():\n    return 1 / 0\n"
              "try:\n    process_events(predict)\nexcept Exception:\n    traceback.print_exc()\n")
    log = printed(tmp_path, "app.py", source)
    (found,) = named(loaded, "app-handler")(events(log, loaded, tmp_path))
    assert (found.id, found.facts["function"], found.facts["line"]) == ("app.handler-raised", "predict", "5")
    assert causes(log, loaded, tmp_path)[0] == "app.handler-exception"


def test_a_value_that_a_component_cannot_take(loaded: Loaded, tmp_path: Path) -> None:
    log = """
        Traceback (most recent call last):
          File "/w/venv/lib/python3.10/site-packages/gradio/routes.py", line 321, in run_predict
            output = await app.blocks.process_api(
          File "/w/venv/lib/python3.10/site-packages/gradio/components/number.py", line 58, in postprocess
            return float(num)
        ValueError: could not convert string to float: 'min'
    """
    (found,) = named(loaded, "app-handler")(events(log, loaded, tmp_path))
    assert (found.id, found.facts["component"]) == ("app.value-refused", "number")


def test_every_family_cause_has_prose_in_both_languages_and_a_remedy(loaded: Loaded) -> None:
    for cause in loaded.knowledge.causes.values():
        if cause.family in ("app", "dependency", "model", "network"):
            assert cause.title.zh, cause.id
            assert cause.what.zh, cause.id
            assert cause.says, cause.id
            assert cause.remedies, cause.id
            assert cause.links, cause.id
