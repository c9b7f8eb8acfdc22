"""How often the state of a running app is told right, how fast, and what the look costs the app.

    python -m bench.live [--trials 200] [--only WORD] [--python PATH]

Every trial is one `gradio-doctor diagnose PORT` on a real Gradio app in one of the states of bench/live_scenarios.py.
The table at the end is the confusion: what was there, against what came first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.live_drive import Driver
from bench.live_scenarios import SCENARIOS, Scenario

_AT_ONCE = 4  # trials on one process, before it is started anew


@dataclass(frozen=True)
class Trial:
    """What came of one diagnosis: the first cause that is presented ("" for none), seconds, exit status."""

    scenario: Scenario
    first: str
    seconds: float
    status: int
    verdict: str

    @property
    def right(self) -> bool:
        """Rank 1 is right; a healthy app is called healthy."""
        return self.first == self.scenario.expected and (bool(self.first) or self.verdict == "healthy")


@contextmanager
def running(scenario: Scenario, python: str) -> Iterator[Driver]:
    """The app of a scenario, in its state."""
    with tempfile.TemporaryDirectory(prefix="live-") as name:
        directory = Path(name)
        for file, text in (("app.py", scenario.source), *scenario.modules):
            (directory / file).write_text(text.lstrip())
        driver = Driver(directory, python)
        try:
            driver.start()
            scenario.press(driver)
            yield driver
        finally:
            driver.close()


def diagnose(scenario: Scenario, driver: Driver, flags: Sequence[str] = ()) -> Trial:
    """One diagnosis by the real command."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "gradio_doctor", "diagnose", str(driver.port), "--format", "json", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=driver.app.parent)
    seconds = time.perf_counter() - begin
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return Trial(scenario, "no report", seconds, done.returncode, done.stderr[-200:])
    causes = [c["id"] for c in report["causes"] if c.get("role", "root") == "root"]
    return Trial(scenario, causes[0] if causes else "", seconds, done.returncode, report["verdict"])


def run(scenarios: Sequence[Scenario], trials: int, python: str) -> list[Trial]:
    """All scenarios in turn, until there are enough trials."""
    done: list[Trial] = []
    while len(done) < trials:
        for scenario in scenarios:
            with running(scenario, python) as driver:
                for _ in range(_AT_ONCE):
                    trial = diagnose(scenario, driver)
                    done.append(trial)
                    mark = "ok" if trial.right else "WRONG"
                    said = trial.first or trial.verdict
                    print(f"{mark:6} {scenario.name:42} {said:28} {trial.seconds:5.2f} s", flush=True)
    return done


def report(done: Sequence[Trial]) -> None:
    """Print the figures."""
    right = sum(t.right for t in done)
    false = [t for t in done if not t.scenario.expected and t.first]
    share = right / len(done)
    print(f"\n{len(done)} trials: rank 1 right in {right} ({share:.3f}); healthy called broken: {len(false)}")
    for name, chosen in (("faults", [t for t in done if t.scenario.expected]),
                         ("healthy", [t for t in done if not t.scenario.expected])):
        if chosen:
            times = sorted(t.seconds for t in chosen)
            print(f"{name}: median {statistics.median(times):.2f} s, 95 % {times[int(0.95 * (len(times) - 1))]:.2f} s")
    print("\nwhat was there -> what came first")
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for trial in done:
        table[trial.scenario.expected or "healthy"][trial.first or trial.verdict] += 1
    for expected, answers in sorted(table.items()):
        print(f"  {expected:28} " + ", ".join(f"{name} {count}" for name, count in answers.most_common()))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--only", default="", help="scenarios whose name or cause holds this word")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs the apps (with its Gradio)")
    options = parser.parse_args()
    chosen = [s for s in SCENARIOS if options.only in s.name or options.only in s.expected]
    if not chosen:
        raise SystemExit(f"no scenario is called {options.only!r}; known: {', '.join(s.name for s in SCENARIOS)}")
    report(run(chosen, options.trials, str(Path(options.python).absolute())))


if __name__ == "__main__":
    main()
