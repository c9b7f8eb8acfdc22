"""May the app bind its port and address: tried without taking the port."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from gradio_doctor.engine import Examination
from gradio_doctor.evidence import Absent, BindPolicy, Target, WantedAddress
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.bind_policy import probe_bind_policy
from tests.lab.harness import CAP_NET_BIND_SERVICE, without_capabilities
from tests.world import knowledge

ASK = """
import json
from gradio_doctor.probes.bind_policy import _may_bind_low
print(json.dumps(_may_bind_low()))
"""


def policy(host: str) -> BindPolicy:
    wanted = WantedAddress(host, (7860,), True, True, "test")
    probes = {WantedAddress: lambda _: wanted, BindPolicy: probe_bind_policy}
    with Examination(Target("none", ""), Options(), probes, knowledge([], {}), ()) as examination:
        found = examination.get(BindPolicy)
    assert isinstance(found, BindPolicy)
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "", "::", "[::1]"])
def test_addresses_of_this_machine(host: str) -> None:
    found = policy(host)
    assert found.host_error == ""
    assert found.addresses


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("192.0.2.77", "no interface of this machine has the address 192.0.2.77"),
        ("2001:db8::77", "no interface"),
        ("no-such-host.invalid", "does not resolve"),
        ("x" * 300, "does not resolve"),
        ("bad host name\x00", "does not resolve"),
    ],
)
def test_addresses_of_nobody_here(host: str, words: str) -> None:
    assert words in policy(host).host_error


def test_the_lowest_port_is_the_kernels() -> None:
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:  # noqa: PTH123
        assert policy("127.0.0.1").lowest == int(file.read())


def test_the_right_to_bind_low_ports_is_the_kernels_too() -> None:
    """Whatever the probe says, bind(2) on a low port says the same: with the capability, and without."""
    for preexec in (None, without_capabilities(CAP_NET_BIND_SERVICE)):
        done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, check=True, preexec_fn=preexec)
        trial = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 19))"
        bound = subprocess.run([sys.executable, "-c", trial], capture_output=True, preexec_fn=preexec, check=False)
        assert json.loads(done.stdout) is (bound.returncode == 0)


def test_it_takes_no_port() -> None:
    before = _bound()
    policy("127.0.0.1")
    assert _bound() == before


def _bound() -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", 17860))
        except OSError:
            return False
        return True


def test_no_wanted_address_no_policy() -> None:
    probes = {WantedAddress: lambda _: Absent("no app"), BindPolicy: probe_bind_policy}
    with Examination(Target("none", ""), Options(), probes, knowledge([], {}), ()) as examination:
        assert examination.get(BindPolicy) == Absent("no app")
