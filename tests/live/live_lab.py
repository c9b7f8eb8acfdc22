"""Running apps that are in a known state, and what the two probes and the judgement make of them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gradio_doctor.evidence import Absent, Listeners, Process, Stacks, Threads
from gradio_doctor.live import Judgement, judge
from gradio_doctor.probes.processes import read_process
from gradio_doctor.probes.sockets import probe_listeners
from gradio_doctor.probes.stacks import sample_all
from gradio_doctor.probes.stacks_pyspy import find_pyspy
from gradio_doctor.probes.threads import watch
from gradio_doctor.probes.threads_sockets import Neighbours
from gradio_doctor.probes.watching import Watching, begin_watching
from tests.lab.harness import answers, environment, until, wait_launched
from tests.ports import free_ports
from tests.probes.network_lab import Given

T = TypeVar("T")

# Handlers for every state that an app can get into; {port} is its own, {other} that of a server beside it.
GRADIO = """
import asyncio, ctypes, hashlib, queue, socket, subprocess, sys, threading, time, urllib.request
import gradio as gr

A, B, C = threading.Lock(), threading.Lock(), threading.Lock()
GO = threading.Event()

def compute(seconds):
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        n += sum(range(500))
    return n

def sleeps(x): time.sleep(float(x))
def deeper(x): sleeps(x)
async def loop_sleeps(x): deeper(x)
async def loop_computes(x): compute(float(x))
async def loop_calls_itself(x): urllib.request.urlopen("http://127.0.0.1:{port}/config").read()
async def loop_waits_for_other(x): urllib.request.urlopen("http://127.0.0.1:{other}/").read()
def waits_for_other(x): urllib.request.urlopen("http://127.0.0.1:{other}/").read()
def computes(x): compute(float(x))
def holds_gil(x): ctypes.PyDLL(None).usleep(int(float(x) * 1e6))
async def loop_holds_gil(x): ctypes.PyDLL(None).usleep(int(float(x) * 1e6))
def first_a(x):
    with A:
        time.sleep(0.5)
        with B:
            return x
def first_b(x):
    with B:
        time.sleep(0.5)
        with A:
            return x
def keeps_lock(x):
    with C:
        time.sleep(float(x))
def wants_lock(x):
    with C:
        return x
def runs_child(x): subprocess.run(["sleep", x])
def prints(x):
    while True:
        print("x" * 1000, flush=True)
def quits(x): sys.exit(3)
def echo(x): return x

with gr.Blocks() as demo:
    box = gr.Textbox()
    for f in (sleeps, loop_sleeps, loop_computes, loop_calls_itself, loop_waits_for_other, waits_for_other, computes,
              holds_gil, loop_holds_gil, first_a, first_b, keeps_lock, wants_lock, runs_child, prints, quits, echo):
        box.submit(f, box, box, api_name=f.__name__, concurrency_limit=None)
demo.launch(server_port={port}, quiet=True, prevent_thread_lock=True)
open(__file__ + ".up", "w").close()
demo.block_thread()
"""


@dataclass
class App:
    """A running app, and calls to its endpoints."""

    process: subprocess.Popen[bytes]
    port: int
    file: Path
    prefix: str = "/gradio_api"  # none up to Gradio 4

    @property
    def pid(self) -> int:
        return self.process.pid

    def call(self, name: str, value: object = "30", times: int = 1) -> None:
        """Start an endpoint, and do not wait for what it gives."""
        for _ in range(times):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                headers = {"Content-Type": "application/json"}
                with suppress(TimeoutError, OSError, http.client.HTTPException):
                    body = json.dumps({"data": [str(value)]})
                    connection.request("POST", f"{self.prefix}/call/{name}", body, headers)
                    connection.getresponse().read()
            finally:
                connection.close()

    def line(self, text: str) -> int:
        """The number of the first line of its source with a text."""
        lines = self.file.read_text(encoding="utf-8").splitlines()
        return next(n for n, line in enumerate(lines, 1) if text in line)

    def seen(self) -> Process:
        """The process as the table shows it."""
        found = read_process(self.pid)
        assert found is not None
        return found

    def threads(self, **how: Any) -> Threads:
        """The kernel's view."""
        return watch([self.seen()], self.around(), **how)

    def around(self) -> Neighbours:
        listeners = probe_listeners(Given())
        assert isinstance(listeners, Listeners)
        return Neighbours(listeners, frozenset([self.pid]))

    def stacks(self) -> Stacks:
        """Python's view."""
        return sample_all(find_pyspy(), [self.seen()], lambda _: True)

    def judge(self, **how: Any) -> tuple[Judgement, ...]:
        """What the whole chain says."""
        threads = self.threads()
        return judge(threads, self.stacks(), listeners=probe_listeners(Given()), **how)

    def alive(self) -> bool:
        return self.process.poll() is None and answers(self.port)


@contextmanager
def gradio_app(
    directory: Path, source: str = GRADIO, other: int = 9, output: Any = None, python: str = sys.executable,
) -> Iterator[App]:
    """A Gradio app of ours that serves; killed with its children at the end."""
    port = free_ports()[0]
    filled = source.replace("{port}", str(port)).replace("{other}", str(other))
    with running(directory, filled, port, output, python) as app:
        until(lambda: answers(port), 60, "the app does not serve")
        if ".up" in source:
            wait_launched(app.file)
        yield app


@contextmanager
def running(
    directory: Path, source: str, port: int = 0, output: Any = None, python: str = sys.executable,
    command: list[str] | None = None, preexec: Callable[[], None] | None = None,
) -> Iterator[App]:
    """A Python program of ours, killed with its children at the end."""
    file = directory / "app.py"
    file.write_text(textwrap.dedent(source).lstrip(), encoding="utf-8")
    process = subprocess.Popen(
        command or [python, str(file)], cwd=directory, env=environment(), stdin=subprocess.DEVNULL,
        stdout=output or subprocess.DEVNULL, stderr=subprocess.DEVNULL if output is None else output,
        start_new_session=True, preexec_fn=preexec,
    )
    try:
        yield App(process, port, file)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def kinds(found: tuple[Judgement, ...]) -> list[str]:
    """The kinds, with a question mark after those that are not sure."""
    return [j.kind + ("" if j.sure else "?") for j in found]


def one(found: tuple[Judgement, ...], kind: str) -> Judgement:
    """The judgement of a kind, which must be there once."""
    those = [j for j in found if j.kind == kind]
    assert len(those) == 1, found
    return those[0]


def settle(seconds: float = 0.4) -> None:
    """Give what was just called the time to get where it gets stuck."""
    time.sleep(seconds)


def present(value: object) -> object:
    assert not isinstance(value, Absent), value
    return value


class Asked(Given):
    """A Context that begins to watch when it is asked to, as the table of probes does."""

    def get(self, kind: type[T]) -> T | Absent:
        if kind is not Watching:
            return super().get(kind)
        found: Any = begin_watching(self)
        return found  # type: ignore[no-any-return]

    def on_close(self, clean_up: Callable[[], None]) -> None:
        """The tests wait for the stacks themselves."""
