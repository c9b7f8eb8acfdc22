"""The app behind the proxy is dead, hangs, is elsewhere, or can be reached from here but not by the proxy."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gradio_doctor.registry import Loaded
from tests.lab.harness import HEALTHY, Lab, doctor, write_app
from tests.lab.proxied import HOST, blind, caddy, ids, informed, nginx, said, seen
from tests.ports import free_ports

# Answers like a Gradio app as far as the doctor looks, after so many seconds, with so many bytes of headers.
SLOW = """
    import asyncio, sys
    import gradio as gr
    from fastapi import FastAPI, Request
    import uvicorn

    with gr.Blocks() as demo:
        gr.Textbox()
    app = FastAPI()

    @app.middleware("http")
    async def late(request: Request, go_on):
        if request.url.path == "/" and request.query_params.get("x") is None:
            await asyncio.sleep({seconds})
        answer = await go_on(request)
        if request.url.path == "/" and {size}:
            answer.headers["X-Session"] = "x" * {size}
        return answer

    app = gr.mount_gradio_app(app, demo, path="/")
    uvicorn.run(app, port={port}, log_level="warning")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("apps"))
    yield lab
    lab.close()


@pytest.fixture
def app(standing: tuple[int, Path]) -> int:
    return standing[0]


@pytest.fixture(scope="module")
def slow(place: Lab) -> int:
    """The port of an app whose page takes 1.2 s and comes with 9 KB of headers."""
    port = free_ports()[0]
    place.start(write_app(place.directory, SLOW, "slow.py", port=port, seconds=1.2, size=9000), wait=port)
    return port


def to(port: int, more: str = "") -> str:
    return f"location / {{ proxy_pass http://127.0.0.1:{port}; {HOST} {more} }}"


def test_the_app_is_dead(loaded: Loaded, lab: Lab, tmp_path: Path) -> None:
    """The proxy's fault comes first, and that the app would start all the same is no news."""
    port = free_ports()[0]
    script = write_app(tmp_path, HEALTHY, port=port)
    with nginx(tmp_path / "n", to(port)) as url:
        report = doctor("diagnose", script, "--proxy", url, cwd=tmp_path)
    report.assert_first("proxy.upstream-down")
    assert [c["id"] for c in report.data["causes"] if c["probability"] > 0.5] == ["proxy.upstream-down"]


def test_the_app_is_dead_because_it_cannot_start(tmp_path: Path, lab: Lab) -> None:
    port = free_ports()[0]
    script = write_app(tmp_path, "import nowhere_to_be_found\n" + HEALTHY.replace("    ", ""), port=port)
    script.write_text("import nowhere_to_be_found\nimport gradio as gr\n")
    with nginx(tmp_path / "n", to(port)) as url:
        report = doctor("diagnose", script, "--proxy", url, cwd=tmp_path)
    likely = {c["id"] for c in report.data["causes"] if c["probability"] > 0.5}
    assert likely == {"proxy.upstream-down", "dependency.missing"}, report.describe()


def test_behind_caddy_the_app_is_dead(loaded: Loaded, tmp_path: Path) -> None:
    port = free_ports()[0]
    with caddy(tmp_path, f"reverse_proxy 127.0.0.1:{port}") as url:
        found = blind(loaded, port, url)
    assert ids(found)[:1] == ["proxy.upstream-down"], (ids(found), seen(found))


def test_behind_caddy_all_is_well_or_the_port_is_wrong(app: int, loaded: Loaded, tmp_path: Path) -> None:
    with caddy(tmp_path, f"reverse_proxy 127.0.0.1:{app}") as url:
        assert not ids(blind(loaded, app, url))
    with caddy(tmp_path, f"reverse_proxy 127.0.0.1:{free_ports()[0]}") as url:
        found = blind(loaded, app, url)
    assert ids(found)[:1] == ["proxy.wrong-upstream"], (ids(found), seen(found))


