"""Real sockets on a port on which nobody listens: who has it, as the kernel tells."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from gradio_doctor.evidence import Absent, PortUsers, Target, WantedAddress
from gradio_doctor.probes import port_users as module
from gradio_doctor.probes.port_users import port_users, probe_port_users
from tests.ports import free_ports

if TYPE_CHECKING:
    from tests.probes.conftest import FakeContext


@pytest.fixture
def connected() -> Iterator[tuple[int, int]]:
    """(near port, far port) of a connection of this process to itself."""
    near, far = free_ports(2)
    with socket.create_server(("127.0.0.1", far)), socket.socket() as client:
        client.bind(("127.0.0.1", near))
        client.connect(("127.0.0.1", far))
        yield near, far


def test_the_near_end_of_a_connection(connected: tuple[int, int]) -> None:
    near, far = connected
    (user,) = port_users(near).users
    assert (user.pid, user.remote) == (os.getpid(), f"127.0.0.1:{far}")


def test_ipv6() -> None:
    near, far = free_ports(2)
    with socket.create_server(("::1", far), family=socket.AF_INET6), socket.socket(socket.AF_INET6) as client:
        client.bind(("::1", near))
        client.connect(("::1", far))
        assert [(u.pid, u.remote) for u in port_users(near).users] == [(os.getpid(), f"[::1]:{far}")]


def test_listening_is_told_elsewhere() -> None:
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        assert port_users(port).users == ()


def test_nobody() -> None:
    (port,) = free_ports(1)
    assert port_users(port) == PortUsers(port, (), ephemeral=False)  # the tests' ports are below those handed out


def test_ports_that_the_kernel_hands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    low, high = module._handed_out()
    assert port_users(low).ephemeral and port_users(high).ephemeral and not port_users(low - 1).ephemeral
    monkeypatch.setattr(module, "_RANGE", module._RANGE.with_name("no_such_setting"))
    assert module._handed_out() == (32768, 60999)


def test_the_port_that_the_app_wants(make_context: Callable[..., FakeContext], connected: tuple[int, int]) -> None:
    wanted = WantedAddress("127.0.0.1", (connected[0],), fixed=True, known=True, origin="the source")
    found = probe_port_users(make_context(Target("script", ""), {WantedAddress: wanted}))
    assert isinstance(found, PortUsers) and len(found.users) == 1
    assert isinstance(probe_port_users(make_context(Target("script", ""))), Absent)


def test_a_kernel_that_refuses(make_context: Callable[..., FakeContext], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Iterator[bytes]:
        raise OSError(1, "not permitted")

    monkeypatch.setattr(module, "dump", refuse)
    wanted = WantedAddress("127.0.0.1", (7860,), fixed=True, known=True, origin="the source")
    found = probe_port_users(make_context(Target("script", ""), {WantedAddress: wanted}))
    assert isinstance(found, Absent) and "7860" in found.why
