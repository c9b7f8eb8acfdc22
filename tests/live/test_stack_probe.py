"""Stacks of real processes, and every way in which they cannot be had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.engine import Examination
from gradio_doctor.evidence import Absent, Instances, Process, Processes, Stacks, Target, Threads
from gradio_doctor.live import judge
from gradio_doctor.probes import stacks as probe
from gradio_doctor.probes import stacks_pyspy, watching
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.processes import probe_processes
from gradio_doctor.probes.stacks_pyspy import Refused, dump, find_pyspy
from gradio_doctor.probes.table import live_probes
from gradio_doctor.registry import load
from tests.lab.harness import until
from tests.live.live_lab import App, Asked, running
from tests.live.unprivileged import as_nobody
from tests.probes.network_lab import Given

SOURCE = """
import threading, time
LOCK = threading.Lock()
secret = "hunter2-local"

class Worker:
    def run(self, password="hunter2-argument"):
        with LOCK:
            with open("up", "w") as file:
                time.sleep(60)

def waits():
    time.sleep(0.2)
    with LOCK: pass

threading.Thread(target=Worker().run, daemon=True).start()
threading.Thread(target=waits, daemon=True).start()
time.sleep(60)
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    directory = tmp_path_factory.mktemp("stacks")
    with running(directory, SOURCE) as made:
        until(lambda: (directory / "up").exists(), 10, "not up")
        time.sleep(0.4)
        yield made


def asked(app: App, **options: Any) -> Asked:
    table = probe_processes(Given())
    assert isinstance(table, Processes)
    evidence = (table, Instances(str(app.file), (app.seen(),)))
    return Asked(Target("process", "x", pid=app.pid), Options(**options), evidence)


