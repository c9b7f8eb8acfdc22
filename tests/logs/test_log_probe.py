"""The probe finds the logs at hand: named ones, our own run's output, the files that a running app writes to."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from gradio_doctor.evidence import Absent, Instances, LogEvents, Process, Run, Target
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs import LogError
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.log_events import make_log_probe, output_file

T = TypeVar("T")


class World:
    """A context with what a test puts into it."""

    def __init__(self, target: Target, options: Options | None = None, *evidence: object) -> None:
        self.target = target
        self.options = options or Options()
        self._known = {type(e): e for e in evidence}
        self.notes: list[str] = []

    def known(self, kind: type[T]) -> T | Absent | None:
        return self._known.get(kind)  # type: ignore[return-value]

    def get(self, _kind: type[T]) -> T | Absent:
        raise AssertionError("the probe gathers nothing else")

    def forget(self, *_kinds: type) -> None:
        raise AssertionError

    def on_close(self, _clean_up: Callable[[], None]) -> None:
        raise AssertionError

    def note(self, text: str) -> None:
        self.notes.append(text)


NOTHING = Target("none", "")


def process(pid: int) -> Process:
    return Process(pid, 1, "python", ("python", "app.py"), "me", 0.0, "running")


@contextmanager
def running(stdout: Path, stderr: Path) -> Iterator[int]:
    """A real process that writes to files."""
    code = (
        "import sys, time; print('boom happened in out', flush=True)\n"
        "print('Killed', file=sys.stderr, flush=True); time.sleep(60)"
    )
    with stdout.open("w") as out, stderr.open("a") as err:
        child = subprocess.Popen([sys.executable, "-c", code], stdout=out, stderr=err)
    try:
        for _ in range(500):
            if stderr.stat().st_size:
                break
            time.sleep(0.02)
        yield child.pid
    finally:
        child.kill()
        child.wait()


def test_no_log(signatures: tuple[Signature, ...]) -> None:
    found = make_log_probe(signatures)(World(NOTHING))
    assert isinstance(found, Absent) and "--log FILE" in found.unlock


def test_named_logs_and_target(tmp_path: Path, signatures: tuple[Signature, ...]) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    one.write_text("boom happened in one\n")
    two.write_text("Killed\n")
    world = World(Target("log", two.name, path=str(two)), Options(logs=(str(one),)))
    found = make_log_probe(signatures)(world)
    assert isinstance(found, LogEvents) and [f.name for f in found.files] == [str(one), str(two)]
    assert {m.signature for m in found.matches} == {"app.boom", "memory.killed"}


def test_a_named_log_that_is_missing(tmp_path: Path, signatures: tuple[Signature, ...]) -> None:
    """It is a usage error, said in one line, not something to pass over."""
    with pytest.raises(LogError, match=r"gone\.log"):
        make_log_probe(signatures)(World(NOTHING, Options(logs=(str(tmp_path / "gone.log"),))))


def test_output_that_cannot_be_read_is_absent(tmp_path: Path, signatures: tuple[Signature, ...]) -> None:
    """Damaged compressed output is not the person's doing, so it is no error."""
    output = tmp_path / "output"
    output.write_bytes(b"\x28\xb5\x2f\xfd" + b"broken")
    found = make_log_probe(signatures)(World(NOTHING, None, Run(("x",), "/", 1, "exited", 1.0, output=str(output))))
    assert isinstance(found, Absent | LogEvents)
    assert found.why if isinstance(found, Absent) else found.files[0].truncated


def test_output_of_our_run(tmp_path: Path, signatures: tuple[Signature, ...]) -> None:
    output = tmp_path / "output"
    output.write_text("boom happened in run\n")
    run = Run(("python", "app.py"), "/", 1, "exited", 1.0, output=str(output))
    found = make_log_probe(signatures)(World(NOTHING, None, run))
    assert isinstance(found, LogEvents) and found.files[0].name == "output of the app" and found.get("app.boom")


@pytest.mark.parametrize("how", ["pid", "instances"])
def test_output_files_of_a_running_app(tmp_path: Path, signatures: tuple[Signature, ...], how: str) -> None:
    out, err = tmp_path / "out.log", tmp_path / "err.log"
    with running(out, err) as pid:
        target = Target("process", str(pid), pid=pid) if how == "pid" else NOTHING
        evidence = () if how == "pid" else (Instances("app.py", (process(pid),)),)
        found = make_log_probe(signatures)(World(target, None, *evidence))
        assert isinstance(found, LogEvents) and {f.name for f in found.files} == {str(out), str(err)}
        assert found.get("app.boom") and found.get("memory.killed")


def test_both_on_one_file_is_read_once(tmp_path: Path, signatures: tuple[Signature, ...]) -> None:
    both = tmp_path / "both.log"
    with running(both, both) as pid:
        found = make_log_probe(signatures)(World(Target("process", str(pid), pid=pid)))
        assert isinstance(found, LogEvents) and [f.name for f in found.files] == [str(both)]


def test_a_deleted_log_is_still_read(tmp_path: Path, signatures: tuple[Signature, ...]) -> None:
    out, err = tmp_path / "out.log", tmp_path / "err.log"
    with running(out, err) as pid:
        err.unlink()
        assert output_file(pid, 2) == f"/proc/{pid}/fd/2"
        found = make_log_probe(signatures)(World(Target("process", str(pid), pid=pid)))
        assert isinstance(found, LogEvents) and found.get("memory.killed")


def test_terminals_pipes_and_strangers_give_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert output_file(child.pid, 1) == ""
    finally:
        child.communicate(b"\n")
    assert output_file(child.pid, 1) == "" and output_file(2**22 + 5, 1) == ""
