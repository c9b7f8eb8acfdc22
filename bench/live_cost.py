"""What being examined costs an app: the latency of its answers while `gradio-doctor diagnose PORT` looks, and alone.

    python -m bench.live_cost [--rounds 10]

A client asks an idle app, and one with forty threads at work, for a page that the event loop answers, a hundred times
a second. Rounds alone and rounds under examination take turns; each examination is the real command.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import threading
import time
from collections.abc import Sequence

from bench.live import diagnose, running
from bench.live_drive import Driver
from bench.live_scenarios import ECHO, Scenario

_PAUSE = 0.01  # seconds between requests
IDLE = Scenario("idle app", "", ECHO, "echo", lambda driver: driver.send("echo"))
BUSY = Scenario("thirty sleeping handlers", "", """
def work(text):
    time.sleep(600)
    return text
""", "work", lambda driver: driver.send("work", 30))


class Client(threading.Thread):
    """Asks all the time; `seconds` are the latencies of the phase that runs."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.seconds: list[float] = []
        self.ended = threading.Event()

    def run(self) -> None:
        """Ask over one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.ended.wait(_PAUSE):
            begin = time.perf_counter()
            connection.request("GET", "/nothing-here")
            connection.getresponse().read()
            self.seconds.append(time.perf_counter() - begin)


def measure(driver: Driver, scenario: Scenario, rounds: int) -> tuple[list[float], list[float]]:
    """Latencies alone and under examination."""
    client = Client(driver.port)
    client.start()
    alone: list[float] = []
    examined: list[float] = []
    for _ in range(rounds):
        client.seconds = []
        begin = time.monotonic()
        diagnose(scenario, driver)
        took = time.monotonic() - begin
        examined += client.seconds
        time.sleep(0.3)
        client.seconds = []
        time.sleep(took)
        alone += client.seconds
    client.ended.set()
    return alone, examined


def _figures(seconds: Sequence[float]) -> str:
    ordered = sorted(s * 1000 for s in seconds)
    worst = ", ".join(f"{s:.0f}" for s in ordered[-3:])
    at95 = ordered[int(0.95 * (len(ordered) - 1))]
    at99 = ordered[int(0.99 * (len(ordered) - 1))]
    middle = statistics.median(ordered)
    return f"median {middle:5.2f} ms, 95 % {at95:6.2f}, 99 % {at99:6.2f}, worst three {worst} ({len(ordered)} requests)"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    for scenario in (IDLE, BUSY):
        with running(scenario, sys.executable) as driver:
            alone, examined = measure(driver, scenario, options.rounds)
        print(f"{scenario.name}\n  alone    {_figures(alone)}\n  examined {_figures(examined)}")


if __name__ == "__main__":
    main()
