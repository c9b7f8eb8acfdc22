"""Real servers, good and hostile, and a Context that gives what a test puts into it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gradio_doctor.evidence import Absent, HttpAnswers, Target
from gradio_doctor.probes.app_address import AppAddress
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.http import ask_app

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Given:
    """A Context whose evidence is given; `asked` notes what was asked for. Values may be functions (lazy)."""

    target: Target = field(default_factory=lambda: Target("none", ""))
    options: Options = field(default_factory=Options)
    evidence: tuple[object, ...] = ()
    asked: list[type] = field(default_factory=list)

    def get(self, kind: type[T]) -> T | Absent:
        self.asked.append(kind)
        return next((e for e in self.evidence if isinstance(e, kind)), Absent(f"no {kind.__name__} given"))

    def known(self, kind: type[T]) -> T | Absent | None:
        return next((e for e in self.evidence if isinstance(e, kind)), None)

    def forget(self, *kinds: type) -> None:
        raise AssertionError(f"a probe that only reads forgets nothing, least of all {kinds}")

    def on_close(self, clean_up: Callable[[], None]) -> None:
        raise AssertionError(f"nothing to clean up: {clean_up}")

    def note(self, text: str) -> None:
        raise AssertionError(f"nothing to tell: {text}")


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Polls until it holds; fails the test when it does not in time."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f"did not come true in {seconds} s")


@contextmanager
def child(
    code: str, *arguments: str, environment: Mapping[str, str] | None = None, command: list[str] | None = None,
    cwd: Path | None = None, executable: str = sys.executable,
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A process of our own that has printed its first line; it and what it forked is killed at the end."""
    process = subprocess.Popen(
        command or [executable, "-c", code, *arguments], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=cwd,
        env={**os.environ, **(environment or {})}, start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().decode().strip()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


Behaviour = Callable[[socket.socket], None]


@contextmanager
def server(behave: Behaviour) -> Iterator[int]:
    """A server on a free port of 127.0.0.1 that treats each connection in a thread of its own."""
    done = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.1)

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(10)
            behave(connection)

    def accept() -> None:
        while not done.is_set():
            with suppress(TimeoutError):
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        done.set()
        thread.join(5)
        listening.close()


def answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole HTTP answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def read_request(connection: socket.socket) -> bytes:
    """The request as it came, its body included."""
    data = b""
    while b"\r\n\r\n" not in data and (part := connection.recv(4096)):
        data += part
    return data


def ask_at(port: int, *prefixes: str, shared: bool = False) -> HttpAnswers:
    """What is answered on a port of 127.0.0.1."""
    return ask_app(AppAddress("127.0.0.1", port, prefixes=prefixes or ("",), shared=shared))


def told(found: HttpAnswers) -> dict[str, int | str]:
    """Each probe with its status, or with its outcome when it has none."""
    return {a.probe: a.status or a.outcome for a in reversed(found.answers)}


def says(*parts: bytes, pause: float = 0.0, stay: float = 0.0) -> Callable[[socket.socket], None]:
    """A server that reads the request, then sends parts with pauses, and stays before it hangs up."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        time.sleep(stay)

    return behave
