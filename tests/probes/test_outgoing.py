"""Which of a process's own connections were asked something and not answered: real sockets, the kernel's clocks."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from gradio_doctor.evidence import Process
from gradio_doctor.probes.inet_connections import Connection, connections
from gradio_doctor.probes.outgoing import unanswered
from tests.lab.harness import until


@contextmanager
def pair(host: str = "127.0.0.1") -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's and a server's end of one connection."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listening:
        client = socket.create_connection(listening.getsockname()[:2])
        server, _ = listening.accept()
        with client, server:
            yield client, server


def of(client: socket.socket) -> Connection:
    mine = client.getsockname()[1]
    return next(c for c in connections() if c.local[1] == mine)


def me() -> Process:
    seen = psutil.Process()
    return Process(seen.pid, seen.ppid(), "python", ("python",), "me", seen.create_time(), "running")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_asked_answered_and_asked_again(host: str) -> None:
    with pair(host) as (client, server):
        assert not of(client).unanswered  # nothing was asked
        client.sendall(b"question")
        time.sleep(0.1)
        asked = of(client)
        assert asked.unanswered and asked.bytes_received == 0 and 0.05 < asked.sent < 30
        assert asked.remote == (host, server.getsockname()[1])
        server.sendall(server.recv(8))
        until(lambda: not of(client).unanswered, 10, "the answer is not seen")
        client.recv(8)
        assert not of(client).unanswered  # idle, kept for later
        time.sleep(0.1)
        client.sendall(b"again")
        time.sleep(0.1)
        assert of(client).unanswered


def test_who_asked_and_whom() -> None:
    with pair() as (client, server):
        server.sendall(b"tell me")  # the server's end waits, too; but others connect to its port
        client.sendall(b"question")
        client.recv(7)
        time.sleep(0.3)
        client.sendall(b"more")
        time.sleep(0.1)
        port = server.getsockname()[1]
        found = unanswered([me()], frozenset({port}))
        ours = [u for u in found if u.remote == f"127.0.0.1:{port}"]
        assert [u.pid for u in ours] == [os.getpid()] and ours[0].seconds > 0.05
        assert not unanswered([], frozenset())
        gone = Process(2**22 - 3, 1, "python", ("python",), "me", 0.0, "running")
        assert not unanswered([gone], frozenset({port}))


def test_the_longest_wait_comes_first() -> None:
    with pair() as (first, _), pair() as (second, _):
        first.sendall(b"x")
        time.sleep(0.3)
        second.sendall(b"x")
        time.sleep(0.1)
        ports = [f"127.0.0.1:{s.getpeername()[1]}" for s in (first, second)]
        assert [u.remote for u in unanswered([me()], frozenset()) if u.remote in ports] == ports
