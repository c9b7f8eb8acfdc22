"""The probe that starts the app: when it does, when it refuses, and what it leaves behind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from gradio_doctor.evidence import Absent, Instances, Interpreter, Listeners, Process, Processes, Run, Target
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.run import probe_run, tell
from gradio_doctor.supervise.capture import keep

T = TypeVar("T")


class World:
    """A context with given evidence."""

    def __init__(self, target: Target, options: Options, *evidence: object) -> None:
        self._target = target
        self._options = options
        self.evidence = {type(e): e for e in evidence}
        self.closing: list[Callable[[], None]] = []
        self.notes: list[str] = []
        self.forgotten: set[type] = set()

    @property
    def target(self) -> Target:
        return self._target

    @property
    def options(self) -> Options:
        return self._options

    def get(self, kind: type[T]) -> T | Absent:
        found = self.evidence.get(kind)
        return found if isinstance(found, kind) else Absent("not given")

    def known(self, kind: type[T]) -> T | Absent | None:
        return self.get(kind)

    def forget(self, *kinds: type) -> None:
        self.forgotten |= set(kinds)

    def on_close(self, clean_up: Callable[[], None]) -> None:
        self.closing.append(clean_up)

    def note(self, text: str) -> None:
        self.notes.append(text)


PYTHON = Interpreter(sys.executable, sys.version_info[:3], "--python")
Make = Callable[..., World]


@pytest.fixture
def world(write: Callable[[str], Path]) -> Iterator[Make]:
    made: list[World] = []

    def make(source: str = "pass", *evidence: object, options: Options | None = None) -> World:
        script = str(write(source))
        target = Target("script", "app.py", script=script)
        made.append(World(target, options or Options(startup_timeout=20), PYTHON, *evidence))
        return made[-1]

    yield make
    for context in made:
        for clean_up in reversed(context.closing):
            clean_up()


def test_it_starts_the_app_and_stops_it(
    world: Make, port: int, running: Callable[[str], list[int]], write: Callable[[str], Path]
) -> None:
    context = world(f"""
        import http.server
        print("Uvicorn running on", flush=True)
        http.server.HTTPServer(("127.0.0.1", {port}), http.server.SimpleHTTPRequestHandler).serve_forever()
    """)
    run = probe_run(context)
    assert isinstance(run, Run)
    script = Path(context.target.script or "")
    assert run.command == (sys.executable, script.name)
    assert run.directory == str(script.parent)
    assert (run.outcome, run.port) == ("serving", port)
    assert run.pid in running(script.name)
    assert {Listeners, Processes, Instances} <= context.forgotten
    assert context.notes == [
        f"starting {script.name} with {sys.executable}",
        f"serving on http://127.0.0.1:{port} after {run.seconds:.1f} s",
    ]
    for clean_up in context.closing:
        clean_up()
    assert running(script.name) == []
    assert keep(run.output, wanted=False) == ""


def test_it_tells_an_early_end(world: Make) -> None:
    context = world("import sys; sys.exit('no model')")
    run = probe_run(context)
    assert isinstance(run, Run)
    assert (run.outcome, run.exit_code) == ("exited", 1)
    assert Path(run.output).read_text() == "no model\n"
    assert context.notes[-1].startswith("exited with status 1 after ")
    keep(run.output, wanted=False)


def test_no_run_forbids_it(world: Make) -> None:
    context = world(options=Options(run=False))
    assert probe_run(context) == Absent("--no-run forbids starting the app", "gradio-doctor diagnose app.py")
    assert context.closing == []


def test_a_running_app_is_not_started_again(world: Make) -> None:
    there = Process(4711, 1, "python", ("python", "app.py"), "me", 0.0, "sleeping")
    found = probe_run(world("pass", Instances("app.py", (there,))))
    assert isinstance(found, Absent) and "4711" in found.why


def test_an_orphaned_child_alone_does_not_hinder(world: Make) -> None:
    child = Process(4712, 1, "python", ("python", "app.py"), "me", 0.0, "sleeping", orphan=True)
    run = probe_run(world("pass", Instances("app.py", (), (child,))))
    assert isinstance(run, Run)
    keep(run.output, wanted=False)


@pytest.mark.parametrize("target", [Target("port", "7860", port=7860), Target("none", ""), Target("script", "app.py")])
def test_only_scripts_are_started(target: Target) -> None:
    context = World(target, Options())
    assert isinstance(probe_run(context), Absent)
    assert context.closing == []


def test_without_a_temporary_directory(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    found = probe_run(world())
    assert isinstance(found, Absent) and "captured" in found.why and found.unlock


def test_off_linux(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    found = probe_run(world())
    assert isinstance(found, Absent) and "gradio-doctor logs app.log" in found.unlock


def test_a_python_that_is_not_there(world: Make) -> None:
    context = world("pass", Interpreter("/nowhere/python", (3, 11, 0), "--python"))
    run = probe_run(context)
    assert isinstance(run, Run) and run.outcome == "failed-to-start"
    assert context.notes[-1].startswith("could not be started: /nowhere/python in ")
    keep(run.output, wanted=False)


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (11, "SIGSEGV"), (40, "signal 40")])
def test_telling_of_signals(number: int, name: str) -> None:
    assert tell(Run((), "/", 1, "exited", 2.0, signal=number)) == f"ended by {name} after 2.0 s"
    assert tell(Run((), "/", 1, "timeout", 120.4)) == "not serving after 120 s"
