"""Servers as they run: their workers and settings, who accepts connections, and what changes while we look."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from gradio_doctor.evidence import Absent, HttpAnswer, HttpAnswers, Listeners, Target
from gradio_doctor.evidence.servers import Restart, Server, Servers
from gradio_doctor.probes.servers import probe_servers
from gradio_doctor.probes.servers_accept import who_accepts
from gradio_doctor.probes.servers_watch import reaped_seconds
from tests.lab.harness import answers
from tests.ports import free_ports
from tests.probes.conftest import FakeContext, Lab

ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
"""
GUNICORN = ("-m", "gunicorn", "app:app", "-k", "uvicorn.workers.UvicornWorker")


def values(options: Any) -> dict[str, tuple[str, str]]:
    return {name: (o.value, o.origin) for name, o in options.items()}


def _accepting(listening: socket.socket) -> int:
    pid = os.fork()
    if pid:
        return pid
    held = []
    while True:
        held.append(listening.accept()[0])
        time.sleep(0.02)  # the other one's turn


@pytest.fixture
def children() -> Iterator[list[int]]:
    pids: list[int] = []
    yield pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_who_accepts_is_seen_without_a_request(children: list[int]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        children += [_accepting(listening), _accepting(listening)]
        took = who_accepts("127.0.0.1", port, [os.getpid(), *children])
        assert set(took) == set(children) and sum(took.values()) == 16
    with socket.create_server(("127.0.0.1", 0)) as listening:
        children.append(_accepting(listening))
        took = who_accepts("127.0.0.1", listening.getsockname()[1], [os.getpid(), *children])
        assert took == {children[2]: 16}  # one of three that could


def test_nobody_accepts_and_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        began = time.monotonic()
        assert who_accepts("127.0.0.1", port, [os.getpid()]) == {}
        assert time.monotonic() - began < 8
    assert who_accepts("127.0.0.1", port, [os.getpid()]) == {}


def test_the_time_of_children_that_ended() -> None:
    assert reaped_seconds(2**30) is None
    before = reaped_seconds(os.getpid())
    pid = os.fork()
    if not pid:
        end = time.process_time() + 0.15
        while time.process_time() < end:
            pass
        os._exit(0)
    os.waitpid(pid, 0)
    after = reaped_seconds(os.getpid())
    assert before is not None and after is not None and after - before > 0.1


def serve(lab: Lab, *arguments: str, **environment: str) -> tuple[int, int]:
    """A real server of a light app: its pid and its port."""
    lab.write("app.py", ASGI)
    port = free_ports()[0]
    words = [a.replace("PORT", str(port)) for a in arguments]
    process = lab.python(*words, env=environment, stdout=-3, stderr=-3)
    lab.wait(lambda: answers(port), 30)
    return process.pid, port


def seen(make_context: Any, port: int) -> Server:
    context: FakeContext = make_context(Target("port", str(port), port=port))
    found = probe_servers(context)
    assert not isinstance(found, Absent) and len(found.servers) == 1, found
    assert not found.restarts
    return found.servers[0]


def test_a_real_gunicorn_is_told(lab: Lab, make_context: Any) -> None:
    lab.write("gunicorn.conf.py", "workers = 2\ntimeout = 70\ngraceful_timeout = 4\n")
    extra = {"GUNICORN_CMD_ARGS": "--timeout 71", "WEB_CONCURRENCY": "5"}
    pid, port = serve(lab, *GUNICORN, "-b", "127.0.0.1:PORT", "--threads", "1", **extra)
    lab.wait(lambda: len(psutil.Process(pid).children()) == 2)
    lab.wait(lambda: len(seen(make_context, port).accepted) == 2, 30)
    server = seen(make_context, port)
    assert (server.kind, server.pid, server.app) == ("gunicorn", pid, "app:app")
    assert server.app_file == str(lab.directory / "app.py")
    assert {w.pid for w in server.workers} == {c.pid for c in psutil.Process(pid).children()}
    told = values(server.options)
    assert told["workers"] == ("2", "gunicorn.conf.py:1") and told["timeout"] == ("71", "GUNICORN_CMD_ARGS")
    assert told["worker_class"] == ("uvicorn.workers.UvicornWorker", "-k") and told["threads"] == ("1", "--threads")
    assert told["graceful_timeout"] == ("4", "gunicorn.conf.py:3") and told["preload_app"] == ("False", "default")
    assert set(server.accepted) <= {w.pid for w in server.workers}
    assert (server.ended, server.begun) == ((), ()) and server.seconds < 5


def test_a_real_uvicorn_with_workers_and_one_without(lab: Lab, make_context: Any) -> None:
    pid, port = serve(lab, "-m", "uvicorn", "app:app", "--workers", "2", "--port", "PORT")
    lab.wait(lambda: len(psutil.Process(pid).children()) >= 3)
    lab.wait(lambda: len(seen(make_context, port).accepted) == 2, 30)
    server = seen(make_context, port)
    assert (server.kind, server.pid, len(server.workers)) == ("uvicorn", pid, 2)
    assert set(server.accepted) <= {w.pid for w in server.workers}
    alone, port = serve(lab, "-m", "uvicorn", "app:app", "--port", "PORT")
    server = seen(make_context, port)
    assert (server.pid, server.workers, server.accepted) == (alone, (), {})


def test_a_worker_that_goes_is_seen_to_go(lab: Lab, make_context: Any) -> None:
    pid, port = serve(lab, *GUNICORN, "-b", "127.0.0.1:PORT")
    (worker,) = psutil.Process(pid).children()
    context = make_context(Target("port", str(port), port=port))
    from gradio_doctor.evidence import Processes

    context.get(Processes)  # the first look
    worker.kill()
    lab.wait(lambda: [c.pid for c in psutil.Process(pid).children()] not in ([], [worker.pid]))
    found = probe_servers(context)
    assert isinstance(found, Servers)
    (server,) = found.servers
    assert server.ended == (worker.pid,) and len(server.begun) == 1


KEEPER = """
import subprocess, sys, time
while True:
    app = subprocess.Popen([sys.executable, "app.py"])
    time.sleep(1.6)
    app.kill(); app.wait()
"""
BUSY = """
import time
end = time.process_time() + 0.6
while time.process_time() < end: pass
time.sleep(60)
"""


def test_an_app_that_its_keeper_starts_anew(lab: Lab, make_context: Any) -> None:
    script, keeper = lab.write("app.py", BUSY), lab.write("keeper.py", KEEPER)
    process = lab.python(str(keeper))
    lab.wait(lambda: (reaped_seconds(process.pid) or 0) > 1.0, 30)
    refused = HttpAnswers("http://x", (HttpAnswer("loop", "HEAD", "http://x/config", "refused", 0.1),))

    def restarts() -> tuple[Restart, ...]:
        context = make_context(Target("script", "app.py", script=str(script)), {HttpAnswers: refused})
        found = probe_servers(context)
        return found.restarts if isinstance(found, Servers) else ()

    seen: list[Restart] = []
    until = time.monotonic() + 60
    while not seen and time.monotonic() < until:
        seen += restarts()  # none where its process table is of the moment between two
    assert seen[0].keeper == process.pid and len(set(seen[0].pids)) == 3
    assert "keeper.py" in seen[0].keeper_command


def test_an_app_that_nobody_starts_anew_costs_no_waiting(lab: Lab, make_context: Any) -> None:
    script = lab.write("app.py", BUSY)
    lab.python(str(script))
    time.sleep(0.2)
    for outcome in ("answered", "timeout"):  # one that hangs is not gone
        answer = HttpAnswer("loop", "HEAD", "http://x/config", outcome, 0.1)
        began = time.monotonic()
        given = {HttpAnswers: HttpAnswers("x", (answer,))}
        context = make_context(Target("script", "app.py", script=str(script)), given)
        found = probe_servers(context)
        assert isinstance(found, Servers) and found.restarts == ()
        assert [s.kind for s in found.servers] == ["launch"] and time.monotonic() - began < 8


def test_without_processes_it_says_so() -> None:
    found = probe_servers(FakeContext(Target("log", "x"), {Listeners: Listeners(())}, {}))
    assert isinstance(found, Absent) and sys.platform
