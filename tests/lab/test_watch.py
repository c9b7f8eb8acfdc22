"""`watch` on real apps: an intermittent block is caught in the act, and a healthy app is left alone."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.lab.harness import answers, doctor, until
from tests.lab.watching import Bench


def test_a_block_now_and_then_is_caught_at_its_line(bench: Bench) -> None:
    """Its line, its fix, that it is over, and in short when it comes again; then a summary and exit status 1."""
    log = bench.log
    watch = bench.watch("--interval", 0.3)
    bench.call("sleeps", 1.5)
    watch.wait_for(lambda: "answers again" in watch.text)
    place = f"app.py:{bench.line('# in the act')} sleeps | time.sleep(float(x))"
    assert place in watch.text
    assert "blocking.event-loop" in watch.text
    assert "-async def sleeps(x):" in watch.text and "+def sleeps(x):" in watch.text
    bench.call("sleeps", 1.5)
    watch.wait_for(lambda: "again (seen 2 times)" in watch.text)
    watch.wait_for(lambda: watch.text.count("answers again") == 2)
    assert watch.text.count(place) == 1
    assert watch.interrupt() == 1
    assert "wrong 2 times" in watch.text
    assert f"2 × blocking.event-loop {bench.app}:{bench.line('# in the act')}" in watch.text
    assert answers(bench.port)
    assert bench.log == log


def test_the_patch_that_it_prints_applies(bench: Bench) -> None:
    watch = bench.watch("--interval", 0.3, "--json")
    bench.call("sleeps", 1.5)
    watch.wait_for(lambda: any(e["event"] == "cause" for e in watch.events))
    (told,) = (e for e in watch.events if e["event"] == "cause")
    assert told["place"] == {"file": str(bench.app), "line": bench.line("# in the act"), "function": "sleeps"}
    remedy = told["cause"]["remedies"][0]
    before = bench.app.read_text()
    subprocess.run(["patch", "-p0"], cwd=remedy["directory"], input=remedy["diff"], text=True, check=True,
                   capture_output=True)
    assert bench.app.read_text() == before.replace("async def sleeps", "def sleeps")
    assert watch.interrupt() == 1
    assert [e["event"] for e in watch.events] in (
        ["watching", "cause", "well", "summary"], ["watching", "cause", "summary"],
    )


def test_one_that_computes_is_caught_as_well(bench: Bench) -> None:
    watch = bench.watch("--interval", 0.3, "--json")
    bench.call("computes", 4)
    watch.wait_for(lambda: any(e["event"] == "cause" for e in watch.events))
    (told,) = (e for e in watch.events if e["event"] == "cause")
    assert told["id"] == "blocking.event-loop"
    functions = [f["function"] for f in told["cause"]["stack"]]
    assert functions[:2] == ["computes", "compute"]
    watch.wait_for(lambda: any(e["event"] == "well" for e in watch.events))
    assert watch.interrupt() == 1


def test_a_suspended_app_and_its_end(bench: Bench) -> None:
    """What else may be wrong is told too, and when the app ends, so does the watch."""
    watch = bench.watch("--interval", 0.3, "--json")
    os.kill(bench.process.pid, signal.SIGSTOP)
    try:
        watch.wait_for(lambda: any(e["event"] == "cause" for e in watch.events))
        (told,) = (e for e in watch.events if e["event"] == "cause")
        assert not told["id"].startswith("blocking."), told
    finally:
        os.kill(bench.process.pid, signal.SIGCONT)
    watch.wait_for(lambda: any(e["event"] == "well" for e in watch.events))
    bench.process.kill()
    bench.process.wait(10)
    assert watch.process.wait(20) == 1
    assert [e["event"] for e in watch.events] == ["watching", "cause", "well", "ended", "summary"]
    assert watch.events[3]["pid"] == bench.process.pid


def test_a_healthy_app_is_called_nothing_and_feels_nothing(bench: Bench) -> None:
    """Also with all its handlers at work: 30 glances and no cause. A crowded machine may be late now and then (3)."""
    log = bench.log
    for _ in range(6):
        bench.call("waits", 5)
    watch = bench.watch("--interval", 0.1)
    with pytest.raises(subprocess.TimeoutExpired):
        watch.process.wait(3)
    status = watch.interrupt()
    lines = watch.text.splitlines()
    assert status in (0, 3) and "blocking." not in watch.text, watch.text
    assert status == 3 or len(lines) == 2, watch.text
    assert lines[0].endswith(f"watching pid {bench.process.pid} at http://127.0.0.1:{bench.port}, every 0.1 s "
                             "(Ctrl-C ends)")
    assert status == 3 or lines[1].endswith("nothing was wrong")
    assert watch.err.read_text() == ""
    assert bench.log == log


def test_diagnose_names_the_same_line_with_the_patch(bench: Bench) -> None:
    bench.call("sleeps", 12)
    until(lambda: not answers(bench.port), 5, "it does not block")
    report = doctor("diagnose", bench.app, cwd=bench.lab.directory)
    top = report.assert_first("blocking.event-loop")
    assert top["stack"][-1]["line"] == bench.line("# in the act")
    assert any(t["does"] == "idle" for t in top["threads"])
    assert "-async def sleeps(x):\n+def sleeps(x):\n" in top["remedies"][0]["diff"]
