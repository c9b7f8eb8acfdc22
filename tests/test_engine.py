"""Examinations with evidence made by hand: laziness, isolation, time limits, clean-up."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gradio_doctor.engine import Examination
from gradio_doctor.evidence import Absent, Environment, KernelLog, Listeners, Processes, Run, Target
from gradio_doctor.probes.base import Context, Options, Probe
from gradio_doctor.sdk import Check, Finding, check
from tests.world import cause, knowledge

KNOW = knowledge([cause("a.x", 0.02, {"f": 0.85})], {"f": 0.01, "g": 0.01})
LISTENERS = Listeners(())


def examination(probes: dict[type, Probe], *checks: Check, **options: object) -> Examination:
    return Examination(Target("none", ""), Options(**options), probes, KNOW, checks)  # type: ignore[arg-type]


@check("needs-sockets", finds=("f",))
def needs_sockets(listeners: Listeners) -> Iterator[Finding]:
    yield Finding("f", facts={"count": str(len(listeners.sockets))})


@check("may-use-run", finds=("g",))
def may_use_run(listeners: Listeners, run: Run | Absent) -> Iterator[Finding]:
    yield Finding("g", isinstance(run, Run))


def test_evidence_is_gathered_once_and_only_when_asked_for() -> None:
    asked: list[str] = []

    def probe(context: Context) -> Listeners:
        asked.append("listeners")
        return LISTENERS

    with examination({Listeners: probe}, needs_sockets) as exam:
        assert exam.known(Listeners) is None
        assert not asked
        assert exam.run(exam.checks["needs-sockets"]).outcome == "found"
        exam.run(exam.checks["needs-sockets"])
        assert exam.get(Listeners) is LISTENERS
        assert asked == ["listeners"]
        assert [f.id for f in exam.findings] == ["f"]
        exam.forget(Listeners)
        exam.get(Listeners)
        assert asked == ["listeners"] * 2


def test_absent_evidence_skips_a_check_with_its_reason_and_unlock() -> None:
    with examination({Listeners: lambda _: Absent("not permitted", "sudo x")}, needs_sockets) as exam:
        run = exam.run(exam.checks["needs-sockets"])
    assert (run.outcome, run.reason, run.unlock) == ("skipped", "not permitted", "sudo x")
    assert not exam.findings


def test_a_broken_probe_costs_its_own_evidence_only() -> None:
    def broken(context: Context) -> object:
        raise RuntimeError("boom")

    probes: dict[type, Probe] = {Listeners: broken, Environment: lambda _: Environment({}, "x")}
    with examination(probes, needs_sockets) as exam:
        run = exam.run(exam.checks["needs-sockets"])
        assert run.outcome == "skipped"
        assert "boom" in run.reason
        assert isinstance(exam.get(Environment), Environment)


def test_a_broken_check_costs_its_own_findings_only() -> None:
    @check("broken", finds=("f",))
    def broken(listeners: Listeners) -> Iterator[Finding]:
        yield Finding("f")
        raise KeyError("oops")

    with examination({Listeners: lambda _: LISTENERS}, broken, needs_sockets) as exam:
        run = exam.run(exam.checks["broken"])
        assert (run.outcome, run.reason) == ("failed", "KeyError: 'oops'")
        assert not exam.findings
        assert exam.run(exam.checks["needs-sockets"]).outcome == "found"


def test_a_slow_check_is_named_with_its_limit() -> None:
    @check("slow", finds=("f",))
    def slow(listeners: Listeners) -> list[Finding]:
        time.sleep(30)
        return []

    started = time.monotonic()
    with examination({Listeners: lambda _: LISTENERS}, slow, check_timeout=0.2) as exam:
        run = exam.run(exam.checks["slow"])
    assert time.monotonic() - started < 5
    assert run.outcome == "failed"
    assert "0.2 s" in run.reason


def test_the_time_limit_leaves_the_rest_absent() -> None:
    def slow(context: Context) -> Listeners:
        time.sleep(0.15)
        return LISTENERS

    probes: dict[type, Probe] = {Listeners: slow, KernelLog: lambda _: KernelLog(())}
    with examination(probes, timeout=0.1) as exam:
        assert exam.get(Listeners) is LISTENERS  # what had begun is kept
        late = exam.get(KernelLog)
    assert isinstance(late, Absent)
    assert late.unlock == "--timeout 0.2"


def test_probes_that_need_each_other_end_absent() -> None:
    probes: dict[type, Probe] = {
        Listeners: lambda context: context.get(Processes), Processes: lambda context: context.get(Listeners),
    }
    with examination(probes) as exam:
        assert isinstance(exam.get(Listeners), Absent)


def test_optional_evidence_is_never_gathered_for_its_own_sake() -> None:
    def start_the_app(context: Context) -> Run:
        pytest.fail("an optional need must not start the app")

    with examination({Listeners: lambda _: LISTENERS, Run: start_the_app}, may_use_run) as exam:
        exam.get(Listeners)
        exam.run_at_hand()
        assert "may-use-run" not in exam.runs  # the run may still come
        exam.run_at_hand(final=True)
        assert exam.runs["may-use-run"].outcome == "clear"


def test_closing_runs_every_clean_up_the_last_first_even_after_one_fails() -> None:
    done: list[str] = []

    def fails() -> None:
        done.append("b")
        raise OSError("gone")

    def examine() -> None:
        with examination({}) as exam:
            exam.on_close(lambda: done.append("a"))
            exam.on_close(fails)
            exam.on_close(lambda: done.append("c"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine()
    assert done == ["c", "b", "a"]


def test_select_takes_ids_prefixes_and_globs_in_order() -> None:
    with examination({}, needs_sockets, may_use_run) as exam:
        chosen = exam.select(["may-*", "needs-sockets", "may-use-run"])
    assert [c.id for c in chosen] == ["may-use-run", "needs-sockets"]


def test_a_check_without_annotations_is_refused() -> None:
    with pytest.raises(TypeError, match="parameters without annotation: listeners"):
        check("bad", finds=())(eval("lambda listeners: []"))  # noqa: S307
