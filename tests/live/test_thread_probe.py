"""The kernel's view of real threads in every kind of wait, and what hides it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.evidence import (
    Absent,
    Instances,
    KernelThread,
    Listener,
    Listeners,
    Process,
    Processes,
    Resource,
    Target,
    Threads,
)
from gradio_doctor.probes import threads as probe
from gradio_doctor.probes import watching
from gradio_doctor.probes.threads_family import attach_refused, family, pythons, tracer_of
from gradio_doctor.probes.threads_memory import Memory, python_minor
from gradio_doctor.probes.threads_since import since_run
from gradio_doctor.probes.threads_sockets import Neighbours
from tests.lab.harness import until
from tests.live.live_lab import App, Asked, running
from tests.live.unprivileged import as_nobody, without_ptrace
from tests.probes.network_lab import Given

WAITS = """
import fcntl, os, select, socket, subprocess, sys, threading, time

LOCK = threading.Lock()
LOCK.acquire()
full_r, full_w = os.pipe()
empty_r, empty_w = os.pipe()
server = socket.create_server(("127.0.0.1", 0))
held = open(sys.argv[0])
fcntl.flock(held, fcntl.LOCK_EX)
def connected(**how): return socket.create_connection(server.getsockname(), **how)
def pipe_full():
    while True: os.write(full_w, b"x" * 65536)
def pipe_empty(): os.read(empty_r, 1)
def lock_one(): LOCK.acquire()
def lock_two(): LOCK.acquire(timeout=500)
def event(): threading.Event().wait()
def sleep(): time.sleep(300)
def receive(): connected().recv(1)
def receive_timed(): connected(timeout=90).recv(1)
def accept(): server_two.accept()
def child(): subprocess.run(["sleep", "300"])
def flock(): fcntl.flock(open(sys.argv[0]), fcntl.LOCK_EX)
def selects(): select.select([empty_r], [], [], 70)
def unix():
    one, two = socket.socketpair(); one.recv(1)
def datagram():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("127.0.0.1", 53)); s.recv(1)
def spin():
    while True: pass
server_two = socket.create_server(("127.0.0.1", 0))
names = [pipe_full, pipe_empty, lock_one, lock_two, event, sleep, receive, receive_timed, accept, child, flock,
         selects, unix, datagram, spin]
with open("tids", "w") as file:
    for f in names:
        t = threading.Thread(target=f, daemon=True)
        t.start()
        file.write(f"{f.__name__} {t.native_id}\\n")
        time.sleep(0.02)
