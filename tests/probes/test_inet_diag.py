"""The netlink messages themselves, and what is odd in them."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_doctor.evidence import Listener
from gradio_doctor.probes.inet_diag import _datagram, _listener, _only_v6, listening_sockets, normal_address

HEADER = struct.Struct("=IHHII")


def message(kind: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, 2, 1, 0) + body


def socket_message(host: str, port: int, *, attributes: bytes = b"", backlog: int = 0) -> bytes:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    identity = port.to_bytes(2, "big") + b"\0\0" + socket.inet_pton(family, host)
    return message(20, struct.pack("=4B48s5I", family, 10, 0, 0, identity, 0, backlog, 128, 501, 9) + attributes)


def read(data: bytes, family: int = 4) -> tuple[list[Listener], bool]:
    found = []
    walk = _datagram(data)
    while True:
        try:
            found.append(_listener(next(walk), 4 if family == 4 else 6))
        except StopIteration as end:
            return found, bool(end.value)


def test_sockets_of_one_datagram_then_its_end() -> None:
    data = socket_message("10.0.0.7", 7860, backlog=3) + socket_message("0.0.0.0", 80) + message(3, b"\0\0\0\0")
    assert read(data) == ([Listener("10.0.0.7", 7860, 4, 9, 501, 3), Listener("0.0.0.0", 80, 4, 9, 501)], True)


def test_a_datagram_without_end_mark_is_followed_by_others() -> None:
    assert read(socket_message("10.0.0.7", 7860))[1] is False
    assert read(b"") == ([], False)


@pytest.mark.parametrize(("flag", "expected"), [(1, True), (0, False)])
def test_ipv6_only_is_read_from_behind_other_attributes(flag: int, expected: bool) -> None:
    other = struct.pack("=HHB", 5, 7, 9) + b"\0\0\0"
    attributes = other + struct.pack("=HHB", 5, 11, flag) + b"\0\0\0"
    assert read(socket_message("::", 7860, attributes=attributes), 6)[0][0].only_v6 is expected


def test_attributes_cut_short_say_nothing() -> None:
    assert _only_v6(b"") is None
    assert _only_v6(b"\x05\x00") is None
    assert _only_v6(struct.pack("=HH", 0, 11)) is None  # a length of nothing must not loop for ever


def test_an_error_of_the_kernel_is_raised_with_its_number() -> None:
    with pytest.raises(PermissionError) as caught:
        read(message(2, struct.pack("=i", -1)))
    assert caught.value.errno == 1


@given(st.binary(max_size=300))
def test_no_datagram_hangs_or_breaks_in_an_unknown_way(data: bytes) -> None:
    try:
        found, _ = read(data, 6)
    except (OSError, struct.error, ValueError, IndexError):
        return
    assert len(found) <= len(data) // HEADER.size


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("127.0.0.1", ("127.0.0.1", 4)),
        ("::ffff:10.1.2.3", ("10.1.2.3", 4)),
        ("::", ("::", 6)),
        ("0:0:0:0:0:0:0:1", ("::1", 6)),
        ("fe80::1%eth0", ("fe80::1", 6)),
    ],
)
def test_addresses_as_people_write_them(written: str, expected: tuple[str, int]) -> None:
    assert normal_address(written) == expected


def test_it_is_quick() -> None:
    with socket.create_server(("127.0.0.1", 0)) as s:
        times = []
        for _ in range(20):
            started = time.perf_counter()
            assert s.getsockname()[1] in {x.port for x in listening_sockets()}
            times.append(time.perf_counter() - started)
        assert sorted(times)[10] < 0.02


def test_no_privilege_is_needed() -> None:
    code = (
        "import os, sys; from gradio_doctor.probes.inet_diag import *; os.getuid() or os.setuid(65534);"
        "print([s.uid for s in listening_sockets() if s.port == int(sys.argv[1])])"
    )
    with socket.create_server(("127.0.0.1", 0)) as s:
        done = subprocess.run([sys.executable, "-c", code, str(s.getsockname()[1])], capture_output=True, text=True,
                              check=False, cwd=Path(__file__).parents[2])
        assert done.stdout.strip() == f"[{os.getuid()}]", done.stderr
