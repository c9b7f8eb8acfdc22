"""Faults of running apps, told right at rank 1 by the real command, with the place in the user's code.

Each app is asked about first while it is well: the healthy twin of every fault is the same process a second earlier.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bench.live import running
from bench.live_drive import Driver
from bench.live_scenarios import FAULTS, Scenario
from tests.lab.harness import Report, doctor

BY_NAME = {s.name: s for s in FAULTS}


@dataclass(frozen=True)
class Expected:
    """What the report of a fault says: the leading finding, and the lines (by their text) that its evidence names."""

    finding: str
    lines: tuple[str, ...] = ()
    function: str = ""
    file: str = "app.py"
    severity: str = "error"
    asks: str = ""  # a command of a remedy holds this


EXPECTED = {
    "blocking call two helpers deep": Expected(
        "blocking.loop-blocked", ("    time.sleep(600)",), "fetch_one", "helpers.py",
    ),
    "native call holds the GIL": Expected("blocking.gil-held", ("    return str(re.match(",), "work"),
    "self-call on the loop": Expected("blocking.calls-itself", ("    return urllib.request.urlopen(",), "work"),
    "forty busy workers": Expected("blocking.workers-taken", ("    time.sleep(600)",), "work", asks="py-spy dump"),
    "two locks": Expected("blocking.lock-cycle", ("        with B:", "        with A:")),
    "upstream never answers": Expected("blocking.waits-for-server", ("    return urllib.request.urlopen(",), "work"),
    "awaited upstream never answers": Expected(
        "blocking.awaits-server", ("        return (await client.get(",), "work",
    ),
    "connection pool is used up": Expected("blocking.pool-wait", ("    with client.stream(",), "work"),
    "queue is full": Expected("queue.at-limit", ("demo.queue(max_size=4)",), severity="warning"),
    "queue is stopped": Expected("queue.door-closed"),
    "sys.exit in a handler": Expected("app.server-thread-gone"),
    "child inherited the socket": Expected("port.earlier-run", asks="kill"),
}


def examined(driver: Driver, *flags: str) -> Report:
    """One diagnosis of what listens on the app's port."""
    return doctor("diagnose", driver.port, *flags, cwd=driver.app.parent)


def line_of(driver: Driver, file: str, text: str) -> str:
    """ "file:line" of the first line of the app that begins with a text."""
    path = driver.app.with_name(file)
    numbers = [n for n, line in enumerate(path.read_text().splitlines(), 1) if line.startswith(text)]
    assert numbers, f"the scenario has no line {text!r}"
    return f"{path}:{numbers[0]}"


def evidence(cause: dict[str, Any], finding: str) -> str:
    """What the report says of one finding that it has seen."""
    texts = [e["text"] for e in cause["evidence"] if e["finding"] == finding and e["seen"]]
    assert len(texts) == 1, json.dumps(cause["evidence"], indent=1)
    return str(texts[0])


def assert_told(scenario: Scenario, expected: Expected, driver: Driver, report: Report) -> None:
    """Cause, severity and exit status, the place, and that every command is filled."""
    assert report.ids[:1] == [scenario.expected], report.describe()
    cause = report.top
    assert (cause["role"], cause["severity"], report.status) == (
        "root", expected.severity, 1 if expected.severity == "error" else 0,
    ), report.describe()
    said = evidence(cause, expected.finding)
    places = [line_of(driver, expected.file, text) for text in expected.lines]
    assert all(place in said for place in places), (said, places)
    if expected.function:
        at = cause["location"]
        assert (f"{at['file']}:{at['line']}", at["function"]) == (places[0], expected.function)
        assert any(s["line"] == at["line"] and s["text"].startswith(expected.lines[0]) for s in at["snippet"])
    commands = [c for r in cause["remedies"] for c in r["commands"]]
    assert any(expected.asks in c for c in commands) if expected.asks else True, commands
    assert not any("{" in c for c in commands if "awk" not in c), commands


@pytest.mark.parametrize("name", list(EXPECTED))
def test_a_fault_and_its_healthy_twin(name: str) -> None:
    scenario = BY_NAME[name]
    with running(replace(scenario, press=lambda _: None), sys.executable) as driver:
        examined(driver).assert_healthy()
        scenario.press(driver)
        assert_told(scenario, EXPECTED[name], driver, examined(driver))


def test_the_names_are_those_of_the_benchmark() -> None:
    """A scenario that is renamed there must not silently lose its test; every cause there has one here."""
    assert set(EXPECTED) <= set(BY_NAME)
    assert {s.expected for s in FAULTS} - {BY_NAME[n].expected for n in EXPECTED} == {"queue.backlog"}


def test_a_queue_that_grows_is_a_warning_with_its_length() -> None:
    """It moves, so it is no error; the number is the one that Gradio itself tells."""
    scenario = BY_NAME["queue grows"]
    with running(scenario, sys.executable) as driver:
        first, later = examined(driver), examined(driver, "--fail-on", "warning")
    assert (first.ids[:1], first.status, later.status) == (["queue.backlog"], 0, 1), first.describe()
    waiting = int(evidence(first.top, "queue.long").split()[0])
    assert 40 <= waiting <= 60
    assert "default_concurrency_limit" in json.dumps(first.top["remedies"])
