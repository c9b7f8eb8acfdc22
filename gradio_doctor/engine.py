"""Gathering evidence when it is first asked for, and running checks on it. One broken part costs its findings only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from gradio_doctor.diagnosis import CheckRun, Outcome
from gradio_doctor.errors import UsageError
from gradio_doctor.evidence import Absent, LogEvents, MemoryCurve, Run, Target
from gradio_doctor.knowledge.model import Knowledge, names
from gradio_doctor.log_findings import log_findings
from gradio_doctor.probes.base import Options, Probe
from gradio_doctor.sdk import Check, Finding, Need

T = TypeVar("T")
LOG_SIGNATURES = "log-signatures"


def signature_check(knowledge: Knowledge) -> Check:
    """The check that turns matched log signatures into findings of the same ids."""

    def run(log: LogEvents) -> Iterable[Finding]:
        return log_findings(log, knowledge.signatures)

    return Check(LOG_SIGNATURES, tuple(knowledge.signatures), 0.05, run, (Need("log", LogEvents, optional=False),))


class Examination:
    """One examination of one target: the Context of the probes, and the runner of the checks."""

    def __init__(
        self, target: Target, options: Options, probes: Mapping[type, Probe], knowledge: Knowledge,
        checks: Iterable[Check], note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.target, self.options, self.knowledge = target, options, knowledge
        self.note = note
        self.checks = {c.id: c for c in (signature_check(knowledge), *checks)}
        self.runs: dict[str, CheckRun] = {}
        self.findings: list[Finding] = []
        self._probes = probes
        self._evidence: dict[type, object] = {Target: target}
        self._asking: list[type] = []
        self._closers: list[Callable[[], None]] = []
        self._deadline = time.monotonic() + options.timeout

    def get(self, kind: type[T]) -> T | Absent:
        """Evidence of a kind, gathered on first use. A probe that breaks, or is out of time, leaves Absent."""
        if kind not in self._evidence:
            self._evidence[kind] = self._gather(kind)
        return cast("T | Absent", self._evidence[kind])

    def _gather(self, kind: type) -> object:
        probe = self._probes.get(kind)
        if probe is None:
            return Absent(f"nothing here can look at it ({kind.__name__})")
        if kind in self._asking:
            return Absent(f"{kind.__name__} is needed to find out {kind.__name__}")
        if time.monotonic() > self._deadline:
            limit = self.options.timeout
            return Absent(f"the time limit of {limit:g} s was used up", f"--timeout {2 * limit:g}")
        self._asking.append(kind)
        started = time.monotonic()
        try:
            return probe(self)
        except UsageError:
            raise
        except Exception as error:
            return Absent(f"looking failed: {type(error).__name__}: {error}"[:300])
        finally:
            self._asking.pop()
            if kind in (Run, MemoryCurve):  # starting the app and watching it have time limits of their own
                self._deadline += time.monotonic() - started

    def known(self, kind: type[T]) -> T | Absent | None:
        """Evidence that has been gathered already, else None."""
        return cast("T | Absent | None", self._evidence.get(kind))

    def forget(self, *kinds: type) -> None:
        """Drop evidence that an action of ours made stale."""
        for kind in kinds:
            self._evidence.pop(kind, None)

    def on_close(self, clean_up: Callable[[], None]) -> None:
        """Run `clean_up` when the examination ends."""
        self._closers.append(clean_up)

    def close(self) -> None:
        """Run every clean-up, the last registered first; one that fails does not stop the others."""
        while self._closers:
            clean_up = self._closers.pop()
            try:
                clean_up()
            except Exception as error:
                self.note(f"clean-up failed: {type(error).__name__}: {error}")

    def __enter__(self) -> Examination:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def select(self, patterns: Iterable[str]) -> list[Check]:
        """The checks that any of the patterns names, in the order of the patterns."""
        chosen = {c.id: c for p in patterns for c in self.checks.values() if names(p, c.id)}
        return list(chosen.values())

    def run(self, check: Check) -> CheckRun:
        """Run a check once: gather what it needs, call it within its time limit, keep its findings."""
        if check.id not in self.runs:
            self.runs[check.id] = self._run(check)
        return self.runs[check.id]

    def _run(self, check: Check) -> CheckRun:
        started = time.monotonic()
        arguments: dict[str, object] = {}
        for need in check.needs:
            value = self._at_hand(need.type) if need.optional else self.get(need.type)
            if isinstance(value, Absent) and not need.optional:
                return CheckRun(check.id, "skipped", time.monotonic() - started, value.why, value.unlock)
            arguments[need.parameter] = value
        found, fault = _within(self.options.check_timeout, lambda: list(check(**arguments)))
        seconds = time.monotonic() - started
        if found is None:
            return CheckRun(check.id, "failed", seconds, fault)
        self.findings += found
        outcome: Outcome = "found" if any(f.seen for f in found) else "clear"
        return CheckRun(check.id, outcome, seconds)

    def _at_hand(self, kind: type) -> object:
        """Optional evidence is used when it is there; nothing (starting the app!) is done for its sake."""
        value: object = self.known(kind)
        return Absent("nobody had to look") if value is None else value

    def run_at_hand(self, *, final: bool = False) -> None:
        """Run the remaining checks whose evidence has been gathered anyway.

        Before the `final` time, a check also waits for its optional evidence, which may still come.
        """
        for check in list(self.checks.values()):
            if check.id in self.runs:
                continue
            there = [isinstance(self.known(need.type), need.type) for need in check.needs]
            required = [known for known, need in zip(there, check.needs, strict=True) if not need.optional]
            if all(there) or (final and any(there) and all(required)):
                self.run(check)


def _within(limit: float, call: Callable[[], list[Finding]]) -> tuple[list[Finding] | None, str]:
    """The result of a call that may take `limit` seconds, or None and why there is none."""
    box: dict[str, Any] = {}

    def work() -> None:
        try:
            box["found"] = call()
        except BaseException as error:  # a check may raise anything; only its own findings are lost
            box["fault"] = f"{type(error).__name__}: {error}"[:300]

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(limit)
    if worker.is_alive():
        return None, f"took longer than its limit of {limit:g} s"
    return box.get("found"), box.get("fault", "")
