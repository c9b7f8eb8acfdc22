"""An app under supervision: started as `python app.py` would be, watched until it serves, stopped with all it started.

It runs in its own directory, with its own interpreter, the inherited environment, and a terminal as stdin on which
nobody types; one that waits there before it serves is not waited for. One
variable is added: PYTHONUNBUFFERED=1, because Python holds back what it prints into a pipe, and the app's last words
would die with it. Nothing is injected into the process.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gradio_doctor.evidence import Run
from gradio_doctor.evidence.run import RunOutcome
from gradio_doctor.supervise.announced import StartLines
from gradio_doctor.supervise.capture import Capture
from gradio_doctor.supervise.guarded import GuardedProcess
from gradio_doctor.supervise.memory import KillCount, PeakMemory
from gradio_doctor.supervise.proctree import Stat, descendants
from gradio_doctor.supervise.ready import Readiness
from gradio_doctor.supervise.typing_wait import Typing

_SAMPLE = 0.1  # seconds between two looks at the processes


def script_command(python: str, script: str) -> tuple[str, ...]:
    """The words that a person standing in the script's directory would type."""
    name = Path(script).name
    return (python, f"./{name}" if name.startswith("-") else name)


class SupervisedApp:
    """One start of an app. Raises OSError when its output cannot be captured (no temporary directory)."""

    def __init__(self, command: Sequence[str], directory: str) -> None:
        self.lines = StartLines()
        self.capture = Capture(self.lines.feed)
        self.process = GuardedProcess(command, directory, {"PYTHONUNBUFFERED": "1", **os.environ})
        self.memory = PeakMemory()
        self._ready = Readiness(self.lines)
        self._kills = KillCount()
        self._typing = Typing()
        self._begun = 0.0

    def start(self, timeout: float) -> Run:
        """Start it, and watch until it serves, ends, or `timeout` seconds pass. `stop` must be called at the end."""
        self._begun = time.monotonic()
        self.process.start(self.capture.take_writer())
        return self._watch(self._begun + timeout)

    def processes(self) -> list[Stat]:
        """The app and everything it has started that still lives, daemons included."""
        return descendants(self.process.guard_pid) if self.process.guard_pid else []

    def stop(self) -> None:
        """End the app and everything it started, then the capture. Can be called again."""
        try:
            self.process.stop()
        finally:
            self.capture.close()

    def _watch(self, until: float) -> Run:
        while True:
            if self.process.failure:
                return self._run("failed-to-start", error=self.process.failure)
            if self.process.ended:
                return self._run("exited")
            if self.process.gone:
                return self._run("exited", error="the guard process was killed", signal=int(signal.SIGKILL))
            processes = self.processes()
            self.memory.sample(processes)
            self._kills.see(self.process.pid)
            if self._ready.step([p.pid for p in processes]) and not self._ended_just_now():
                return self._run("serving")
            if self._ready.door is None and time.monotonic() > until:
                return self._run("timeout", error=f"no answer within {until - self._begun:g} s")
            if self._ready.door is None and self._typing.waits(self.process.pid):
                return self._run("timeout", error="it waits for something to be typed")
            self.process.wait(_SAMPLE)

    def _ended_just_now(self) -> bool:
        self.process.wait(0.0)
        return self.process.ended is not None

    def _run(self, outcome: RunOutcome, error: str = "", signal: int | None = None) -> Run:
        now = time.monotonic()
        self.capture.settle()
        # the status of a child that never became the app tells nothing of the app
        ended = None if outcome == "failed-to-start" else self.process.ended
        door = self._ready.door
        run = Run(
            self.process.command, self.process.directory, self.process.pid, outcome, now - self._begun,
            exit_code=ended.exit_code if ended else None,
            signal=ended.signal if ended else signal,
            peak_memory=self.memory.total(self.process.pid, ended.peak_memory if ended else 0),
            output=str(self.capture.path), error=error,
            cgroup_kills=self._kills.grown(), started=time.time() - (now - self._begun),
        )  # fmt: skip
        if outcome == "serving" and door:
            return replace(run, seconds=self._ready.answered - self._begun, url=door.url, port=door.port)
        return run