@pytest.mark.parametrize(
    ("site", "cause"),
    [
        ("encode gzip\nreverse_proxy 127.0.0.1:{app}", ""),
        ("request_body {{\n max_size 1MB\n}}\nreverse_proxy 127.0.0.1:{app}", "proxy.body-too-large"),
        ("handle_path /sub/* {{\n reverse_proxy 127.0.0.1:{app}\n}}", "proxy.root-path"),
        ("reverse_proxy 127.0.0.1:{app} {{\n header_up Host {{upstream_hostport}}\n header_up -X-Forwarded-Host\n}}",
         "proxy.root-path"),
    ],
)
def test_caddy(site: str, cause: str, app: int, loaded: Loaded, tmp_path: Path) -> None:
    with caddy(tmp_path, site.format(app=app)) as url:
        found = blind(loaded, app, url + ("/sub" if "/sub" in site else ""), probe_upload="body" in site)
    assert ids(found)[:1] == ([cause] if cause else []), (ids(found), seen(found))


def test_the_app_hangs(place: Lab, loaded: Loaded, tmp_path: Path) -> None:
    port = free_ports()[0]
    process = place.start(write_app(place.directory, HEALTHY, "hung.py", port=port), wait=port)
    with nginx(tmp_path, to(port, "proxy_read_timeout 1s;")) as url:
        os.kill(process.pid, signal.SIGSTOP)
        found = blind(loaded, port, url)
        os.kill(process.pid, signal.SIGKILL)
    assert not any(c.startswith("proxy.") for c in ids(found)), (ids(found), seen(found))
    assert "app that hangs" in said(found)


def test_the_proxy_does_not_wait_for_a_slow_page(slow: int, loaded: Loaded, tmp_path: Path) -> None:
    with nginx(tmp_path, to(slow, "proxy_read_timeout 700ms; proxy_buffer_size 32k; proxy_buffers 8 32k;")) as url:
        found = blind(loaded, slow, url)
    assert ids(found)[:1] == ["proxy.timeout"], (ids(found), seen(found))
    assert "proxy.live-gives-up" in seen(found)


def test_headers_of_the_app_are_too_big_for_the_proxy(slow: int, loaded: Loaded, tmp_path: Path) -> None:
    with nginx(tmp_path / "small", to(slow)) as url:
        found = blind(loaded, slow, url)
    assert ids(found)[:1] == ["proxy.header-limits"], (ids(found), seen(found))
    with nginx(tmp_path / "large", to(slow, "proxy_buffer_size 32k; proxy_buffers 8 32k;")) as url:
        assert not ids(blind(loaded, slow, url))


def test_the_proxy_is_in_another_network_namespace(app: int, loaded: Loaded, tmp_path: Path) -> None:
    """As in a container: it reaches this machine over a pair of virtual interfaces, and the app only has 127.0.0.1."""
    with namespace() as (enter, here, there):
        server = f"location / {{ proxy_pass http://{here}:{app}; {HOST} proxy_connect_timeout 1s; }}"
        with nginx(tmp_path, server, host=there, prefix=enter) as url:
            found = blind(loaded, app, url)
    assert ids(found)[:1] == ["port.loopback-only"], (ids(found), seen(found))