os.rename("tids", "ready")
time.sleep(300)
"""


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, dict[str, KernelThread]]]:
    directory = tmp_path_factory.mktemp("waits")
    with running(directory, WAITS) as app:
        until(lambda: (directory / "ready").exists(), 20, "not ready")
        time.sleep(1.0)
        found = app.threads().processes[0]
        pairs = (line.split() for line in (directory / "ready").read_text().splitlines())
        known = {name: found.get(int(tid)) for name, tid in pairs}
        yield app, {name: thread for name, thread in known.items() if thread is not None}


CALLS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "pipe_full": ("write", {"kind": "pipe", "full": True}, True),
    "pipe_empty": ("read", {"kind": "pipe", "full": False}, True),
    "lock_one": ("futex", {"kind": "futex"}, True),
    "lock_two": ("futex", {"kind": "futex"}, False),
    "event": ("futex", {"kind": "futex"}, True),
    "sleep": ("clock_nanosleep", {"kind": "time"}, False),
    "receive": ("recvfrom", {"kind": "socket", "peer": "self", "state": "ESTABLISHED"}, True),
    "receive_timed": ("poll", {"kind": "socket", "peer": "self"}, False),
    "accept": ("accept4", {"kind": "socket", "state": "LISTEN", "remote": ""}, True),
    "child": ("wait4", {"kind": "process"}, True),
    "flock": ("flock", {"kind": "file"}, True),
    "selects": ("select|pselect6", {"kind": "pipe"}, False),
    "unix": ("recvfrom", {"kind": "socket", "state": "unix"}, True),
    "datagram": ("recvfrom", {"kind": "socket", "state": "UDP", "remote": "127.0.0.1:53"}, True),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_a_thread_waits_on(waiting: tuple[App, dict[str, KernelThread]], name: str) -> None:
    _, threads = waiting
    call_name, fields, endless = CALLS[name]
    thread = threads[name]
    call = thread.last.call
    assert call is not None and call.name in call_name.split("|") and call.endless == endless
    assert isinstance(call.resource, Resource)
    assert {key: getattr(call.resource, key) for key in fields} == fields
    assert thread.still and thread.cpu_share == 0.0 and thread.voluntary_rate == 0.0
    assert thread.since_run is not None and 0.3 < thread.since_run < 30


def test_details_of_the_waits(waiting: tuple[App, dict[str, KernelThread]]) -> None:
    app, threads = waiting
    calls = {name: t.last.call for name, t in threads.items()}
    resources = {name: c.resource for name, c in calls.items() if c is not None and c.resource is not None}
    assert resources["pipe_full"].readers == (app.pid,)
    assert resources["flock"].name == str(app.file)
    assert Path(f"/proc/{resources['child'].name}/comm").read_text() == "sleep\n"
    assert (calls["lock_one"] and calls["lock_one"].lock) == (calls["lock_two"] and calls["lock_two"].lock) != 0
    assert calls["event"] is not None and calls["lock_one"] is not None
    assert calls["event"].lock not in (0, calls["lock_one"].lock)
    assert calls["receive_timed"] is not None and calls["receive_timed"].timeout == 90.0
    assert calls["selects"] is not None and calls["selects"].timeout is not None and calls["selects"].timeout > 60
    assert calls["sleep"] is not None and 250 < (calls["sleep"].timeout or 0) < 300


def test_a_thread_that_computes(waiting: tuple[App, dict[str, KernelThread]]) -> None:
    spin = waiting[1]["spin"]
    assert spin.demand > 0.8 and not spin.still and spin.last.state == "R"
    assert spin.last.call is None and (spin.since_run or 0.0) < 0.3


def test_the_time_since_a_thread_ran_is_right(tmp_path: Path) -> None:
    with running(tmp_path, "import time\nopen('t', 'w').write('x')\ntime.sleep(60)\n") as app:
        until(lambda: (tmp_path / "t").exists(), 10, "not there")
        began = time.monotonic()
        time.sleep(0.7)
        found = since_run([(app.pid, app.pid)], 1.0)
        assert found[app.pid, app.pid] == pytest.approx(time.monotonic() - began, abs=0.15)
        allowed = os.sched_getaffinity(0)
        assert since_run([(app.pid, 1 << 22)], 1.0) == {} and os.sched_getaffinity(0) == allowed


def test_looking_is_bounded_and_says_so(waiting: tuple[App, dict[str, KernelThread]]) -> None:
    found = waiting[0].threads(most=4, samples=2, seconds=0.05).processes[0]
    assert found.truncated and len(found.threads) == 4
    whole = waiting[0].threads(samples=1)
    assert not whole.processes[0].truncated and whole.processes[0].threads[0].voluntary_rate is None


def test_a_stopped_process_is_seen_as_one(tmp_path: Path) -> None:
    with running(tmp_path, "import time\ntime.sleep(60)\n") as app:
        time.sleep(0.2)
        os.kill(app.pid, signal.SIGSTOP)
        until(lambda: app.threads(samples=1).processes[0].stopped, 5, "not seen as stopped")


def test_without_permission_the_counters_are_still_there(waiting: tuple[App, dict[str, KernelThread]]) -> None:
    """As another user: no system calls, no descriptors, and why; states, switches and times as before."""
    app, threads = waiting
    tids = {name: t.tid for name, t in threads.items()}

    def ask() -> dict[str, Any]:
        found = app.threads(samples=2, seconds=0.1).processes[0]
        sleep = found.get(tids["sleep"])
        assert sleep is not None and found.closed is not None
        return {"call": sleep.last.call is None, "state": sleep.last.state, "since": sleep.since_run,
                "why": found.closed.why, "unlock": found.closed.unlock, "still": sleep.still}

    seen = as_nobody(ask)
    assert seen["call"] and seen["state"] == "S" and seen["still"] and seen["since"] > 0.3
    assert "runs as another user" in seen["why"]
    assert seen["unlock"] == f'sudo "$(command -v gradio-doctor)" diagnose pid:{app.pid}'


def test_without_the_capability_the_container_is_to_blame(waiting: tuple[App, dict[str, KernelThread]]) -> None:
    app, _ = waiting
    assert attach_refused(app.seen()) is None
    seen = without_ptrace(lambda: {"why": (attach_refused(app.seen()) or Absent("")).why})
    assert "SYS_PTRACE" in seen["why"] and "container" in seen["why"]


@pytest.mark.parametrize(("scope", "words"), [
    ("0", "does not let its own user"), ("1", "ptrace_scope is 1"), ("2", "ptrace_scope is 2"), ("3", "booted anew"),
])
def test_the_setting_of_the_kernel_is_named(scope: str, words: str) -> None:
    """Asked about a process of the same user that may not be read."""
    setting = Path("/tmp") / f"yama-{os.getpid()}-{scope}"
    setting.write_text(scope + "\n")
    setting.chmod(0o644)

    def ask() -> dict[str, str]:
        pid = os.fork()  # after its change of user it is closed to everybody but root
        if pid == 0:
            time.sleep(20)
            os._exit(0)
        try:
            refused = attach_refused(Process(pid, 0, "x", ("x",), "nobody", 0.0, "sleeping"), yama=setting)
            return {"why": (refused or Absent("")).why, "unlock": (refused or Absent("")).unlock}
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    try:
        seen = as_nobody(ask)
        assert words in seen["why"] and bool(seen["unlock"]) == (scope != "3")
    finally:
        setting.unlink()


def test_the_probe_finds_the_app_and_its_children(tmp_path: Path) -> None:
    source = """
    import multiprocessing, subprocess, time
    if __name__ == "__main__":
        multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True).start()
        subprocess.Popen(["sleep", "60"])
        open("up", "w").close()
        time.sleep(60)
    """
    with running(tmp_path, source) as app:
        until(lambda: (tmp_path / "up").exists(), 10, "not up")
        time.sleep(0.2)
        from gradio_doctor.probes.processes import probe_processes

        table = probe_processes(Given())
        assert isinstance(table, Processes)
        me = table.get(app.pid)
        assert me is not None
        given = Asked(Target("process", "x", pid=app.pid), evidence=(table, Instances(str(app.file), (me,))))
        members = family(given)
        assert not isinstance(members, Absent) and len(members) == 3
        assert pythons(members, table)[0].pid == app.pid and len(pythons(members, table)) == 2
        found = watching.probe_threads(given)
        assert isinstance(found, Threads) and found.processes[0].pid == app.pid
        assert len(found.processes) == 2 and found.seconds >= 0.6


def test_absent_where_it_cannot_look(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watching.probe_threads(Asked(evidence=(Instances("a.py"),))) == Absent("the app is not running")
    assert isinstance(watching.probe_threads(Asked()), Absent)
    shell = Process(1, 0, "sh", ("sh",), "me", 0.0, "sleeping")
    nothing = watching.probe_threads(Asked(evidence=(Instances("a.py", (shell,)), Processes({}, 0.0))))
    assert isinstance(nothing, Absent) and "no process of the app is a Python" in nothing.why
    monkeypatch.setattr("sys.platform", "darwin")
    python = Process(1, 0, "python", ("python", "a.py"), "me", 0.0, "sleeping")
    found = watching.probe_threads(Asked(evidence=(Instances("a.py", (python,)), Processes({}, 0.0))))
    assert found == Absent("only Linux shows what a thread waits on")


def test_hidden_processes_are_told_from_ended_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Process(1 << 22, 1, "python", ("python",), "me", 0.0, "sleeping")
    assert probe.watch([gone], Neighbours(), samples=1).absent[1 << 22].why == f"process {1 << 22} has ended"
    monkeypatch.setattr("psutil.pid_exists", lambda _: True)
    hidden = probe.watch([gone], Neighbours(), samples=1).absent[1 << 22]
    assert "hides" in hidden.why and hidden.unlock.startswith("sudo")


def test_who_is_at_the_other_end() -> None:
    mine, childs = Listener("0.0.0.0", 7860, 4, 1, 0, holders=(5,)), Listener("::1", 7861, 6, 2, 0, holders=(6,))
    around = Neighbours(Listeners((mine, childs)), frozenset({5, 6}))
    assert around.peer(5, "127.0.0.1", "127.0.0.1", 7860) == "self"
    assert around.peer(5, "10.0.0.2", "10.0.0.2", 7860) == "self"
    assert around.peer(5, "::1", "::1", 7861) == "app"
    assert around.peer(5, "127.0.0.1", "127.0.0.1", 9) == "local"
    assert around.peer(5, "10.0.0.2", "10.0.0.9", 7860) == "remote"
    assert around.peer(5, "", "not an address", 1) == ""


def test_memory_that_may_not_be_read_is_nothing() -> None:
    memory = Memory(1 << 22)
    assert memory.read(4096, 8) == b"" and memory.seconds_at(4096) is None and memory.lock_behind(77) == 77
    assert list(memory.polled(4096, 3)) == [] and list(memory.selected(4096, 9)) == []
    assert python_minor(os.getpid()) in range(10, 20) and python_minor(1 << 22) == 0 and tracer_of(os.getpid()) == 0
    own = Memory(os.getpid())
    assert own.read(1 << 63, 8) == b"" and own.read(-1, 8) == b""
    own.close()
