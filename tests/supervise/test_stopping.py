"""Stopping: nothing that the app started survives, whatever it does, and whatever happens to us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gradio_doctor.evidence import Run
from gradio_doctor.supervise.app import SupervisedApp
from gradio_doctor.supervise.proctree import Stat, read_stat

Supervise = Callable[[str], SupervisedApp]
Running = Callable[[str], list[int]]
Eventually = Callable[[Callable[[], bool], float], None]

DAEMON = """
    import os, signal, time
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for descriptor in range(3):
            os.close(descriptor)
        time.sleep(600)
    os.wait()
"""


def test_a_daemon_is_found_and_stopped(supervise: Supervise, running: Running) -> None:
    app = supervise(DAEMON)
    run = app.start(20)
    assert run.outcome == "exited"
    assert len(app.processes()) == 1  # the daemon, adopted by the guard
    daemon = app.processes()[0]
    assert os.getsid(daemon.pid) != run.pid
    assert daemon.parent == app.process.guard_pid
    started = time.monotonic()
    app.stop()
    assert 4.5 < time.monotonic() - started < 20  # it ignores SIGTERM, so it had its five seconds
    assert running(run.command[1]) == []
    app.stop()  # again


def test_workers_end_with_the_app(supervise: Supervise, eventually: Eventually) -> None:
    app = supervise("""
        import multiprocessing, time
        if __name__ == "__main__":
            workers = [multiprocessing.get_context(kind).Process(target=time.sleep, args=(600,))
                       for kind in ("fork", "spawn")]
            [w.start() for w in workers]
            time.sleep(600)
    """)
    run = app.start(0.5)
    assert run.outcome == "timeout"
    eventually(lambda: len(app.processes()) >= 4, 5)  # app, two workers, the resource tracker
    pids = [p.pid for p in app.processes()]
    app.stop()
    assert [p for p in pids if read_stat(p)] == []
    assert app.process.ended is not None and app.process.ended.signal == signal.SIGTERM
    assert app.process.left == ()


def test_a_suspended_app_is_stopped(supervise: Supervise, eventually: Eventually) -> None:
    app = supervise("import os, signal, time; os.kill(os.getpid(), signal.SIGSTOP); time.sleep(600)")
    run = app.start(0.5)
    assert run.outcome == "timeout"
    eventually(lambda: (read_stat(run.pid) or Stat(0, 0, "", 0)).state == "T", 5)
    started = time.monotonic()
    app.stop()
    assert time.monotonic() - started < 4.8  # it got SIGCONT, so SIGTERM reached it
    assert app.process.ended is not None and app.process.ended.signal == signal.SIGTERM


def test_when_the_guard_is_killed_the_app_dies(supervise: Supervise, eventually: Eventually) -> None:
    app = supervise("import time; time.sleep(600)")
    run = app.start(0.5)
    os.kill(app.process.guard_pid, signal.SIGKILL)
    eventually(lambda: read_stat(run.pid) is None, 5)
    app.stop()
    assert app.process.gone


def driver(script: Path, body: str) -> subprocess.Popen[str]:
    """Another gradio-doctor, in a process of its own."""
    code = f"""
import sys, time
from gradio_doctor.supervise.app import SupervisedApp
app = SupervisedApp((sys.executable, {script.name!r}), {str(script.parent)!r})
app.start(1.0)
print(app.process.pid, app.capture.path.parent, flush=True)
{body}
"""
    path = os.pathsep.join(p for p in sys.path if p)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )


@pytest.fixture
def stubborn(write: Callable[[str], Path]) -> Path:
    """An app that ignores SIGTERM, with a daemon that does so too."""
    return write(DAEMON.replace("os.wait()", "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"))


def test_nothing_survives_when_we_are_killed(stubborn: Path, running: Running, eventually: Eventually) -> None:
    with driver(stubborn, "time.sleep(600)") as doctor:
        assert doctor.stdout is not None
        pid, directory = doctor.stdout.readline().split()
        assert len(running(stubborn.name)) == 3  # app, daemon, guard
        doctor.kill()
        eventually(lambda: running(stubborn.name) == [], 8)
    assert read_stat(int(pid)) is None
    (Path(directory) / "app.log").unlink()
    Path(directory).rmdir()


def test_a_second_ctrl_c_kills_at_once(stubborn: Path, running: Running) -> None:
    body = """
