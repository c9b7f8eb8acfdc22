"""Threads and tasks that end with an exception beside an app that goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from checks.app_tracebacks import beside
from gradio_doctor.evidence import Absent, HttpAnswer, HttpAnswers, LogEvents, Run
from gradio_doctor.live.model import Wait
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from tests.checks.said import causes, events, named
from tests.checks.test_blocking_live import judged, live

UP = "print('* Running on local URL:  http://127.0.0.1:7860', file=sys.stderr, flush=True)\n"
THREAD = "import sys, threading, json\n" + UP + """
def feed():
    json.loads("")
thread = threading.Thread(target=feed, name="feeder")
thread.start(); thread.join()
"""
TASK = "import sys, asyncio, gc\n" + UP + """
async def refresh():
    raise RuntimeError("no connection")
async def main():
    asyncio.get_running_loop().create_task(refresh())
    await asyncio.sleep(0.1); gc.collect()
asyncio.run(main())
"""
MAIN = "import sys\n" + UP + "raise RuntimeError('the end')\n"
NOBODY = Absent("nobody asked")
SERVING = HttpAnswers("http://x", (HttpAnswer("page", "GET", "http://x/", "answered", 0.1, 200),), is_gradio=True)
BROKEN = HttpAnswers("http://x", (HttpAnswer("page", "GET", "http://x/", "answered", 0.1, 500),), is_gradio=True)


def printed(folder: Path, source: str) -> str:
    """What a real Python prints."""
    (folder / "app.py").write_text(source)
    return subprocess.run([sys.executable, "app.py"], cwd=folder, capture_output=True, text=True, timeout=60).stderr


def log_of(loaded: Loaded, folder: Path, source: str) -> LogEvents:
    return events(printed(folder, source), loaded, folder)


@pytest.mark.parametrize(("source", "what"), [(THREAD, "thread feeder"), (TASK, "task"), (MAIN, "")])
def test_whose_exception_it_is(loaded: Loaded, tmp_path: Path, source: str, what: str) -> None:
    log = log_of(loaded, tmp_path, source)
    (traceback,) = log.tracebacks
    assert beside(log, traceback).startswith(what) and bool(beside(log, traceback)) is bool(what)


def test_a_thread_is_told_by_its_frames(loaded: Loaded, tmp_path: Path) -> None:
    """Where the line above is lost."""
    text = "\n".join(line for line in printed(tmp_path, THREAD).splitlines() if "Exception in" not in line)
    log = events(text, loaded, tmp_path)
    assert beside(log, log.tracebacks[0]) == "thread"


@pytest.mark.parametrize("source", [THREAD, TASK])
def test_in_a_log_alone(loaded: Loaded, tmp_path: Path, source: str) -> None:
    """It has not ended the start: what is left to blame is a piece of the app that failed on some input."""
    assert next(iter(causes(printed(tmp_path, source), loaded, tmp_path))) == "app.handler-exception"


@pytest.mark.parametrize(("run", "http", "expected"), [
    (NOBODY, SERVING, "app.beside-failed"), (NOBODY, BROKEN, "app.beside-failed-log"),
    (Run(("python",), "/", 1, "serving", 2.0), NOBODY, "app.beside-failed"),
    (NOBODY, NOBODY, "app.beside-failed-log"),
])
def test_of_an_app_that_serves_it_is_foretold(
    loaded: Loaded, tmp_path: Path, run: Any, http: Any, expected: str
) -> None:
    (found,) = named(loaded, "app-beside")(log_of(loaded, tmp_path, THREAD), run, http)
    assert found.id == expected and found.facts["what"] == "thread feeder"
    assert "app.bare-json-error" in found.replaces
    assert bool(loaded.knowledge.findings[expected].predicts) is (expected == "app.beside-failed")


def test_before_it_came_up_it_may_be_the_reason(loaded: Loaded, tmp_path: Path) -> None:
    log = log_of(loaded, tmp_path, THREAD.replace(UP, ""))
    assert not list(named(loaded, "app-beside")(log, NOBODY, NOBODY))
    (found,) = named(loaded, "app-uncaught")(log, NOBODY, NOBODY)
    assert found.id == "app.settings-file-damaged"
    assert not list(named(loaded, "app-uncaught")(log, NOBODY, SERVING))


@pytest.mark.parametrize(("kind", "source", "seen"), [
    ("queue", THREAD, True), ("event", TASK, True), ("future", THREAD, True), ("lock", THREAD, False),
    ("queue", MAIN, False), ("queue", UP.join(("import sys\n", "")), False),
])
def test_a_handler_that_waits_for_the_dead(
    loaded: Loaded, tmp_path: Path, kind: Any, source: str, seen: bool
) -> None:
    waits = judged("handler-stuck", sure=False, seconds=9.0, wait=Wait(kind, endless=True), facts={"count": "1"})
    found = list(named(loaded, "blocking-orphaned-wait")(live(waits), log_of(loaded, tmp_path, source)))
    assert bool(found) is seen
    if seen:
        assert "app.py:" in found[0].facts["died"] and "nobody" in found[0].facts["lacking"]
        assert next(iter(rank(loaded.knowledge, merged(found)).probability)) == "blocking.deadlock"
    assert not list(named(loaded, "blocking-orphaned-wait")(live(), log_of(loaded, tmp_path, source)))
