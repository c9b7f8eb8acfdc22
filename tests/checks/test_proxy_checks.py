"""Where the app listens and where the proxy points, read off one input."""

from __future__ import annotations

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab

REFUSED = (
    "2024/01/01 10:00:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, "
    'client: 10.0.0.9, server: _, request: "GET / HTTP/1.1", upstream: "http://{upstream}/", host: "example.com"\n'
)
ENTRYPOINT = "/docker-entrypoint.sh: Configuration complete; ready for start up\n"


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("read"))


@pytest.mark.parametrize(
    "banner",
    [
        "* Running on local URL:  http://127.0.0.1:7860\n",
        "INFO:     Uvicorn running on http://0.0.0.0:7860 (Press CTRL+C to quit)\n",
        "[2024-01-01 10:00:00 +0000] [1] [INFO] Listening at: http://0.0.0.0:7860 (1)\n",
    ],
)
def test_the_app_listens_on_another_port(banner: str, reader: Lab) -> None:
    read = reader.read(banner + REFUSED.format(upstream="127.0.0.1:8000"))
    assert read.first == "proxy.wrong-upstream"
    facts = read.findings["proxy.app-listens-elsewhere"].facts
    assert facts == {"upstream": "http://127.0.0.1:8000", "listening": "7860"}


def test_the_right_port_that_refuses_is_an_app_that_is_down(reader: Lab) -> None:
    read = reader.read("* Running on local URL:  http://127.0.0.1:7860\n" + REFUSED.format(upstream="127.0.0.1:7860"))
    assert "proxy.app-listens-elsewhere" not in read.findings
    assert read.first == "proxy.upstream-down"


def test_one_dead_server_beside_the_right_one_is_no_wrong_address(reader: Lab) -> None:
    text = "* Running on local URL:  http://127.0.0.1:7860\n"
    text += REFUSED.format(upstream="127.0.0.1:7861") + REFUSED.format(upstream="127.0.0.1:7860")
    assert "proxy.app-listens-elsewhere" not in reader.read(text).findings


def test_loopback_inside_the_container_of_the_proxy(reader: Lab) -> None:
    read = reader.read(ENTRYPOINT + REFUSED.format(upstream="127.0.0.1:3001"))
    assert read.first == "proxy.wrong-upstream"
    assert read.findings["proxy.loopback-upstream-in-container"].facts["own_container"] == "http://127.0.0.1:3001"


def test_another_container_that_refuses_is_down(reader: Lab) -> None:
    read = reader.read(ENTRYPOINT + REFUSED.format(upstream="172.18.0.3:8000"))
    assert "proxy.loopback-upstream-in-container" not in read.findings
    assert read.first == "proxy.upstream-down"


def test_an_app_in_the_same_container_makes_loopback_right(reader: Lab) -> None:
    text = ENTRYPOINT + "* Running on local URL:  http://127.0.0.1:7860\n" + REFUSED.format(upstream="127.0.0.1:7860")
    assert "proxy.loopback-upstream-in-container" not in reader.read(text).findings


def test_only_the_ipv6_loopback_is_refused(reader: Lab) -> None:
    read = reader.read(REFUSED.format(upstream="[::1]:7860"))
    assert read.findings["proxy.only-ipv6-refused"].facts["upstream"] == "http://[::1]:7860"
    both = reader.read(REFUSED.format(upstream="[::1]:7860") + REFUSED.format(upstream="127.0.0.1:7860"))
    assert "proxy.only-ipv6-refused" not in both.findings


def test_a_port_that_is_no_number_is_survived(reader: Lab) -> None:
    assert reader.read(REFUSED.format(upstream="127.0.0.1:99999999")).first == "proxy.upstream-down"