try:
    time.sleep(600)
except KeyboardInterrupt:
    print("first", flush=True)
    app.stop()
"""
    with driver(stubborn, body) as doctor:
        assert doctor.stdout is not None
        directory = doctor.stdout.readline().split()[1]
        time.sleep(0.1)
        doctor.send_signal(signal.SIGINT)
        assert doctor.stdout.readline() == "first\n"
        time.sleep(0.3)
        started = time.monotonic()
        doctor.send_signal(signal.SIGINT)
        doctor.wait(20)
        assert time.monotonic() - started < 4.5
        assert running(stubborn.name) == []
    assert doctor.returncode == -signal.SIGINT  # the interrupt goes on to the caller
    (Path(directory) / "app.log").unlink()
    Path(directory).rmdir()


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.002, 0.004, 0.008, 0.012, 0.02, 0.03, 0.05, 0.08, 0.15])
def test_ctrl_c_at_any_moment_of_the_start(
    write: Callable[[str], Path], running: Running, eventually: Eventually, delay: float
) -> None:
    script = write("import time; time.sleep(600)")

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    app = SupervisedApp((sys.executable, script.name), str(script.parent))
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        timer.start()
        app.start(5)
        time.sleep(5)
        pytest.fail("it was not interrupted")
    except KeyboardInterrupt:
        pass
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
        app.stop()
        app.capture.path.unlink()
        app.capture.path.parent.rmdir()
    eventually(lambda: running(script.name) == [], 8)


def test_an_obedient_app_ends_at_once(supervise: Supervise) -> None:
    app = supervise("import time; time.sleep(600)")
    app.start(0.3)
    started = time.monotonic()
    app.stop()
    assert time.monotonic() - started < 4.5  # else it would have been given five seconds


def test_last_words_are_captured(supervise: Supervise, eventually: Eventually) -> None:
    app = supervise("""
        import signal, sys, time
        def leave(number, frame):
            time.sleep(0.5)
            sys.exit("bye")
        signal.signal(signal.SIGTERM, leave)
        print("ready")
        time.sleep(600)
    """)
    app.start(0.2)
    eventually(lambda: app.capture.path.read_text() == "ready\n", 10)
    app.stop()
    assert app.capture.path.read_text() == "ready\nbye\n"
    assert app.process.ended is not None and app.process.ended.exit_code == 1


def test_children_that_are_started_again_and_again(supervise: Supervise) -> None:
    """Like a server that replaces its workers; neither it nor they heed SIGTERM."""
    app = supervise("""
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            if os.fork() == 0:
                os.setsid()
                time.sleep(0.3)
                os._exit(0)
            time.sleep(0.01)
            try:
                os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pass
    """)
    app.start(1.0)
    assert len(app.processes()) > 5
    app.stop()
    assert app.process.gone
    assert app.process.left == ()


def test_stopping_while_another_thread_waits_for_the_start(supervise: Supervise, eventually: Eventually) -> None:
    app = supervise("import time; time.sleep(600)")
    runs: list[Run] = []
    thread = threading.Thread(target=lambda: runs.append(app.start(60)))
    thread.start()
    eventually(lambda: app.process.pid > 0, 5)
    app.stop()
    thread.join(3)
    assert not thread.is_alive()
    assert (runs[0].outcome, runs[0].signal) == ("exited", signal.SIGTERM)


def test_when_we_vanish_the_app_is_asked_politely(supervise: Supervise, eventually: Eventually) -> None:
    app = supervise("""
        import signal, sys, time
        def leave(number, frame):
            time.sleep(0.5)
            sys.exit("bye")
        signal.signal(signal.SIGTERM, leave)
        print("ready")
        time.sleep(600)
    """)
    app.start(0.2)
    eventually(lambda: app.capture.path.read_text() == "ready\n", 10)
    app.process._close_control()  # what the kernel does when we are killed
    eventually(lambda: app.capture.path.read_text() == "ready\nbye\n", 5)
    app.stop()
    assert app.process.gone


def test_a_terminated_guard_ends_the_app(supervise: Supervise, eventually: Eventually) -> None:
    app = supervise("import time; time.sleep(600)")
    run = app.start(0.3)
    os.kill(app.process.guard_pid, signal.SIGTERM)
    eventually(lambda: read_stat(run.pid) is None, 5)
