"""Unix sockets that servers listen on: real ones, told from those that are no server's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradio_doctor.evidence import Absent, HttpAnswers, Instances, Listeners, LocalListener, Target
from gradio_doctor.probes.app_address import AppAddress, find_address
from gradio_doctor.probes.http import ask_app
from gradio_doctor.probes.processes import read_process
from gradio_doctor.probes.sockets import probe_listeners
from gradio_doctor.probes.unix_sockets import local_sockets, reachable
from tests.probes.network_lab import Given

# Binds each of its arguments, says so, answers what comes to the first as a server does, and waits to be ended.
BINDS = r"""
import socket, sys
made = []
for path in sys.argv[1:]:
    one = socket.socket(socket.AF_UNIX); one.bind(path); one.listen(); made.append(one)
quiet = socket.socket(socket.AF_UNIX); quiet.bind("bound.sock")  # does not listen
print("up", flush=True)
while True:
    taken = made[0].accept()[0]
    taken.recv(9999)
    taken.sendall(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    taken.close()
"""


@pytest.fixture
def binder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", BINDS, "ui.sock", str(tmp_path / "other.socket"), str(tmp_path / "listener-x8a")]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        yield process
        process.kill()


def listeners() -> Listeners:
    found = probe_listeners(Given())
    assert isinstance(found, Listeners)
    return found


def test_its_path_is_that_of_the_process_that_bound_it(binder: subprocess.Popen[str], tmp_path: Path) -> None:
    mine = [s.path for s in listeners().local if binder.pid in s.holders]
    assert mine == [str(tmp_path / name) for name in ("ui.sock", "other.socket", "listener-x8a")]
    assert listeners().local_of([binder.pid]) == next(s for s in listeners().local if s.path == mine[0])
    assert listeners().local_of([1, os.getpid()]) is None


def test_only_a_servers_sockets_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """multiprocessing and others listen, too: on names that nobody was told."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as nameless, socket.socket(socket.AF_UNIX) as abstract:
        nameless.bind("listener-abc")
        nameless.listen()
        abstract.bind("\0doctor.sock")
        abstract.listen()
        assert "listener-abc" in [s.path for s in local_sockets()]
        assert not [s for s in listeners().local if os.getpid() in s.holders]


def test_the_app_is_asked_over_it(binder: subprocess.Popen[str], tmp_path: Path) -> None:
    process = read_process(binder.pid)
    assert process is not None
    given = Given(Target("process", str(binder.pid), pid=binder.pid), evidence=(Instances("", (process,)), listeners()))
    address = find_address(given)
    assert isinstance(address, AppAddress) and address.socket == str(tmp_path / "ui.sock")
    found = ask_app(address)
    assert isinstance(found, HttpAnswers) and found.answers[0].status == 405
    assert found.answers[0].url == "http://localhost/config"


def test_somebody_elses_socket_is_not_the_apps(binder: subprocess.Popen[str]) -> None:
    process = read_process(binder.pid)
    assert process is not None
    table = Listeners((), local=(LocalListener("/run/a.sock", 7, (binder.pid + 1,)),))
    given = Given(Target("process", "1", pid=binder.pid), evidence=(Instances("", (process,)), table))
    assert find_address(given) == Absent("the app listens on no port")
    told = AppAddress("localhost", 80, socket="/run/a.sock").server
    assert (told.socket, told.url("/config")) == ("/run/a.sock", "http://localhost/config")


def test_a_table_that_cannot_be_read_or_is_odd(tmp_path: Path) -> None:
    assert local_sockets(tmp_path / "none") == ()
    table = tmp_path / "unix"
    rows = ["Num RefCount Protocol Flags Type St Inode Path", "0: 00000002 00000000 00010000 0001 01 77 /run/a b.sock",
            "0: 00000002 00000000 00010000 0005 01 78 /run/udev/control", "0: 00000003 00000000 00000000 0001 03 79 /x",
            "0: 00000002 00000000 00010000 0001 01 80 @abstract", "0: 00000003 00000000 00000000 0001 03 81", "", "x"]
    table.write_text("\n".join(rows))
    assert local_sockets(table) == (LocalListener("/run/a b.sock", 77),)
    assert reachable(str(table), 1) == str(table)  # nothing there: as it was told
