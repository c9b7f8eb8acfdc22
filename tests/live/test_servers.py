"""Apps that uvicorn or gunicorn serve, on asyncio and uvloop, from a script and from the command line."""

from __future__ import annotations

import http.client
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from gradio_doctor.live import judge, view_processes
from gradio_doctor.probes.processes import read_process
from gradio_doctor.probes.stacks import sample_all
from gradio_doctor.probes.stacks_pyspy import find_pyspy
from gradio_doctor.probes.threads import watch
from tests.lab.harness import answers, until
from tests.lab.venvs import python_with
from tests.live.conftest import Silent
from tests.live.live_lab import App, kinds, one, running, settle
from tests.ports import free_ports

REQUIREMENTS = ("uvicorn==0.54.0", "uvloop==0.23.0", "httpx==0.28.1", "gunicorn==27.0.1", "uvicorn-worker==0.4.0")
ASGI = """
import asyncio, sys, threading, time
import httpx

client = httpx.Client(limits=httpx.Limits(max_connections=1), timeout=None)

def helper(seconds): time.sleep(seconds)
def pooled(): client.get("http://127.0.0.1:{other}/")

class Middleware:
    def __init__(self, inner): self.inner = inner
    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == "/block":
            helper(2.1)
        await self.inner(scope, receive, send)

async def inner(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/pool":
        await asyncio.to_thread(pooled)
    elif scope["path"] == "/wait":
        await asyncio.sleep(1.8)
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"ok"}})

app = Middleware(inner)

if __name__ == "__main__":
    import uvicorn
    uvicorn.run(app, port={port}, loop="{loop}", log_level="error", lifespan="off")
"""
COMMANDS = {
    "uvicorn": ["-m", "uvicorn", "app:app", "--port", "{port}", "--lifespan", "off", "--log-level", "error",
                "--loop", "{loop}"],
    "gunicorn": ["-m", "gunicorn", "app:app", "-b", "127.0.0.1:{port}", "-k", "uvicorn_worker.UvicornWorker"],
    "script": ["app.py"],
}


@contextmanager
def served(directory: Path, how: str, loop: str, other: int = 9) -> Iterator[App]:
    python, port = str(python_with(REQUIREMENTS)), free_ports()[0]
    source = ASGI.format(port=port, loop=loop, other=other)
    command = [python, *(word.format(port=port, loop=loop) for word in COMMANDS[how])]
    with running(directory, source, port, command=command) as app:
        until(lambda: answers(port), 30, "does not serve")
        yield app


@contextmanager
def asking(app: App, path: str, times: int = 1) -> Iterator[None]:
    """Requests under way."""

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            connection.getresponse().read()
        connection.close()

    askers = [threading.Thread(target=ask) for _ in range(times)]
    for asker in askers:
        asker.start()
    settle(0.5)
    yield
    for asker in askers:
        asker.join(20)


@pytest.mark.parametrize(("how", "loop"), [("script", "asyncio"), ("script", "uvloop"), ("uvicorn", "uvloop")])
def test_blocked_in_middleware_and_healthy_before_and_after(tmp_path: Path, how: str, loop: str) -> None:
    """uvloop shows no selector in its stacks, and nothing between the loop and the user's code."""
    with served(tmp_path, how, loop) as app:
        assert app.judge() == ()
        view = view_processes(app.threads(), app.stacks())[0]
        assert view.loop is not None and view.loop.main and view.loop.verdict in ("idle", "moving")
        with asking(app, "/block"):
            found = one(app.judge(), "loop-blocked")
        assert found.sure and found.location is not None and found.location.function == "helper"
        assert found.location.line == app.line("def helper") and [f.name for f in found.stack] == ["helper", "__call__"]
        with asking(app, "/wait", times=3):
            assert app.judge() == ()  # awaiting is not blocking
        assert app.alive()


