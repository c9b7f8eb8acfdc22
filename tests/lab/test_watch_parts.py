"""The parts of `watch`: the glance and the catch on a real app, what it is not for, and how often it looks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradio_doctor.evidence import Absent, Process
from gradio_doctor.probes.app_address import AppAddress
from gradio_doctor.probes.stacks_pyspy import find_pyspy
from gradio_doctor.probes.threads_sockets import Neighbours
from gradio_doctor.watch_catch import catch
from gradio_doctor.watch_glance import LATE, Glancer
from tests.lab.harness import HEALTHY, Lab, answers, environment, until, write_app
from tests.lab.watching import Bench


def test_a_glance_and_a_catch(bench: Bench) -> None:
    """The parts: who runs, for how long not, and what stands in the way, before the block is over."""
    around = Neighbours(None, frozenset([bench.process.pid]))
    glancer = Glancer([bench.seen], AppAddress("127.0.0.1", bench.port))

    def found() -> bool:
        glancer.find_loop()
        return glancer._loop is not None

    until(found, 20, "its loop was not told")
    assert glancer.alive()
    assert glancer.moved()
    asked = glancer.request()
    answer = asked.wait() if asked else None
    assert answer is not None and answer.outcome == "answered"
    assert catch([bench.seen], around, find_pyspy(), may_pause=False).live.judgements == ()
    bench.call("sleeps", 3)
    until(lambda: glancer.idle_for() > LATE, 3, "the loop runs")
    late = glancer.request()
    caught = catch([bench.seen], around, find_pyspy(), may_pause=False)
    assert late is not None and late.answer is None, "it was caught while it was blocked"
    (held,) = caught.live.judgements
    assert held.location is not None
    assert (held.kind, held.location.line) == ("loop-blocked", bench.line("# in the act"))
    assert held.facts["wait"].startswith("sleep")
    glancer.moved()
    assert not glancer.moved()
    blind = catch([bench.seen], around, "", may_pause=False)
    assert isinstance(blind.stacks, Absent)
    assert blind.live.judgements == ()


def test_without_requests_the_kernel_alone_tells(bench: Bench) -> None:
    silent = Glancer([bench.seen], AppAddress("127.0.0.1", bench.port), ask=False)
    assert silent.request() is None
    gone = Glancer([Process(2**22 - 1, 1, "x", (), "u", 0.0, "sleeping")], None)
    assert not gone.alive()
    other = Glancer([Process(os.getpid(), 1, "x", (), "u", 1.0, "sleeping")], None)
    assert not other.alive(), "the number belongs to another process now"
    assert gone.idle_for() == 0.0


def test_an_app_that_does_not_run_is_not_started(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("gradio-doctor")), "watch", str(app)], cwd=lab.directory,
        env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr == "gradio-doctor: the app is not running\n"
    assert not answers(port)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["app.log"], "logs --follow"), (["1", "--output", "json=x.json"], "--output"), (["1", "--interval", "0"], "0"),
        (["1", "--history", "0"], "history"), (["1", "--no-run"], "--no-run"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], names: str) -> None:
    (tmp_path / "app.log").write_text("x\n")
    done = subprocess.run(
        [sys.executable, "-m", "gradio_doctor", "watch", *arguments], cwd=tmp_path, env=environment(),
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert names in done.stderr and len(done.stderr.splitlines()) == 1
