"""What real processes hold against real limits."""

from __future__ import annotations

import os
import resource
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.evidence import Absent, MemoryCurve, Process, Run, Target
from gradio_doctor.probes.cores import find_core
from gradio_doctor.probes.descriptors import kind_of, look_at_descriptors, named
from gradio_doctor.probes.host_memory import read_host_memory, read_shm
from gradio_doctor.probes.memory_curve import probe_memory_curve, resident, watch_memory
from gradio_doctor.probes.usages import count_descriptors, read_limits, read_usage, tasks_by_user

HOLDER = """\
import os, socket, sys, threading, time
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
accepted, _ = listener.accept()
client.close()
files = [open("/dev/null") for _ in range(5)]
pipes = os.pipe()
threads = [threading.Thread(target=time.sleep, args=(60,), daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
open("ready", "w").write(f"{os.getpid()} 0")
time.sleep(60)
"""
GROWS = """\
import os, time
open("ready", "w").write(f"{os.getpid()} 0")
kept = []
while True:
    kept.append(bytearray(2**20))
    time.sleep(0.02)
"""


def a_process(pid: int) -> Process:
    return Process(pid, 1, "python", ("python", "app.py"), "root", 0.0, "sleeping")


def test_descriptors_and_threads(lab: Any) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))

    lab.write("app.py", HOLDER)
    lab.python("app.py", preexec_fn=limit)
    lab.wait(lambda: (lab.directory / "ready").exists() and (lab.directory / "ready").read_text())
    pid = lab.ready("ready")[0]
    found = read_usage(a_process(pid), tasks_by_user())
    assert found is not None and found.closed is None
    assert found.kinds["socket"] == 2 and found.kinds["pipe"] >= 2 and found.kinds["file"] >= 5
    assert found.descriptors == sum(found.kinds.values()) and found.descriptor_limit == 64
    assert found.close_wait == 1
    assert ("/dev/null", 6) in found.top or ("/dev/null", 5) in found.top
    assert found.threads == 4 and found.user_tasks >= 4
    assert found.size_limit == 8 * 2**30 and found.size_peak >= found.size > 2**20
    assert count_descriptors(Path(f"/proc/{pid}")) in (None, found.descriptors)


def test_process_that_is_gone() -> None:
    assert read_usage(a_process(2**30), {}) is None
    assert isinstance(look_at_descriptors(a_process(2**30), Path(f"/proc/{2**30}")), Absent)
    assert read_limits(Path(f"/proc/{2**30}")) == {}
    assert resident(2**30) is None


def test_descriptors_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "no", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    found = look_at_descriptors(a_process(7), tmp_path)
    assert isinstance(found, Absent) and "sudo" in found.unlock and "not ours" in found.why


@pytest.mark.parametrize(("target", "kind", "name"), [
    ("socket:[123]", "socket", "sockets"), ("pipe:[9]", "pipe", "pipes"), ("/tmp/a-4711.bin", "file", "/tmp/a-N.bin"),
    ("anon_inode:inotify", "inotify", "anon_inode"), ("anon_inode:[eventpoll]", "other", "anon_inode"),
    ("/dev/\x1b[31mnull", "file", None), ("memfd:x (deleted)", "other", "memfd"),
])
def test_kinds(target: str, kind: str, name: str | None) -> None:
    assert kind_of(target) == kind
    assert "\x1b" not in named(target)
    assert name is None or named(target).startswith(name)


def test_limits_of_ourselves() -> None:
    limits = read_limits(Path("/proc/self"))
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert limits.get("nofile") == (soft if soft != resource.RLIM_INFINITY else None)


def test_memory_of_this_machine() -> None:
    found = read_host_memory(Path("/proc"))
    assert 0 < found.available <= found.total and found.swap_free <= found.swap_total
    assert all(0 <= share <= 1 for share in found.pressure.values())


def test_recorded_pressure(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemAvailable: 10 kB\nHugePages_Total: 0\n")
    (tmp_path / "pressure").mkdir()
    text = "some avg10=40.00 avg60=1.00 avg300=0.10 total=5\nfull avg10=31.50 avg60=1.00 avg300=0.10 total=3\n"
    (tmp_path / "pressure" / "memory").write_text(text)
    found = read_host_memory(tmp_path)
    assert (found.total, found.pressure) == (102400, {"memory": 0.315})


def test_shared_memory(tmp_path: Path) -> None:
    (tmp_path / "torch_1").write_bytes(b"x" * 50_000)
    (tmp_path / "empty").touch()
    found = read_shm(tmp_path)
    assert 0 <= found.free <= found.size and [name for name, _ in found.files] == ["torch_1"]


def test_memory_that_grows(lab: Any) -> None:
    lab.write("app.py", GROWS)
    lab.python("app.py")
    lab.wait(lambda: (lab.directory / "ready").exists() and (lab.directory / "ready").read_text())
    pid = lab.ready("ready")[0]
    curve = watch_memory([a_process(pid)], 1.0)
    sizes = [size for _, size in curve.points]
    assert len(sizes) >= 5 and sizes == sorted(sizes) and sizes[-1] - sizes[0] > 5 * 2**20
    assert curve.seconds > 0.5


def test_watching_ends_with_the_process(lab: Any) -> None:
    child = lab.python("-c", "import time; time.sleep(0.5)")
    began = time.monotonic()
    curve = watch_memory([a_process(child.pid)], 30.0)
    assert time.monotonic() - began < 10 and curve.pid == child.pid


def test_nobody_asked_to_watch(make_context: Any) -> None:
    found = probe_memory_curve(make_context(Target("none", "")))
    assert isinstance(found, Absent) and "--watch" in found.why
    assert MemoryCurve(1, ()).seconds == 0.0


class TestCores:
    def run(self, directory: Path) -> Run:
        return Run(("python3", "app.py"), str(directory), 4711, "exited", 1.0, signal=11)

    def test_beside_the_app(self, tmp_path: Path) -> None:
        (tmp_path / "core.4711").touch()
        (tmp_path / "core.99").touch()
        found = find_core("core.%p", self.run(tmp_path))
        assert found.found == str(tmp_path / "core.4711") and "gdb" in found.command

    def test_with_the_pid_put_behind(self, tmp_path: Path) -> None:
        (tmp_path / "core.4711").touch()
        assert find_core("core", self.run(tmp_path), uses_pid=True).found.endswith("core.4711")

    def test_none_was_written(self, tmp_path: Path) -> None:
        found = find_core("core", self.run(tmp_path))
        assert not found.found and "ulimit -c" in found.why

    def test_taken_by_a_program(self, tmp_path: Path) -> None:
        assert find_core("|/lib/systemd/systemd-coredump %P", self.run(tmp_path)).command == "coredumpctl debug 4711"
        (tmp_path / "_usr_bin_python3.11.0.crash").touch()
        taken = find_core("|/usr/share/apport/apport -p%p", self.run(tmp_path), reports=tmp_path)
        assert taken.keeper == "apport" and taken.found.endswith(".crash")
        assert "wsl-capture" in find_core("|/wsl-capture-crash %t", self.run(tmp_path)).why
        assert find_core("", None).why


def test_sockets_that_are_shared_with_nobody_are_ours() -> None:
    with socket.socket():
        found = look_at_descriptors(a_process(os.getpid()), Path("/proc/self"))
    assert not isinstance(found, Absent) and found.kinds["socket"] >= 1
