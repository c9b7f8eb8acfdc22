"""Running apps that are well, however busy or strange they look: none of them is called broken."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.live import running
from bench.live_drive import Driver
from bench.live_scenarios import HEALTHY
from tests.lab.harness import doctor

BY_NAME = {s.name: s for s in HEALTHY}
# State of the app, and what proves that it was in it while it was examined.
CHOSEN = [
    "eight busy handlers", "awaiting handler", "twenty sleeping handlers", "threads take turns at a lock",
    "upstream with a time-out",
]


def threads_of(driver: Driver) -> int:
    """How many threads the app has."""
    assert driver.process is not None
    status = Path(f"/proc/{driver.process.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads:"))


@pytest.mark.parametrize("name", CHOSEN)
def test_busy_is_not_broken(name: str) -> None:
    with running(BY_NAME[name], sys.executable) as driver:
        report = doctor("diagnose", driver.port, cwd=driver.app.parent)
        report.assert_healthy()
        assert driver.answers("/config", 5.0)
        busy = {"twenty sleeping handlers": 20, "eight busy handlers": 4}.get(name, 1)
        assert threads_of(driver) > busy
    looked = {c["id"]: c["outcome"] for c in report.data["checks"]}
    assert {looked[c] for c in ("blocking-mechanism", "blocking-locks", "blocking-waits")} == {"clear"}, looked


def longest(call: Callable[[], bool], seconds: float) -> float:
    """The longest of the calls made one after the other over a time, each of which must succeed."""
    worst, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        assert call()
        worst = max(worst, time.monotonic() - begin)
    return worst


def test_the_app_goes_on_answering_while_it_is_examined() -> None:
    """Requests made all the while are answered, and none waits for as long as a human would notice."""
    with running(BY_NAME["idle"], sys.executable) as driver:
        found: list[str] = []

        def look() -> None:
            found.append(doctor("diagnose", driver.port, cwd=driver.app.parent).data["verdict"])

        looking = threading.Thread(target=look)
        looking.start()
        worst = longest(lambda: driver.answers("/config", 5.0), 1.5)
        looking.join(60)
        assert found == ["healthy"]
        assert worst < 0.5
        assert driver.call("echo", "still here").count("still here") == 1
