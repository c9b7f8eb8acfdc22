"""Listening sockets of every kind, and all the processes that hold them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gradio_doctor.evidence import Absent, Listener, Listeners
from gradio_doctor.probes import inet_diag, proc_net, sockets
from gradio_doctor.probes.sockets import find_holders, listening_sockets, portable_listeners, probe_listeners
from tests.probes.network_lab import Given, child, eventually

FORKS = """
    import os, socket, sys, time
    s = socket.create_server(("127.0.0.1", 0))
    children = []
    for _ in range(int(sys.argv[1])):
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
        children.append(pid)
    print(s.getsockname()[1], *children, flush=True)
    time.sleep(600)
"""


def seen() -> Listeners:
    found = probe_listeners(Given())
    assert isinstance(found, Listeners)
    return found


@contextmanager
def listening(
    host: str, family: socket.AddressFamily = socket.AF_INET, *, port: int = 0, only_v6: int | None = None,
    shared: bool = False,
) -> Iterator[tuple[socket.socket, int]]:
    with socket.socket(family) as s:
        if only_v6 is not None:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_v6)
        if shared:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind((host, port))
        s.listen(8)
        yield s, s.getsockname()[1]


def inode_of(s: socket.socket) -> int:
    return os.fstat(s.fileno()).st_ino


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "0.0.0.0"])
def test_ipv4_socket_with_everything_about_it(host: str) -> None:
    with listening(host) as (s, port):
        (found,) = seen().on(port)
        assert found == Listener(host, port, 4, inode_of(s), os.getuid(), 0, (os.getpid(),), None)
        assert found.wildcard == (host == "0.0.0.0") and found.loopback == host.startswith("127.")
    assert seen().on(port) == ()


def test_ipv6_loopback_is_not_reached_through_ipv4() -> None:
    with listening("::1", socket.AF_INET6) as (s, port):
        (found,) = seen().on(port)
        assert (found.host, found.family, found.inode) == ("::1", 6, inode_of(s))
        assert found.loopback and found.covers("::1") and not found.covers("127.0.0.1")


@pytest.mark.parametrize("only_v6", [True, False])
def test_dual_stack_differs_from_ipv6_only(only_v6: bool) -> None:
    with listening("::", socket.AF_INET6, only_v6=int(only_v6)) as (_, port):
        (found,) = seen().on(port)
        assert found.only_v6 is only_v6
        assert found.covers("127.0.0.1") is not only_v6


def test_an_ipv4_address_mapped_into_ipv6_is_shown_as_ipv4() -> None:
    with listening("::ffff:127.0.0.1", socket.AF_INET6, only_v6=0) as (_, port):
        for table in (inet_diag.listening_sockets, proc_net.listening_sockets):
            (found,) = [s for s in table() if s.port == port]
            assert (found.host, found.family) == ("127.0.0.1", 4)


def test_two_servers_sharing_a_port_are_two_sockets() -> None:
    with listening("127.0.0.1", shared=True) as (one, port), listening("127.0.0.1", port=port, shared=True) as (two, _):
        assert {s.inode for s in seen().on(port)} == {inode_of(one), inode_of(two)}


def test_all_forked_holders_are_found_and_survive_their_parent() -> None:
    with child(textwrap.dedent(FORKS), "2") as (process, line):
        port, *children = (int(part) for part in line.split())
        (found,) = seen().on(port)
        assert found.holders == tuple(sorted([process.pid, *children]))
        assert seen().held_by(children[0]) == (found,)
        process.kill()
        process.wait()
        assert eventually(lambda: seen().on(port)[0].holders == tuple(sorted(children)))


def test_established_connections_are_no_listeners() -> None:
    with listening("127.0.0.1") as (_, port), socket.create_connection(("127.0.0.1", port)) as client:
        assert len(seen().on(port)) == 1
        assert seen().on(client.getsockname()[1]) == ()


def test_the_backlog_counts_connections_nobody_accepts() -> None:
    with listening("127.0.0.1") as (s, port):
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        assert seen().on(port)[0].backlog == 3
        assert next(x for x in proc_net.listening_sockets() if x.port == port).backlog == 3
        s.accept()[0].close()
        assert seen().on(port)[0].backlog == 2
        for client in clients:
            client.close()


def test_both_tables_of_the_kernel_agree() -> None:
    with listening("127.0.0.1"), listening("::", socket.AF_INET6, only_v6=0), listening("::1", socket.AF_INET6):
        def rows(found: tuple[Listener, ...]) -> set[tuple[object, ...]]:
            return {(s.host, s.port, s.family, s.inode, s.uid) for s in found if s.uid == os.getuid()}

        assert rows(inet_diag.listening_sockets()) == rows(proc_net.listening_sockets())


def test_many_sockets_fill_more_than_one_datagram() -> None:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(400)]
    try:
        found = {s.port for s in inet_diag.listening_sockets()}
        assert {s.getsockname()[1] for s in opened} <= found
    finally:
        for s in opened:
            s.close()


def test_a_refused_table_falls_back_to_the_next() -> None:
    def refused() -> tuple[Listener, ...]:
        raise PermissionError("seccomp")

    only = (Listener("127.0.0.1", 1, 4, 1, 0),)
    assert listening_sockets((refused, lambda: only)) == only
    with pytest.raises(OSError, match="seccomp"):
        listening_sockets((refused,))


def test_unreadable_tables_are_absent_and_not_an_empty_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> tuple[Listener, ...]:
        raise OSError("sandboxed")

    monkeypatch.setattr(sockets, "listening_sockets", refused)
    found = probe_listeners(Given())
    assert isinstance(found, Absent) and "sandboxed" in found.why


def test_a_holder_that_cannot_be_seen_makes_the_table_say_so(tmp_path: Path) -> None:
    with listening("127.0.0.1") as (_, port):
        (tmp_path / "self").mkdir()
        found = sockets.with_holders(tuple(x for x in inet_diag.listening_sockets() if x.port == port), tmp_path)
        assert found.hidden and found.on(port)[0].holders == () and found.on(port)[0].uid == os.getuid()
        assert not sockets.with_holders(tuple(x for x in inet_diag.listening_sockets() if x.port == port)).hidden


def test_another_user_sees_the_socket_and_whose_it_is_but_no_pid() -> None:
    code = (
        "import os, sys; from gradio_doctor.probes.sockets import *; os.getuid() or os.setuid(65534);"
        "l = probe_listeners(None); print(l.hidden, [(s.holders, s.uid) for s in l.on(int(sys.argv[1]))])"
    )
    with listening("127.0.0.1") as (_, port):
        done = subprocess.run([sys.executable, "-c", code, str(port)], capture_output=True, text=True, check=False,
                              cwd=Path(__file__).parents[2])
        holders = () if os.getuid() == 0 else (os.getpid(),)  # only root can become somebody else
        assert done.stdout.strip().endswith(f" [({holders}, {os.getuid()})]"), done.stderr
        assert done.stdout.startswith("True") or holders


def test_processes_that_end_meanwhile_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "12" / "fd").mkdir(parents=True)
    (tmp_path / "12" / "fd" / "3").symlink_to("socket:[77]")
    (tmp_path / "12" / "fd" / "4").symlink_to("/dev/null")
    (tmp_path / "13").mkdir()
    (tmp_path / "14" / "fd").mkdir(parents=True)
    (tmp_path / "14" / "fd" / "9").symlink_to("socket:[77]")
    (tmp_path / "14" / "fd" / "10").symlink_to("socket:[77]")
    (tmp_path / "meminfo").write_text("")
    assert find_holders({77, 78}, tmp_path) == {77: (12, 14)}


def test_the_portable_way_sees_the_same_ports_and_pids() -> None:
    with listening("127.0.0.1") as (_, four), listening("::1", socket.AF_INET6) as (_, six):
        found = portable_listeners()
        assert [(s.host, s.family, s.holders) for s in found.on(four)] == [("127.0.0.1", 4, (os.getpid(),))]
        assert [(s.host, s.family) for s in found.on(six)] == [("::1", 6)]


def test_the_portable_way_says_that_it_was_kept_from_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    def denied(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    with listening("127.0.0.1") as (_, port):
        found = portable_listeners()
        assert found.hidden
        assert os.getpid() in found.on(port)[0].holders


def test_proc_net_reads_ipv6_and_passes_over_torn_lines(tmp_path: Path) -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = "   0: {a}:1EB4 00000000:0000 {st} 00000000:00000005 00:00000000 00000000  1000        0 4242 1 0\n"
    rows = row.format(a="0100007F", st="0A") + row.format(a="0100007F", st="01")
    (tmp_path / "tcp").write_text(head + rows + "  1: to")
    assert proc_net.listening_sockets(tmp_path) == (Listener("127.0.0.1", 7860, 4, 4242, 1000, 5),)
    (tmp_path / "tcp6").write_text(head + row.format(a="00000000000000000000000001000000", st="0A"))
    assert [s.host for s in proc_net.listening_sockets(tmp_path)] == ["127.0.0.1", "::1"]


def test_proc_net_without_any_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="tcp"):
        proc_net.listening_sockets(tmp_path)