@contextlib.contextmanager
def namespace() -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Another network namespace: how to enter it, the address of this side, and of the other."""
    number = os.getpid() % 200 + 20
    here, there, name = f"10.211.{number}.1", f"10.211.{number}.2", f"gd{os.getpid()}"
    for command in (
        f"ip netns add {name}", f"ip link add {name}a type veth peer name {name}b netns {name}",
        f"ip addr add {here}/24 dev {name}a", f"ip link set {name}a up",
        f"ip -n {name} addr add {there}/24 dev {name}b", f"ip -n {name} link set {name}b up",
        f"ip -n {name} link set lo up",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)
    try:
        yield ("ip", "netns", "exec", name), here, there
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_the_proxy_has_no_connections_left(app: int, loaded: Loaded, tmp_path: Path) -> None:
    with nginx(tmp_path, to(app), connections=8) as url, contextlib.ExitStack() as held:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        for _ in range(8):
            one = held.enter_context(socket.create_connection(address, 2))
            one.sendall(b"GET /gradio_api/heartbeat/x HTTP/1.1\r\nHost: x\r\n")
        time.sleep(0.2)
        found = blind(loaded, app, url)
    assert ids(found)[:1] == ["proxy.capacity"], (ids(found), seen(found))


def test_the_proxy_looks_its_upstream_up_in_vain(app: int, loaded: Loaded, tmp_path: Path) -> None:
    """nginx asks the servers of `resolver` alone: that this machine knows the name does not help it."""
    looked_up = f"resolver 127.0.0.1:{free_ports()[0]}; set $app localhost; proxy_pass http://$app:{app}; {HOST}"
    with nginx(tmp_path, f"location / {{ {looked_up} }}") as url:
        found = informed(loaded, app, url, tmp_path / "nginx.conf")
    assert ids(found)[:1] == ["proxy.dns"], (ids(found), seen(found))
    assert "proxy.live-resolver-fails" in seen(found)


def test_a_variable_that_needs_no_resolver_is_well(app: int, loaded: Loaded, tmp_path: Path) -> None:
    well = f"location / {{ set $app http://127.0.0.1:{app}; proxy_pass $app; {HOST} }}"
    with nginx(tmp_path, well) as url:
        found = informed(loaded, app, url, tmp_path / "nginx.conf")
    assert not ids(found), (ids(found), seen(found))


def test_a_proxy_that_is_stopped_is_silent_twice(app: int, loaded: Loaded, tmp_path: Path) -> None:
    """Nobody knows from one silence alone that the proxy is full."""
    with nginx(tmp_path, to(app)) as url:
        [master] = [p for p in psutil.Process().children() if str(tmp_path) in " ".join(p.cmdline())]
        mine = [master, *master.children()]
        for process in mine:
            process.suspend()
        try:
            told = informed(loaded, app, url, tmp_path / "nginx.conf")
        finally:
            for process in mine:
                process.resume()
    assert ids(told)[:1] == ["proxy.capacity"], (ids(told), seen(told))
    assert "proxy.live-stuck" in seen(told)


def test_the_public_name_does_not_resolve(app: int, loaded: Loaded) -> None:
    found = blind(loaded, app, "http://no-such-host.invalid:8080")
    assert ids(found)[:1] == ["proxy.dns"], (ids(found), seen(found))


def test_nobody_listens_where_the_proxy_should_be(app: int, loaded: Loaded, tmp_path: Path) -> None:
    with nginx(tmp_path / "nginx", to(app)) as url:
        well = blind(loaded, app, url)
        assert not ids(well), (ids(well), seen(well))
    stopped = blind(loaded, app, url)
    assert ids(stopped)[:1] == ["proxy.not-running"], (ids(stopped), seen(stopped))
    assert stopped.causes[0].probability >= 0.5
    assert url in stopped.causes[0].because.en
    assert "cannot be reached" in said(stopped)


def test_the_log_of_nginx_and_the_probing_agree(app: int, loaded: Loaded, tmp_path: Path) -> None:
    """nginx writes "connection refused" for a dead app and for a wrong port alike."""
    log = tmp_path / "error.log"
    dead = free_ports()[0]
    with nginx(tmp_path / "n", to(dead), log=log) as url:
        found = blind(loaded, app, url, logs=(str(log),))
        assert ids(found)[:1] == ["proxy.wrong-upstream"], (ids(found), seen(found))
        assert [c.id for c in found.causes if c.probability > 0.5] == ["proxy.wrong-upstream"]
        found = blind(loaded, dead, url, logs=(str(log),))
    assert [c.id for c in found.causes if c.probability > 0.5] == ["proxy.upstream-down"], (ids(found), seen(found))


def test_a_proxy_is_found_by_itself_and_a_url_may_be_one(app: int, place: Lab, tmp_path: Path) -> None:
    with nginx(tmp_path / "good", to(app)) as url:
        for target in (f"port:{app}", url):
            report = doctor("diagnose", target, cwd=tmp_path)
            report.assert_healthy()
            answers = {s["question"]: s["answer"] for s in report.data["path"]}
            assert answers["Does it answer through the proxy?"] == "yes", report.describe()
    with nginx(tmp_path / "bad", to(free_ports()[0])) as url:
        assert doctor("diagnose", url, cwd=tmp_path).ids[0] in ("proxy.upstream-down", "proxy.wrong-upstream")
