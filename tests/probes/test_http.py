"""The ladder of harmless requests, against real Gradio in every state, and against what is no Gradio."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from gradio_doctor.evidence import HttpAnswers, Target
from gradio_doctor.probes.app_address import AppAddress
from gradio_doctor.probes.http import ask_app, probe_http
from gradio_doctor.probes.sockets import probe_listeners
from tests.ports import free_port
from tests.probes.network_lab import Given, ask_at, child, eventually, told
from tests.probes.test_exchange import CERTIFICATE, KEY

APPS = """
    import sys, threading, time
    import fastapi, gradio as gr, uvicorn

    plain, auth, tls, mounted, small = (int(p) for p in sys.argv[2:])

    async def block(seconds):
        print("begun", flush=True)
        time.sleep(seconds)
        return seconds

    def work(seconds):
        print("begun", flush=True)
        time.sleep(seconds)
        return seconds

    def app():
        with gr.Blocks() as demo:
            number = gr.Number()
            gr.Button().click(block, number, number, api_name="block", queue=False)
            gr.Button().click(work, number, number, api_name="work", queue=False, concurrency_limit=None)
        return demo

    common = {"prevent_thread_lock": True, "ssr_mode": False, "quiet": True}
    served = app()
    served.launch(server_port=plain, **common)
    app().launch(server_port=auth, auth=("me", "secret"), **common)
    app().launch(server_port=tls, ssl_certfile=sys.argv[1], ssl_keyfile=sys.argv[1], ssl_verify=False, **common)
    stopped = app()
    stopped.launch(server_port=small, **common)
    stopped._queue.stopped = True
    site = gr.mount_gradio_app(fastapi.FastAPI(), app(), path="/gradio", ssr_mode=False)
    server = uvicorn.Server(uvicorn.Config(site, port=mounted, log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    print("ready", flush=True)
    time.sleep(600)
"""


@dataclass(frozen=True)
class Lab:
    pid: int
    plain: int
    auth: int
    tls: int
    mounted: int
    stopped: int
    log: Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Five real Gradio apps in one process, all that they print in one file."""
    directory = tmp_path_factory.mktemp("lab")
    (directory / "pem").write_text(CERTIFICATE + KEY)
    (directory / "apps.py").write_text(textwrap.dedent(APPS))
    log = directory / "log"
    ports = [free_port() for _ in range(5)]
    command = 'exec "$0" "$@" >log 2>&1'
    run = ["sh", "-c", command, sys.executable, "apps.py", "pem", *(str(p) for p in ports)]
    with child("", command=run, cwd=directory, environment={"GRADIO_ANALYTICS_ENABLED": "False"}) as (process, _):
        eventually(lambda: process.poll() is not None or "ready" in log.read_text(), 60)
        assert process.poll() is None, log.read_text()
        plain, auth, tls, mounted, stopped = ports
        yield Lab(process.pid, plain, auth, tls, mounted, stopped, log)


def call(port: int, name: str, seconds: float) -> socket.socket:
    """Calls a handler of an app without waiting for it."""
    body = json.dumps({"data": [seconds]}).encode()
    connection = socket.create_connection(("127.0.0.1", port))
    head = f"POST /gradio_api/run/{name} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connection.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


@contextlib.contextmanager
def called(lab: Lab, name: str, seconds: float, times: int = 1) -> Iterator[None]:
    """While a handler runs, so many times; no more than 40 do at once."""
    before = lab.log.read_text().count("begun")
    calls = [call(lab.plain, name, seconds) for _ in range(times)]
    eventually(lambda: lab.log.read_text().count("begun") == before + min(times, 40), 30)
    yield
    for connection in calls:
        connection.close()


def queue_size(port: int) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/gradio_api/queue/status")
    return int(json.loads(connection.getresponse().read())["queue_size"])


def test_a_healthy_app_answers_everything_at_once(lab: Lab) -> None:
    started = time.monotonic()
    found = ask_at(lab.plain)
    assert time.monotonic() - started < 5
    assert told(found) == {"loop": 405, "pool": 200, "page": 200, "queue-door": 400, "queue-size": 200}
    assert (found.is_gradio, found.version, found.api_prefix) == (True, "6.31.0", "/gradio_api")
    assert len(found.app_ids) == 1 and found.base == f"http://127.0.0.1:{lab.plain}"
    door = found.get("queue-door")
    assert door is not None and "No function index provided." in door.body


def test_no_probe_leaves_a_line_in_the_log_or_an_event_in_the_queue(lab: Lab) -> None:
    before = lab.log.stat().st_size, queue_size(lab.plain)
    for port in (lab.plain, lab.auth, lab.stopped):
        ask_at(port, shared=True)
    ask_at(lab.mounted, "", "/gradio")
    ask_app(AppAddress("127.0.0.1", lab.tls, tls=True))
    time.sleep(0.2)
    assert (lab.log.stat().st_size, queue_size(lab.plain)) == before, lab.log.read_text()


def test_an_app_with_a_login_is_recognised_though_it_hides_its_version(lab: Lab) -> None:
    found = ask_at(lab.auth)
    assert told(found) == {"loop": 405, "pool": 200, "page": 200, "config": 401, "queue-door": 401, "queue-size": 401}
    assert (found.is_gradio, found.version) == (True, "")


def test_a_stopped_queue_shows_at_its_door_only(lab: Lab) -> None:
    found = ask_at(lab.stopped)
    assert told(found) == {"loop": 405, "pool": 200, "page": 200, "queue-door": 503, "queue-size": 200}
    door = found.get("queue-door")
    assert door is not None and "Queue is stopped." in door.body


def test_a_mounted_app_is_found_under_its_path(lab: Lab) -> None:
    found = ask_at(lab.mounted, "", "/nowhere", "/gradio")
    assert found.base.endswith("/gradio") and found.is_gradio and found.version == "6.31.0"
    assert told(found)["queue-door"] == 400
    lost = ask_at(lab.mounted)
    assert told(lost)["loop"] == 404 and not lost.is_gradio and lost.get("queue-door") is None


def test_a_tls_port_asked_in_plain_is_noted_and_asked_again(lab: Lab) -> None:
    found = ask_at(lab.tls)
    assert found.base.startswith("https://") and found.version == "6.31.0"
    plain, loop = found.get("plain"), found.get("loop")
    assert plain is not None and plain.outcome == "tls" and plain.url.startswith("http://")
    assert loop is not None and loop.status == 405 and loop.url.startswith("https://")


def test_a_blocked_loop_gets_two_requests_and_no_more(lab: Lab) -> None:
    with called(lab, "block", 8.0):
        started = time.monotonic()
        found = ask_at(lab.plain)
        assert 1.9 < time.monotonic() - started < 7.0
        assert [(a.probe, a.outcome) for a in found.answers] == [("loop", "timeout"), ("loop", "timeout")]
        assert found.is_gradio is None
    eventually(lambda: told(ask_at(lab.plain)).get("pool") == 200, 30)


def test_a_pause_is_told_from_a_hang(lab: Lab) -> None:
    with called(lab, "block", 1.4):
        found = ask_at(lab.plain)
    assert [(a.probe, a.outcome) for a in found.answers[:2]] == [("loop", "answered"), ("loop", "timeout")]
    assert told(found)["queue-door"] == 400


def test_a_busy_thread_pool_leaves_the_loop_answering(lab: Lab) -> None:
    with called(lab, "work", 8, times=41):
        found = ask_at(lab.plain)
    loop, pool = found.get("loop"), found.get("pool")
    assert loop is not None and loop.status == 405 and loop.seconds < 3
    assert pool is not None and pool.outcome == "timeout"
    assert told(found)["identity"] == 403 and found.is_gradio and found.api_prefix == "/gradio_api"
    assert found.get("page") is None and found.get("queue-door") is None
    eventually(lambda: told(ask_at(lab.plain)).get("pool") == 200, 30)


def test_a_suspended_app_connects_and_says_nothing(lab: Lab) -> None:
    os.kill(lab.pid, signal.SIGSTOP)
    try:
        found = ask_at(lab.auth)
    finally:
        os.kill(lab.pid, signal.SIGCONT)
    assert [(a.probe, a.outcome) for a in found.answers] == [("loop", "timeout"), ("loop", "timeout")]


def test_the_probe_finds_the_app_by_its_port(lab: Lab) -> None:
    given = Given(Target("port", str(lab.plain), port=lab.plain), evidence=(probe_listeners(Given()),))
    found = probe_http(given)
    assert isinstance(found, HttpAnswers) and found.version == "6.31.0" and len(found.app_ids) == 1
