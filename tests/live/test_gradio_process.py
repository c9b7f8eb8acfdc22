"""Gradio apps that do not serve though their process is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from gradio_doctor.evidence import Absent, Listeners, Stacks
from gradio_doctor.live import judge
from gradio_doctor.probes.sockets import probe_listeners
from tests.lab.harness import until
from tests.live.live_lab import App, gradio_app, kinds, one, running, settle
from tests.ports import free_ports
from tests.probes.network_lab import Given


def sockets() -> Listeners:
    found = probe_listeners(Given())
    assert isinstance(found, Listeners)
    return found


def test_a_stopped_app_is_told_and_left_alone(tmp_path: Path) -> None:
    with gradio_app(tmp_path) as app:
        os.kill(app.pid, signal.SIGSTOP)
        until(lambda: Path(f"/proc/{app.pid}/stat").read_text().split()[2] == "T", 5, "does not stop")
        threads, stacks = app.threads(), app.stacks()
        assert stacks.processes == () and "stopped" in stacks.absent[app.pid].why
        assert stacks.absent[app.pid].unlock == f"kill -CONT {app.pid}"
        assert kinds(judge(threads, stacks, listeners=sockets())) == ["process-stopped"]
        assert Path(f"/proc/{app.pid}/stat").read_text().split()[2] == "T"
        os.kill(app.pid, signal.SIGCONT)
        until(app.alive, 10, "does not come back")
        settle(0.3)
        assert app.judge() == ()


def test_an_exit_in_a_handler_leaves_a_port_without_a_server(tmp_path: Path) -> None:
    with gradio_app(tmp_path) as app:
        assert app.judge() == ()
        app.call("quits")
        settle(0.8)
        assert app.process.poll() is None
        found = one(app.judge(), "server-thread-gone")
        assert found.sure and found.facts["port"] == str(app.port)
        assert judge(app.threads(), app.stacks()) == ()  # without the listening sockets, nobody can tell


def test_output_that_nobody_reads(tmp_path: Path) -> None:
    """The app writes to a pipe whose reader, we, does not read; then it does, and the app goes on."""
    ours, theirs = os.pipe()
    with gradio_app(tmp_path, output=theirs) as app:
        os.close(theirs)
        app.call("prints")
        settle(0.8)
        found = one(app.judge(), "pipe-full")
        assert found.sure and found.facts["stream"] == "stdout"
        assert str(os.getpid()) in found.facts["readers"].split(", ")
        assert found.location is not None and found.location.line == app.line('print("x"')
        assert kinds(judge(app.threads(), None)) == ["pipe-full"]
        os.read(ours, 1 << 16)
        os.close(ours)


def test_a_forked_child_that_inherited_the_socket_of_a_dead_app(tmp_path: Path) -> None:
    """Its command line is the app's, it holds the port, and it serves nothing."""
    port = free_ports()[0]
    source = f"""
    import os, socket, time
    listening = socket.create_server(("127.0.0.1", {port}))
    if os.fork():
        time.sleep(0.2)
        os._exit(1)
    def child():
        time.sleep(60)
    child()
    """
    with running(tmp_path, source, port) as app:
        app.process.wait(10)
        until(lambda: sockets().on(port), 5, "nobody listens")
        orphan = sockets().on(port)[0].holders[0]
        child = App(app.process, port, app.file)
        child.process.pid = orphan
        found = one(child.judge(), "listener-without-server")
        child.process.pid = os.getpgid(orphan)
        assert not found.sure and found.location is not None and found.location.function == "child"
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)


LOADING = """
import sys, time
sys.path.insert(0, {path!r})
from transformers.modeling_utils import from_pretrained
model = from_pretrained("big")
"""


@pytest.mark.parametrize("what", ["weights", "import"])
def test_a_model_that_loads_at_start(tmp_path: Path, what: str) -> None:
    """Stands in for the library: a module of its name, in a site-packages, that takes its time."""
    package = tmp_path / "lib" / "python3.11" / "site-packages" / "transformers"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    slow = "import time\ntime.sleep(30)\n" if what == "import" else ""
    (package / "modeling_utils.py").write_text(f"{slow}import time\ndef from_pretrained(name):\n    time.sleep(30)\n")
    with running(tmp_path, LOADING.format(path=str(package.parent))) as app:
        settle(1.0)
        found = one(app.judge(), "loading")
    assert found.sure and found.facts["when"] == "start" and found.facts["what"] in (what, "weights")
    line = app.line("model = " if what == "weights" else "import from_pretrained")
    assert found.location is not None and found.location.line == line


def test_an_app_that_ends_meanwhile_is_absent(tmp_path: Path) -> None:
    with running(tmp_path, "import time\ntime.sleep(0.9)\n") as app:
        settle(0.4)
        seen = app.seen()
        threads = app.threads(seconds=1.0)
        assert threads.processes == () and "has ended" in threads.absent[app.pid].why
        from gradio_doctor.probes.stacks import sample_all
        from gradio_doctor.probes.stacks_pyspy import find_pyspy

        stacks = sample_all(find_pyspy(), [seen], lambda _: True)
        assert stacks.processes == () and isinstance(stacks.absent[app.pid], Absent)
        assert judge(threads, stacks) == ()


def test_threads_that_come_and_go_while_we_look(tmp_path: Path) -> None:
    source = """
    import threading, time
    def short(): time.sleep(0.02)
    while True:
        threads = [threading.Thread(target=short) for _ in range(10)]
        for t in threads: t.start()
        for t in threads: t.join()
    """
    with running(tmp_path, source) as app:
        settle(0.5)
        for _ in range(3):
            threads, stacks = app.threads(), app.stacks()
            assert [p.pid for p in threads.processes] == [app.pid]
            assert isinstance(stacks, Stacks) and len(stacks.processes[0].samples) == 3
            assert judge(threads, stacks) == ()
        assert app.process.poll() is None


def test_both_probes_at_once_from_two_examinations(tmp_path: Path) -> None:
    """Two doctors at one time: the second attach fails or waits, and the app lives."""
    with running(tmp_path, "import time\nwhile True: time.sleep(0.01)\n") as app:
        settle(0.5)
        found: list[Stacks] = []
        doctors = [threading.Thread(target=lambda: found.append(app.stacks())) for _ in range(2)]
        for doctor in doctors:
            doctor.start()
        for doctor in doctors:
            doctor.join(20)
        assert len(found) == 2 and any(s.processes for s in found)
        assert app.process.poll() is None
        done = subprocess.run([sys.executable, "-c", f"print(open('/proc/{app.pid}/status').read())"],
                              capture_output=True, text=True, check=True)
        assert "TracerPid:\t0" in done.stdout