def fake(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> str:
    """A py-spy of ours, the only one on PATH."""
    program = directory / "py-spy"
    program.write_text(f"#!{sys.executable} -S\nimport os, sys, time\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(directory / "python"))
    monkeypatch.setenv("PATH", str(directory))
    return str(program)


def tracer(app: App) -> str:
    text = Path(f"/proc/{app.pid}/status").read_text()
    return text.partition("TracerPid:\t")[2].partition("\n")[0]


def test_three_looks_with_the_source_lines_and_the_locks_around_them(app: App) -> None:
    given = asked(app)
    found = watching.probe_stacks(given)
    assert isinstance(found, Stacks) and not found.absent
    process = found.processes[0]
    assert process.pid == app.pid and process.mode == "pausing" and len(process.samples) == 3
    assert process.samples[0].at == 0.0 and 0.2 < process.samples[-1].at < 3
    assert given.asked[0] is Threads  # the kernel is asked first
    stacks = process.samples[-1].threads
    worker = next(t for t in stacks if any(f.name == "run" and f.own for f in t.frames))
    top = worker.frames[0]
    assert (top.file, top.line, top.text) == (str(app.file), app.line("time.sleep(60)"), "time.sleep(60)")
    assert top.inside == ("LOCK", "open('up', 'w')") and worker.cpu is not None
    waits = next(t for t in stacks if t.frames[0].text == "with LOCK: pass")
    assert waits.frames[0].inside == () and not waits.frames[1].own and waits.frames[1].text == ""
    assert set(process.tids) == {t.tid for t in stacks} and app.pid in process.tids


def test_the_engine_gathers_both_in_their_order(app: App) -> None:
    """Through the table of probes, as a check would have it: an app found by its pid, within the limits of time."""
    knowledge = load(plugins=False).knowledge
    target = Target("process", str(app.pid), pid=app.pid)
    with Examination(target, Options(timeout=20), live_probes(()), knowledge, ()) as examination:
        started = time.monotonic()
        found = examination.get(Stacks)
        kernel = examination.known(Threads)
        assert isinstance(found, Stacks) and found.of(app.pid) is not None and found.of(1) is None
        assert isinstance(kernel, Threads) and kernel.of(app.pid) is not None
        assert time.monotonic() - started < 6
        assert kernel.of(app.pid) is not None and judge(kernel, found) == ()
        early = Options(invasive="probe")
    with Examination(target, early, live_probes(()), knowledge, ()) as examination:
        assert isinstance(examination.get(Stacks), Absent) and isinstance(examination.get(Threads), Threads)


def test_values_of_variables_never_come_along(app: App) -> None:
    found = watching.probe_stacks(asked(app))
    assert "hunter2" not in repr(found)


def test_source_that_changed_since_the_start_is_not_shown(tmp_path: Path) -> None:
    with running(tmp_path, "import time\ntime.sleep(60)\n") as app:
        time.sleep(0.4)
        later = time.time() + 60
        os.utime(app.file, (later, later))
        top = app.stacks().processes[0].samples[0].threads[0].frames[0]
        assert top.own and top.line == 2 and top.text == ""


@pytest.mark.parametrize("level", ["read", "probe"])
def test_less_invasive_levels_do_not_attach(app: App, level: str) -> None:
    found = watching.probe_stacks(asked(app, invasive=level))
    assert found == Absent("looking into the app needs --invasive sample", "gradio-doctor diagnose --invasive sample")


def test_a_process_with_very_many_threads_is_paused_only_when_that_is_allowed(tmp_path: Path) -> None:
    source = """
    import threading, time
    for _ in range(80): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    open("up", "w").close()
    time.sleep(60)
    """
    with running(tmp_path, source) as app:
        until(lambda: (tmp_path / "up").exists(), 10, "not up")
        modes = {}
        for level in ("sample", "pause"):
            found = watching.probe_stacks(asked(app, invasive=level))
            assert isinstance(found, Stacks), found
            modes[level] = (found.processes[0].mode, len(found.processes[0].samples[-1].threads))
        assert modes == {"sample": ("non-pausing", 81), "pause": ("pausing", 81)}


def test_without_an_app_or_a_pyspy(app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert watching.probe_stacks(Asked(evidence=(Instances("a.py"),))) == Absent("the app is not running")
    given = asked(app)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_pyspy() == ""
    assert watching.probe_stacks(given) == Absent("py-spy is not installed", "pip install py-spy")


def test_the_one_that_came_with_us_comes_before_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path(find_pyspy()).parent == Path(sys.executable).parent
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", str(Path(find_pyspy() or "/usr/bin/x").parent))
    assert find_pyspy() in ("", str(Path(os.environ["PATH"]) / "py-spy"))


def test_another_users_process_is_not_attached_to(app: App) -> None:
    found = as_nobody(lambda: {"why": next(iter(app.stacks().absent.values())).why, "tracer": tracer(app)})
    assert "another user" in found["why"] and found["tracer"] == "0"


def test_a_process_under_a_debugger_is_left_to_it(tmp_path: Path) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    with running(tmp_path, "import time\ntime.sleep(60)\n") as app:
        time.sleep(0.3)
        seize, detach, listen = 0x4206, 17, 0
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        assert libc.ptrace(seize, app.pid, None, listen) == 0
        assert tracer(app) == str(os.getpid())
        found = app.stacks()
        assert found.processes == () and "debugs or traces" in found.absent[app.pid].why
        libc.ptrace(detach, app.pid, None, None)


HOSTILE = {
    "garbage": ("sys.stdout.buffer.write(os.urandom(5000))", "not JSON"),
    "nothing": ("", "not JSON"),
    "deep": ("print('[' * 200_000)", "not JSON"),
    "an object": ("print('{}')", "no list"),
    "no threads": ("print('[1, null, {\"os_thread_id\": true, \"frames\": []}]')", "no thread"),
    "huge": ("\nwhile True: sys.stdout.write('x' * 100_000)", "bytes of output"),
    "endless": ("time.sleep(60)", "did not answer"),
    "closed and endless": ("os.close(1); os.close(2); time.sleep(60)", "did not answer"),
    "chatter": ("sys.stderr.write('\\x1b]0;evil\\x07boom ' * 9000); sys.exit(3)", "gave up: boom"),
    "denied": ("sys.stderr.write('Permission Denied: Try sudo'); sys.exit(1)", "does not let py-spy"),
    "too new": ("sys.stderr.write('Error: Unsupported version of Python: 3.99'); sys.exit(1)", "does not know"),
    "killed": ("os.kill(os.getpid(), 9)", "exit status -9"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_pyspy_that_does_not_behave(
    app: App, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, words = HOSTILE[what]
    seen = app.seen()
    program = fake(tmp_path, monkeypatch, script)
    monkeypatch.setattr(probe, "_DUMP_SECONDS", 0.7)
    started = time.monotonic()
    found = probe.sample_all(program, [seen], lambda _: True)
    assert found.processes == () and words in found.absent[app.pid].why
    assert "\x1b" not in found.absent[app.pid].why and len(found.absent[app.pid].why) < 400
    assert time.monotonic() - started < 5


def test_a_pyspy_that_cannot_be_started(app: App, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        dump(str(tmp_path / "nowhere"), app.pid, 1.0, pausing=True)
    assert "cannot be started" in refused.value.absent.why and "pip install" in refused.value.absent.unlock


def test_one_failure_does_not_end_the_looks(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = find_pyspy(), app.seen()
    mark = tmp_path / "tried"
    script = f"""
if not os.path.exists({str(mark)!r}):
    open({str(mark)!r}, "w").close()
    sys.exit("Failed to get stack")
os.execv({real!r}, [{real!r}, *sys.argv[1:]])"""
    found = probe.sample_all(fake(tmp_path, monkeypatch, script), [seen], lambda _: True)
    assert len(found.processes[0].samples) == 2


def test_killing_pyspy_in_the_middle_lets_the_app_go_on(tmp_path: Path) -> None:
    """A look that runs into its limit is killed: the kernel lets go of the app, which must not stay stopped."""
    source = """
    import threading, time
    for _ in range(40): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    n = 0
    while True:
        n += 1
        open("beat", "w").write(str(n))
        time.sleep(0.005)
    """
    with running(tmp_path, source) as app:
        until(lambda: (tmp_path / "beat").exists(), 10, "no beat")
        for wait in range(1, 25):
            looker = subprocess.Popen(
                [find_pyspy(), "dump", "--json", "--pid", str(app.pid)], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(wait / 1000)
            looker.send_signal(signal.SIGKILL)
            looker.wait(10)
        before = (tmp_path / "beat").read_text()
        until(lambda: (tmp_path / "beat").read_text() not in ("", before), 5, "the app stands still")
        assert tracer(app) == "0" and stacks_pyspy.find_pyspy()


def test_neither_ourselves_nor_other_programs_are_looked_into() -> None:
    ours = Process(os.getpid(), 1, "python", (sys.executable, "x.py"), "me", 0.0, "running", exe=sys.executable)
    shell = Process(os.getppid(), 1, "sh", ("sh", "x.sh"), "me", 0.0, "running", exe="/bin/sh")
    for process in (ours, shell):
        table = Processes({process.pid: process}, 0.0)
        found = watching.probe_stacks(Asked(Target("none", ""), evidence=(table, Instances("x.py", (process,)))))
        assert isinstance(found, Absent) and "no process of the app" in found.why
