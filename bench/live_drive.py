"""Starts the app of a scenario, brings it into its state, and takes everything down again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path

_START_SECONDS = 90


class Driver:
    """One running app. `python` runs it; the port is free when it starts."""

    def __init__(self, directory: Path, python: str = sys.executable) -> None:
        self.app = directory / "app.py"
        self.python = python
        self.port = _free_port()
        self._prefix = "/gradio_api"
        self._ended = threading.Event()
        self._pids: list[int] = []
        self._sockets: list[socket.socket] = []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the app and wait until it serves. Raises RuntimeError when it does not."""
        fixed = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
        environment = {**os.environ, **fixed}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [self.python, str(self.app), str(self.port)], cwd=self.app.parent, env=environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        self._pids.append(self.process.pid)
        end = time.monotonic() + _START_SECONDS
        while not (self.answers("/config") and self._launched()):
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(self._log.read_text()[-800:])
            time.sleep(0.1)
        self._prefix = "/gradio_api" if self.answers("/gradio_api/app_id") else ""

    @property
    def _log(self) -> Path:
        return self.app.with_suffix(".log")

    def _launched(self) -> bool:
        """An app answers before launch() asks its own address, and ends when a handler blocks that one request."""
        return ".launch(" not in self.app.read_text() or "To create a public link" in self._log.read_text()

    def close(self) -> None:
        """Kill everything that was started."""
        self._ended.set()
        for pid in self._pids:
            with suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        for one in self._sockets:
            one.close()

    def restart(self) -> None:
        """A fresh process, asked for the first time."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.start()

    # -- requests

    def answers(self, path: str, seconds: float = 1.0) -> bool:
        """True when a page is answered in time."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=seconds):
                return True
        except urllib.error.HTTPError:
            return path != "/gradio_api/app_id"
        except OSError:
            return False

    def until_silent(self, path: str = "/nothing-here") -> None:
        """Wait until the app no longer answers. Raises TimeoutError."""
        end = time.monotonic() + 20
        while self.answers(path, 0.7):
            if time.monotonic() > end:
                raise TimeoutError("the app still answers")
            time.sleep(0.1)

    def send(self, name: str, count: int = 1, value: str = "x") -> None:
        """Start events without waiting for what comes of them."""
        for _ in range(count):
            threading.Thread(target=self._send, args=(name, value, 10.0), daemon=True).start()
        time.sleep(0.3)

    def call(self, name: str, value: str = "x", seconds: float = 30.0) -> str:
        """Run one event to its end; "" when nothing came of it."""
        event = self._send(name, value, seconds)
        if not event:
            return ""
        url = f"http://127.0.0.1:{self.port}{self._prefix}/call/{name}/{event}"
        with suppress(OSError, ValueError, HTTPException), urllib.request.urlopen(url, timeout=seconds) as answer:
            return str(answer.read().decode())
        return ""

    def _send(self, name: str, value: str, seconds: float) -> str:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{self._prefix}/call/{name}", json.dumps({"data": [value]}).encode(),
            {"Content-Type": "application/json"},
        )
        with suppress(OSError, ValueError, KeyError, HTTPException), _open(request, seconds) as answer:
            return str(json.loads(answer.read())["event_id"])
        return ""

    def load(self, name: str, clients: int, *, pause: float = 0.0, value: str = "x") -> None:
        """Clients that run one event after the other, until the end."""
        def client() -> None:
            while not self._ended.wait(pause):
                self.call(name, value, 10.0)

        self._clients(client, clients)

    def load_pages(self, clients: int) -> None:
        """Clients that fetch what a browser fetches."""
        def client() -> None:
            while not self._ended.is_set():
                for path in ("/config", "/theme.css", "/nothing-here", f"{self._prefix}/app_id"):
                    self.answers(path, 10)

        self._clients(client, clients)

    def _clients(self, client: Callable[[], None], clients: int) -> None:
        for _ in range(clients):
            threading.Thread(target=client, daemon=True).start()
        time.sleep(1.5)

    def get_and_leave(self, path: str) -> None:
        """Ask for a page and do not wait for it."""
        threading.Thread(target=self.answers, args=(path, 60), daemon=True).start()
        time.sleep(0.5)

    # -- the surroundings

    def rest(self, seconds: float) -> None:
        """Let the state settle."""
        time.sleep(seconds)

    def suspend(self) -> None:
        """Ctrl-Z."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def kill_parent(self) -> None:
        """Kill the app's main process, once it has forked; its children live on."""
        time.sleep(1.0)
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        time.sleep(0.3)

    def silent_server(self) -> str:
        """The port of a server that accepts and never answers."""
        return self._server(b"")

    def slow_server(self) -> str:
        """The port of a server that sends its head and then nothing more."""
        return self._server(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 10)

    def _server(self, said: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._sockets.append(server)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    self._sockets.append(connection)
                    if said:
                        connection.recv(4096)
                        connection.sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        return str(server.getsockname()[1])


def _open(request: urllib.request.Request, seconds: float) -> HTTPResponse:
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=seconds)  # noqa: S310 - our own address
    return answer


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])
