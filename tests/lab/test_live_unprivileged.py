"""Running apps that we may not look into: kernel and HTTP must do, and the report says what would let it look."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from bench.live import running
from bench.live_drive import Driver
from bench.live_scenarios import FAULTS
from tests.lab.harness import Report, doctor, without_capabilities

CAP_SYS_PTRACE = 19  # linux/capability.h
BY_NAME = {s.name: s for s in FAULTS}


def hidden(driver: Driver, target: object) -> Report:
    """A look without the right to see what other processes hold or do, as another user has it."""
    blind = without_capabilities(CAP_SYS_PTRACE)
    return doctor("diagnose", target, cwd=driver.app.parent, preexec=blind)


def unlocks(report: Report, check: str) -> tuple[str, str]:
    """Outcome and unlock command of a check."""
    found = next(c for c in report.data["checks"] if c["id"] == check)
    return found["outcome"], found.get("unlock", "")


@pytest.mark.parametrize(("name", "cause", "finding"), [
    ("async handler sleeps", "blocking.event-loop", "blocking.loop-silent"),
    ("forty busy workers", "blocking.thread-pool", "blocking.pool-silent"),
    ("queue is stopped", "queue.stuck", "queue.door-closed"),
])
def test_without_the_right_to_look_inside(name: str, cause: str, finding: str) -> None:
    """The holder of the port is hidden, so nobody can exclude that a suspended process is behind a silent one."""
    scenario = BY_NAME[name]
    with running(replace(scenario, press=lambda _: None), sys.executable) as driver:
        well = hidden(driver, driver.port)
        well.assert_healthy()
        scenario.press(driver)
        one = hidden(driver, f"http://127.0.0.1:{driver.port}/" if cause == "queue.stuck" else driver.port)
    assert cause in one.ids[:2] and one.status == 1, one.describe()
    told = next(c for c in one.data["causes"] if c["id"] == cause)
    assert [e["seen"] for e in told["evidence"] if e["finding"] == finding] == [True]
    command = f'sudo "$(command -v gradio-doctor)" diagnose port:{driver.port}'
    assert unlocks(one, "blocking-mechanism") == ("skipped", command)


def test_when_stacks_are_not_allowed() -> None:
    """Kernel and HTTP tell the loop that sleeps from the pool that is full; only the line is not known."""
    scenario = BY_NAME["async handler sleeps"]
    with running(scenario, sys.executable) as driver:
        report = doctor("diagnose", driver.port, "--invasive", "probe", cwd=driver.app.parent)
        cause = report.assert_first("blocking.event-loop")
        seen = {e["finding"] for e in cause["evidence"] if e["seen"]}
        assert seen >= {"blocking.loop-silent", "blocking.nobody-accepts"}
        outcome, _ = unlocks(report, "blocking-mechanism")
        assert outcome != "failed"
        full = doctor("diagnose", driver.port, cwd=driver.app.parent)
        assert full.assert_first("blocking.event-loop")["probability"] >= cause["probability"]
        assert full.top["location"]["line"] == driver.app.read_text().splitlines().index("    time.sleep(600)") + 1