def test_a_worker_of_gunicorn(tmp_path: Path) -> None:
    with served(tmp_path, "gunicorn", "auto") as app:
        (worker,) = psutil.Process(app.pid).children()
        family = [p for p in (read_process(app.pid), read_process(worker.pid)) if p is not None]
        with asking(app, "/block"):
            threads = watch(family, app.around())
            found = judge(threads, sample_all(find_pyspy(), family, lambda _: True))
        assert kinds(found) == ["loop-blocked"] and found[0].pid == worker.pid
        assert found[0].location is not None and found[0].location.function == "helper"
        settle(0.3)
        threads = watch(family, app.around())
        assert judge(threads, sample_all(find_pyspy(), family, lambda _: True)) == ()


def test_a_pool_of_connections_that_is_empty(tmp_path: Path, silent: Silent) -> None:
    """One connection, three threads that want it: one waits for the other server, two for the pool."""
    with served(tmp_path, "script", "asyncio", silent.port) as app:
        with asking(app, "/pool", times=3):
            threads, stacks = app.threads(), app.stacks()
            until(lambda: bool(silent.held), 5, "nobody asked")
            releasing = threading.Thread(target=silent.release_for, args=(2.0,))
            releasing.start()
        releasing.join()
        found = judge(threads, stacks)
        pool = one(found, "connection-pool-wait")
        assert pool.sure and pool.facts["library"] == "httpx" and pool.facts["count"] == "2"
        assert pool.location is not None and pool.location.function == "pooled"
        assert one(found, "upstream-wait").facts["remote"] == f"127.0.0.1:{silent.port}"
        assert "loop-blocked" not in [j.kind for j in found]


PAUSED = """
import os, threading, time
for _ in range({threads}): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
account = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
gaps, last, waited = [], time.monotonic(), 0
end = last + 2.5
open("up", "w").close()
while last < end:
    now, ready = time.monotonic(), int(os.pread(account, 80, 0).split()[1])
    if now - last > 0.0003: gaps.append((last, now, now - last - (ready - waited) / 1e9))
    last, waited = now, ready
with open("part", "w") as file: file.writelines("%r %r %r\\n" % gap for gap in gaps)
os.rename("part", "gaps")
time.sleep(60)
"""


@pytest.mark.parametrize(("threads", "most"), [(4, 0.008), (40, 0.030)])
def test_a_look_pauses_the_app_for_milliseconds(tmp_path: Path, threads: int, most: float) -> None:
    """What the app itself sees of ten looks, less its own waits for a CPU; py-spy waits too, so the best counts."""
    with running(tmp_path, PAUSED.format(threads=threads)) as app:
        until(lambda: (tmp_path / "up").exists(), 10, "not up")
        looks = []
        for _ in range(10):
            before = time.monotonic()
            subprocess.run([find_pyspy(), "dump", "--json", "--pid", str(app.pid)], capture_output=True, check=True)
            looks.append((before, time.monotonic()))
        until(lambda: (tmp_path / "gaps").exists(), 20, "not done")
        gaps = [tuple(map(float, line.split())) for line in (tmp_path / "gaps").read_text().splitlines()]
    longest = sorted(max((g for a, b, g in gaps if a < end and b > begin), default=0.0) for begin, end in looks)
    print(f"pause with {threads} threads: {[round(1000 * x, 1) for x in longest]} ms")
    assert longest[0] < most, longest


def test_a_port_that_nobody_serves_is_not_taken_for_an_app(tmp_path: Path) -> None:
    """A plain server of sockets without an event loop: said, but not with certainty."""
    source = """
    import socket
    s = socket.create_server(("127.0.0.1", 0))
    open("port", "w").write(str(s.getsockname()[1]))
    while True: s.accept()[0].close()
    """
    with running(tmp_path, source) as app:
        until(lambda: (tmp_path / "port").exists() and (tmp_path / "port").read_text(), 10, "no port")
        socket.create_connection(("127.0.0.1", int((tmp_path / "port").read_text()))).close()
        assert kinds(app.judge()) in ([], ["listener-without-server?"])
