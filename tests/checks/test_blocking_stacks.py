"""Dumps of all stacks in a log: faulthandler and py-spy write them of real programs here."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.said import causes, events, named

BUSY_LOOP = """
import asyncio, faulthandler, time
async def handler():
    faulthandler.dump_traceback_later(0.3, exit=True)
    time.sleep(5)
asyncio.run(handler())
"""
IDLE_LOOP = BUSY_LOOP.replace("time.sleep(5)", "await asyncio.sleep(5)")
BUSY_POOL = """
import faulthandler, time
from concurrent.futures import ThreadPoolExecutor
def work(): time.sleep(5)
pool = ThreadPoolExecutor({size})
[pool.submit(work) for _ in range({tasks})]
faulthandler.dump_traceback_later(0.5, exit=True)
time.sleep(5)
"""
AT_SOCKET = """
import faulthandler, socket, time
from concurrent.futures import ThreadPoolExecutor
server = socket.create_server(("127.0.0.1", 0))
def work():
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", server.getsockname()[1])
    connection.request("GET", "/")
    connection.getresponse()
pool = ThreadPoolExecutor(2)
pool.submit(work)
faulthandler.dump_traceback_later(0.5, exit=True)
time.sleep(5)
"""


def dump(code: str, folder: Path) -> str:
    """What a program that dumps its own stacks prints."""
    script = folder / "app.py"
    script.write_text(code, encoding="utf-8")
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=20, check=False).stderr


def found(log: str, loaded: Loaded, folder: Path) -> list[str]:
    """The findings that the check makes of a log."""
    return [f.id for f in named(loaded, "blocking-stacks")(events(log, loaded, folder))]


def test_a_loop_that_is_held(loaded: Loaded, tmp_path: Path) -> None:
    log = dump(BUSY_LOOP, tmp_path)
    assert "most recent call first" in log
    (finding,) = named(loaded, "blocking-stacks")(events(log, loaded, tmp_path))
    assert (finding.id, finding.facts["function"]) == ("blocking.loop-held-in-dump", "handler")
    assert causes(log, loaded, tmp_path)[0] == "blocking.event-loop"


def test_a_loop_that_rests(loaded: Loaded, tmp_path: Path) -> None:
    log = dump(IDLE_LOOP, tmp_path)
    assert "most recent call first" in log
    assert found(log, loaded, tmp_path) == []


@pytest.mark.parametrize(("size", "tasks", "full"), [(8, 20, True), (12, 3, False), (2, 2, False)])
def test_workers_that_are_all_busy(size: int, tasks: int, full: bool, loaded: Loaded, tmp_path: Path) -> None:
    log = dump(BUSY_POOL.format(size=size, tasks=tasks), tmp_path)
    assert found(log, loaded, tmp_path) == (["blocking.pool-held-in-dump"] if full else [])


def test_a_worker_that_waits_for_the_network(loaded: Loaded, tmp_path: Path) -> None:
    log = dump(AT_SOCKET, tmp_path)
    assert found(log, loaded, tmp_path) == ["blocking.waits-in-dump"]
    assert causes(log, loaded, tmp_path)[0] == "blocking.upstream-wait"


def test_the_dump_of_a_crash_is_no_hang(loaded: Loaded, tmp_path: Path) -> None:
    code = "import asyncio, ctypes, faulthandler\nfaulthandler.enable()\n"
    code += "async def handler():\n    ctypes.string_at(0)\nasyncio.run(handler())\n"
    log = dump(code, tmp_path)
    assert "Fatal Python error" in log
    assert found(log, loaded, tmp_path) == []
    assert causes(log, loaded, tmp_path)[0] == "crash.native"


def test_what_py_spy_prints(loaded: Loaded, tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(BUSY_LOOP.replace("0.3", "30").replace("time.sleep(5)", "time.sleep(15)"), encoding="utf-8")
    app = subprocess.Popen([sys.executable, str(script)])
    try:
        py_spy = Path(sys.executable).with_name("py-spy")
        deadline, log = time.monotonic() + 12, ""
        while "handler" not in log and time.monotonic() < deadline:
            time.sleep(0.3)
            command = [str(py_spy), "dump", "--nonblocking", "--pid", str(app.pid)]
            log = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    finally:
        app.kill()
        app.wait()
    assert "handler (" in log
    assert found(log, loaded, tmp_path) == ["blocking.loop-held-in-dump"]
    assert causes(log, loaded, tmp_path)[0] == "blocking.event-loop"
