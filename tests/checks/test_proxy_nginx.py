"""What a real nginx prints when something is wrong behind it, and which cause that is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.checks import nginx_lab as lab
from tests.checks.log_lab import Lab, Read
from tests.ports import free_port


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("read"))


def _errors(directory: Path, reader: Lab) -> Read:
    return reader.read((directory / "error.log").read_text())


def _to(port: int, scheme: str = "http") -> str:
    return f"location / {{ proxy_pass {scheme}://127.0.0.1:{port}; }}"


def test_nothing_listens_behind_it(tmp_path: Path, reader: Lab) -> None:
    dead = free_port()
    with lab.nginx(tmp_path, f"location / {{ proxy_pass http://127.0.0.1:{dead}; }}") as port:
        assert lab.get(port) == 502
    read = _errors(tmp_path, reader)
    assert read.first == "proxy.upstream-down"
    assert read.findings["proxy.nginx-refused"].facts["upstream"] == f"http://127.0.0.1:{dead}"


def test_both_servers_of_an_upstream_are_dead(tmp_path: Path, reader: Lab) -> None:
    locations = f"location / {{ proxy_pass http://127.0.0.1:{free_port()}; }}"
    servers = " ".join(f"server 127.0.0.1:{free_port()} max_fails=1;" for _ in range(2))
    config = f"upstream app {{ {servers} }}"
    command = lab.configured(tmp_path, free_port(), locations)
    text = (tmp_path / "nginx.conf").read_text().replace("  limit_req_zone", f"  {config}\n  limit_req_zone")
    port = int(text.partition("listen 127.0.0.1:")[2].partition(";")[0])
    (tmp_path / "nginx.conf").write_text(text.replace(locations, "location / { proxy_pass http://app; }"))
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while lab.get(port) != 502:
            assert process.poll() is None
        lab.get(port)
    finally:
        process.terminate()
        process.wait(10)
    read = _errors(tmp_path, reader)
    assert "proxy.nginx-no-live-upstreams" in read.findings
    assert read.first == "proxy.upstream-down"


def test_the_socket_file_is_missing(tmp_path: Path, reader: Lab) -> None:
    with lab.nginx(tmp_path, f"location / {{ proxy_pass http://unix:{tmp_path}/gunicorn.sock; }}") as port:
        assert lab.get(port) == 502
    read = _errors(tmp_path, reader)
    assert read.first == "proxy.upstream-down"
    assert read.findings["proxy.nginx-socket-missing"].facts["socket"] == f"{tmp_path}/gunicorn.sock"


@pytest.mark.parametrize(
    ("serve", "finding", "cause"),
    [
        (lab.sleeps, "proxy.nginx-read-timeout", "proxy.timeout"),
        (lab.streams_then_sleeps, "proxy.nginx-stream-timeout", "proxy.timeout"),
        (lab.big_header, "proxy.response-header-too-big", "proxy.header-limits"),
        (lab.no_http, "proxy.nginx-not-http", "proxy.wrong-upstream"),
    ],
)
def test_an_upstream_that_answers_badly(
    serve: Callable[..., None], finding: str, cause: str, tmp_path: Path, reader: Lab
) -> None:
    with lab.upstream(serve) as app, lab.nginx(tmp_path, _to(app)) as port:
        lab.get(port)
    read = _errors(tmp_path, reader)
    assert finding in read.findings
    assert read.first == cause


def test_an_upstream_that_hangs_up_says_that_the_process_died(tmp_path: Path, reader: Lab) -> None:
    with lab.upstream(lab.drops) as app, lab.nginx(tmp_path, _to(app)) as port:
        assert lab.get(port) == 502
    read = _errors(tmp_path, reader)
    assert "proxy.nginx-upstream-closed" in read.findings
    assert not read.first.startswith("proxy.timeout")
    killed = reader.read(
        (tmp_path / "error.log").read_text()
        + "[  99.1] Out of memory: Killed process 4711 (python) total-vm:9000kB, anon-rss:8000kB, file-rss:0kB\n"
    )
    assert killed.first == "memory.oom-killed"
    assert killed.causes.get("proxy.upstream-down", 0) < 0.3


def test_https_to_a_plain_port(tmp_path: Path, reader: Lab) -> None:
    with lab.upstream(lab.plain) as app, lab.nginx(tmp_path, _to(app, "https")) as port:
        assert lab.get(port) == 502
    assert _errors(tmp_path, reader).first == "proxy.wrong-upstream"


def test_a_body_over_the_limit(tmp_path: Path, reader: Lab) -> None:
    with lab.nginx(tmp_path, "location / { client_max_body_size 1k; proxy_pass http://127.0.0.1:1; }") as port:
        lab.get(port, body=b"x" * 5000)
    read = _errors(tmp_path, reader)
    assert read.first == "proxy.body-too-large"
    assert read.findings["proxy.nginx-body-too-large"].facts["bytes"] == "5000"


def test_request_headers_over_the_limit(tmp_path: Path, reader: Lab) -> None:
    with lab.nginx(tmp_path, "location / { return 200; }") as port:
        assert lab.get(port, headers={"Cookie": "x" * 9000}) == 400
    assert _errors(tmp_path, reader).first == "proxy.header-limits"


def test_requests_over_the_rate(tmp_path: Path, reader: Lab) -> None:
    with lab.nginx(tmp_path, "location / { limit_req zone=few; root /nowhere; }") as port:
        statuses = [lab.get(port) for _ in range(3)]
    assert 503 in statuses
    read = _errors(tmp_path, reader)
    assert read.first == "proxy.rate-limited"
    assert read.findings["proxy.nginx-limit-req"].facts["zone"] == "few"


def test_a_path_of_the_app_that_is_not_proxied(tmp_path: Path, reader: Lab) -> None:
    with lab.nginx(tmp_path, "location /app { return 200; }") as port:
        assert lab.get(port, "/gradio_api/queue/join") == 404
    assert _errors(tmp_path, reader).first == "proxy.root-path"


def test_a_name_that_does_not_resolve_keeps_nginx_from_starting(tmp_path: Path, reader: Lab) -> None:
    command = lab.configured(tmp_path, free_port(), "location / { proxy_pass http://no-such-app.invalid:7860; }")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    read = reader.read(done.stderr)
    assert read.first == "proxy.dns"
    assert read.findings["proxy.nginx-name-not-found"].facts["host"] == "no-such-app.invalid"


def test_connections_used_up(tmp_path: Path, reader: Lab) -> None:
    with lab.upstream(lab.sleeps) as app, lab.nginx(tmp_path, _to(app), connections=2) as port:
        assert lab.get(port) == 500
    assert _errors(tmp_path, reader).first == "proxy.capacity"


def test_a_healthy_nginx_raises_nothing(tmp_path: Path, reader: Lab) -> None:
    (tmp_path / "index.html").write_text("hello")
    with lab.nginx(tmp_path, "location / { }") as port:
        for _ in range(3):
            assert lab.get(port) == 200
    assert _errors(tmp_path, reader).first == ""
    assert reader.read((tmp_path / "access.log").read_text()).first == ""
