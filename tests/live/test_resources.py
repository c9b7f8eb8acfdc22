"""What a system call works on, read from a made-up /proc: other machines, other address families, odd content."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from gradio_doctor.evidence import Resource
from gradio_doctor.probes import threads_calls
from gradio_doctor.probes.threads_pipes import readers_of
from gradio_doctor.probes.threads_resources import Resolver
from gradio_doctor.probes.threads_sockets import Neighbours, SocketTable

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TCP = "  {n}: {local} {remote} {state} 00000000:00000000 00:00000000 00000000   0     0 {inode} 1 0 20 4 30 10 -1\n"
V4_LOCAL, V4_REMOTE = "0100007F:1EB4", "0100007F:0050"  # 127.0.0.1:7860, 127.0.0.1:80
V6_LOCAL = "00000000000000000000000001000000:1EB4"  # [::1]:7860
MAPPED = "0000000000000000FFFF00000100007F:01BB"  # ::ffff:127.0.0.1:443


class Made:
    """A /proc with one process, 5, in it."""

    def __init__(self, root: Path) -> None:
        self.root, self.process = root, root / "5"
        (self.process / "fd").mkdir(parents=True)
        (self.process / "net").mkdir()

    def descriptor(self, fd: int, link: str) -> None:
        (self.process / "fd" / str(fd)).symlink_to(link)

    def table(self, name: str, *rows: tuple[str, str, str, int]) -> None:
        lines = (TCP.format(n=n, local=a, remote=b, state=s, inode=i) for n, (a, b, s, i) in enumerate(rows))
        (self.process / "net" / name).write_text(HEAD + "".join(lines))

    def resolver(self) -> Resolver:
        return Resolver(5, Neighbours(), str(self.root), readers=lambda link: (77,) if "pipe" in link else ())


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def call(number: int, *arguments: int) -> str:
    padded = [*arguments, *[0] * (6 - len(arguments))]
    return f"{number} {' '.join(hex(a) for a in padded)} 0x7ffc 0x7f00\n"


@pytest.fixture(autouse=True)
def _x86_64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def test_sockets_of_both_families_are_found_by_their_inode(made: Made) -> None:
    made.table("tcp", (V4_LOCAL, V4_REMOTE, "01", 111), (V4_LOCAL, "00000000:0000", "0A", 112))
    made.table("tcp6", (V6_LOCAL, MAPPED, "02", 221))
    table = SocketTable(5, Neighbours(), str(made.root))
    assert table.resource("111", 3) == Resource(
        "socket", 3, "tcp", "127.0.0.1:7860", "127.0.0.1:80", "ESTABLISHED", "local")
    listens = table.resource("112", 4)
    assert (listens.remote, listens.state, listens.peer) == ("", "LISTEN", "")
    six = table.resource("221", 5)
    assert (six.local, six.remote, six.state) == ("[::1]:7860", "127.0.0.1:443", "SYN_SENT")
    assert table.resource("999", 6) == Resource("socket", 6, "socket:[999]")


def test_an_inode_that_is_also_another_number_of_a_row(made: Made) -> None:
    """20 stands in every row; only the column of the inode counts."""
    made.table("tcp", (V4_LOCAL, V4_REMOTE, "01", 111), (V4_LOCAL, MAPPED[-13:], "01", 20))
    found = SocketTable(5, Neighbours(), str(made.root)).resource("20", 3)
    assert found.name in ("tcp", "socket:[20]") and found.remote != "127.0.0.1:80"


@pytest.mark.parametrize("row", [
    "garbage 111 more", "0: x:y z:w 01 a b c d e 111 1", "0: 0100007F 1 01 0 0 0 0 0 111 ",
])
def test_rows_that_make_no_sense(made: Made, row: str) -> None:
    (made.process / "net" / "tcp").write_text(HEAD + row + "\n")
    assert SocketTable(5, Neighbours(), str(made.root)).resource("111", 3).remote == ""


def test_a_socket_of_the_file_system(made: Made) -> None:
    (made.process / "net" / "unix").write_text(
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0000000000000000: 00000002 00000000 00010000 0001 03 4711 /run/\x1b[31mdb.sock\n")
    found = SocketTable(5, Neighbours(), str(made.root)).resource("4711", 3)
    assert (found.name, found.state, found.peer) == ("unix /run/db.sock", "unix", "local")


def test_ten_thousand_sockets_are_searched_quickly(made: Made) -> None:
    made.table("tcp", *((V4_LOCAL, V4_REMOTE, "06", n) for n in range(100_000, 110_000)))
    table = SocketTable(5, Neighbours(), str(made.root))
    started = time.monotonic()
    assert all(table.resource(str(n), 3).state == "TIME_WAIT" for n in range(100_000, 110_000, 250))
    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize(("link", "expected"), [
    ("pipe:[9]", Resource("pipe", 3, "pipe:[9]")), ("/srv/big.bin", Resource("file", 3, "/srv/big.bin")),
    ("anon_inode:[eventpoll]", Resource("eventpoll", 3, "anon_inode:[eventpoll]")),
    ("anon_inode:[eventfd]", Resource("other", 3, "anon_inode:[eventfd]")),
])
def test_what_a_descriptor_is(made: Made, link: str, expected: Resource) -> None:
    made.descriptor(3, link)
    found = made.resolver().resolve(call(0, 3), "")
    assert found is not None and found.name == "read" and found.resource == expected and found.endless


def test_a_descriptor_that_was_closed_meanwhile(made: Made) -> None:
    found = made.resolver().resolve(call(0, 3), "")
    assert found is not None and found.resource == Resource("other", 3)


def test_a_full_pipe_is_told_by_where_its_writer_sleeps(made: Made) -> None:
    made.descriptor(1, "pipe:[9]")
    writes = made.resolver().resolve(call(1, 1), "anon_pipe_write")
    assert writes is not None and writes.resource == Resource("pipe", 1, "pipe:[9]", full=True, readers=(77,))
    busy = made.resolver().resolve(call(1, 1), "")
    assert busy is not None and busy.resource == Resource("pipe", 1, "pipe:[9]")


@pytest.mark.parametrize(("channel", "name", "kind"), [
    ("futex_do_wait", "futex", "futex"), ("hrtimer_nanosleep", "clock_nanosleep", "time"),
    ("poll_schedule_timeout.constprop.0", "poll", "other"), ("something_new", "restart_syscall", None),
])
def test_a_call_that_shows_as_restarted_is_told_by_its_channel(
    made: Made, channel: str, name: str, kind: str | None
) -> None:
    """After any stop, a timed wait shows number 219 with the arguments of the call it resumes."""
    found = made.resolver().resolve(call(219, 0x1000, 1), channel)
    assert found is not None and found.number == 219 and found.name == name
    assert (found.resource.kind if found.resource else None) == kind


@pytest.mark.parametrize(("channel", "name"), [
    ("futex_do_wait", "futex"), ("pipe_write", "write"), ("do_wait", "wait4"), ("wait_woken", "recvfrom"),
    ("locks_lock_inode_wait", "flock"), ("do_epoll_wait", "epoll_wait"),
])
def test_where_calls_are_hidden_the_channel_tells_the_kind(made: Made, channel: str, name: str) -> None:
    found = made.resolver().resolve(None, channel)
    assert found is not None and (found.number, found.name) == (-1, name)
    assert (found.resource is not None) == (name == "write")
    assert made.resolver().resolve(None, "") is None and made.resolver().named(None, channel) is not None


@pytest.mark.parametrize(("machine", "number", "name"), [
    ("aarch64", 98, "futex"), ("aarch64", 207, "recvfrom"), ("arm64", 260, "wait4"), ("aarch64", 73, "ppoll"),
    ("x86_64", 45, "recvfrom"), ("amd64", 7, "poll"), ("x86_64", 271, "ppoll"), ("mips", 45, ""),
])
def test_numbers_differ_by_machine(
    made: Made, monkeypatch: pytest.MonkeyPatch, machine: str, number: int, name: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    found = made.resolver().resolve(call(number, 3), "")
    assert found is not None and found.name == name


def test_running_threads_and_unknown_calls(made: Made) -> None:
    assert made.resolver().resolve("running\n", "") is None
    found = made.resolver().resolve(call(9999), "")
    assert found is not None and (found.number, found.name, found.resource) == (9999, "", None)


@pytest.mark.parametrize(("argument", "seconds"), [(0, 0.0), (100, 0.1), (0xFFFFFFFF, None), ((1 << 64) - 1, None)])
def test_the_time_limit_of_a_poll(argument: int, seconds: float | None) -> None:
    assert threads_calls.seconds_of_milliseconds(argument) == seconds


def test_the_loops_wait_has_its_time_limit(made: Made) -> None:
    made.descriptor(3, "anon_inode:[eventpoll]")
    ticks = made.resolver().resolve(call(232, 3, 0x7000, 64, 1), "do_epoll_wait")
    assert ticks is not None and (ticks.timeout, ticks.endless) == (0.001, False)
    for_ever = made.resolver().resolve(call(232, 3, 0x7000, 64, 0xFFFFFFFF), "do_epoll_wait")
    assert for_ever is not None and (for_ever.timeout, for_ever.endless) == (None, True)


def test_own_memory_names_the_descriptors_of_a_real_poll() -> None:
    """Our own thread polls two sockets with a time limit; its array is read from our own memory."""
    import select

    one, two = socket.socketpair()
    tids: list[int] = []

    def wait() -> None:
        tids.append(threading.get_native_id())
        poller = select.poll()
        poller.register(one, select.POLLIN)
        poller.poll(5000)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        give_up = time.monotonic() + 5
        text = ""
        while not text.startswith("7 ") and time.monotonic() < give_up:
            time.sleep(0.05)
            text = Path(f"/proc/self/task/{tids[0]}/syscall").read_text()
        found = Resolver(os.getpid(), Neighbours()).resolve(text, "")
        assert found is not None and found.timeout == 5.0
        assert found.resource is not None and found.resource.fd == one.fileno() and found.resource.state == "unix"
    finally:
        two.send(b"x")
        thread.join(10)
        one.close()
        two.close()


def test_readers_of_a_pipe_are_those_that_hold_its_other_end() -> None:
    reads, writes = os.pipe()
    link = str(Path(f"/proc/self/fd/{reads}").readlink())
    assert readers_of(link) == (os.getpid(),)
    os.close(reads)
    assert readers_of(link) == ()
    os.close(writes)
    assert readers_of("pipe:[0]") == () and readers_of(link, seconds=0.0) == ()
