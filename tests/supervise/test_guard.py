"""The guard: the app starts as from a shell, and its end is told right."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gradio_doctor.supervise import guard
from gradio_doctor.supervise.app import SupervisedApp, script_command
from gradio_doctor.supervise.guarded import GuardedProcess
from gradio_doctor.supervise.proctree import read_stat

Supervise = Callable[[str], SupervisedApp]
Running = Callable[[str], list[int]]
Eventually = Callable[[Callable[[], bool], float], None]

def text_of(app: SupervisedApp) -> str:
    app.capture.settle()
    return app.capture.path.read_text()


@pytest.mark.parametrize(
    ("body", "code", "number"),
    [
        ("pass", 0, None),
        ("import sys; sys.exit(3)", 3, None),
        ("raise ValueError('no')", 1, None),
        ("import os; os._exit(137)", 137, None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", None, 11),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", None, 9),
        ("import os; os.abort()", None, 6),
        ("import os, signal; signal.signal(1, signal.SIG_DFL); os.kill(os.getpid(), 1)", None, 1),
    ],
)
def test_how_it_ended(supervise: Supervise, body: str, code: int | None, number: int | None) -> None:
    run = supervise(body).start(20)
    assert (run.outcome, run.exit_code, run.signal) == ("exited", code, number)
    assert run.pid > 0
    assert run.seconds < 10


def test_it_starts_as_from_a_shell(supervise: Supervise, tmp_path: Path) -> None:
    app = supervise("""
        import os, signal, sys
        print(sys.argv, os.getcwd(), sys.stdin.isatty(), os.getsid(0) == os.getpid())
        print([signal.getsignal(n) == w for n, w in (
            (signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGCHLD, 0))])
        print(sorted(os.listdir("/proc/self/fd")))
        print(open("/proc/self/status").read().partition("SigIgn:")[2].split()[0])
    """)
    run = app.start(20)
    lines = text_of(app).splitlines()
    assert lines[0] == f"['{run.command[1]}'] {tmp_path} True True"
    assert lines[1] == "[True, True, True, True]"
    assert lines[2] == "['0', '1', '2', '3']"  # 3 is the listing itself: no pipe of ours leaks
    assert int(lines[3], 16) == 1 << 12 | 1 << 24  # SIGPIPE and SIGXFSZ, which Python itself ignores; nothing of ours


def test_nobody_types(supervise: Supervise) -> None:
    """stdin is a terminal, not the controlling one: what waits there is seen, and not waited for."""
    app = supervise("""
        try:
            open("/dev/tty")
        except OSError as error:
            print(error.errno)
        input("name? ")
        print("never")
    """)
    run = app.start(60)
    assert run.outcome == "timeout" and "typed" in run.error and run.seconds < 50
    assert text_of(app).split() == ["6", "name?"]  # ENXIO: there is no controlling terminal


def test_without_terminals(supervise: Supervise, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no terminal can be had, /dev/null it is."""
    def refuse() -> tuple[int, int]:
        raise OSError("out of pty devices")

    monkeypatch.setattr(os, "openpty", refuse)
    given = guard._terminal()
    assert os.read(given, 10) == b""
    os.close(given)


def test_only_one_variable_is_added(supervise: Supervise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "1")
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    app = supervise("import os, json; print(json.dumps(dict(os.environ)))")
    app.start(20)
    import json

    seen = json.loads(text_of(app))
    assert seen == {**os.environ, "PYTHONUNBUFFERED": "1"} | {k: seen[k] for k in ("LC_CTYPE",) if k in seen}


def test_a_setting_of_the_persons_own_stays(supervise: Supervise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "")
    app = supervise("import os; print(repr(os.environ['PYTHONUNBUFFERED']))")
    app.start(20)
    assert text_of(app) == "''\n"


def test_stdout_and_stderr_are_in_order(supervise: Supervise) -> None:
    app = supervise("""
        import sys
        for i in range(200):
            print(i, file=(sys.stdout, sys.stderr)[i % 2])
    """)
    app.start(20)
    assert text_of(app).split() == [str(i) for i in range(200)]


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    app = SupervisedApp(("/nowhere/python", "app.py"), str(tmp_path))
    try:
        run = app.start(10)
        assert run.outcome == "failed-to-start"
        assert "No such file" in run.error and "/nowhere/python" in run.error
        assert (run.exit_code, run.signal) == (None, None)
    finally:
        app.stop()
        app.capture.path.unlink()
        app.capture.path.parent.rmdir()


def test_the_app_outlives_the_thread_that_started_it(supervise: Supervise, running: Running) -> None:
    """Probes run in threads, and the kernel's parent-death signal minds threads."""
    app = supervise("import time; time.sleep(600)")
    thread = threading.Thread(target=app.start, args=(0.3,))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert app.process.ended is None
    assert app.process.pid in running(app.process.command[1])


def test_output_goes_on_being_captured_after_the_start(supervise: Supervise, eventually: Eventually) -> None:
    app = supervise("""
        import time
        for i in range(1000):
            print(i)
            time.sleep(0.05)
    """)
    app.start(0.3)
    size = app.capture.path.stat().st_size
    eventually(lambda: app.capture.path.stat().st_size > size + 10, 5)


def test_stop_without_start_does_nothing() -> None:
    process = GuardedProcess(("true",), "/", {})
    process.stop()
    assert not process.gone


def test_script_command() -> None:
    assert script_command("/x/python", "/a/b/app.py") == ("/x/python", "app.py")
    assert script_command("python3", "/a/-c.py") == ("python3", "./-c.py")


def test_bytes_arrive_as_they_are(supervise: Supervise) -> None:
    app = supervise("import os; os.write(2, bytes(range(256))); print('\\u4e2d\\u6587')")
    app.start(20)
    app.capture.settle()
    assert app.capture.path.read_bytes() == bytes(range(256)) + "中文\n".encode()


@pytest.mark.parametrize(
    ("command", "directory", "words"),
    [
        (("/etc/passwd",), "/", "Permission denied"),
        (("true",), "/nowhere", "in /nowhere: "),
    ],
)
def test_what_cannot_be_started(command: tuple[str, ...], directory: str, words: str) -> None:
    reader, writer = os.pipe()
    process = GuardedProcess(command, directory, {"PATH": "/usr/bin:/bin"})
    try:
        process.start(writer)
        assert process.pid == 0
        assert words in process.failure
        assert os.read(reader, 10) == b""  # nobody holds the other end
    finally:
        process.stop()
        os.close(reader)
    assert process.gone


def test_the_guard_is_out_of_reach_of_the_apps_settings(
    supervise: Supervise, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A module in the app's directory or on its PYTHONPATH must not stand in for one of the guard's."""
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    app = supervise("print('started')")
    assert app.start(20).exit_code == 0
    assert text_of(app) == "started\n"


def test_two_apps_do_not_mind_each_other(supervise: Supervise) -> None:
    first, second = (supervise("import time; time.sleep(600)") for _ in range(2))
    one, two = first.start(0.3), second.start(0.3)
    first.stop()
    assert read_stat(one.pid) is None
    assert read_stat(two.pid) is not None
    assert [p.pid for p in second.processes()] == [two.pid]
