"""Making apps, running them and their faults for real, and asking gradio-doctor about them."""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import psutil

HEALTHY = """
    import gradio as gr

    def greet(name):
        return f"Hello, {{name}}!"

    gr.Interface(greet, "text", "text").launch(server_port={port})
"""
STARTED_SECONDS = 60
CAP_NET_BIND_SERVICE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER = 10, 1, 2, 3  # linux/capability.h
_PR_CAPBSET_DROP = 24


def environment(**changes: str) -> dict[str, str]:
    """The environment of the lab: no telemetry, no proxies, no leftovers of the caller's Gradio settings."""
    drop = ("GRADIO_", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "no_proxy")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return {**kept, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "PATH": path, **changes}


def write_app(directory: Path, source: str, name: str = "app.py", /, **values: object) -> Path:
    """Write an app, with {placeholders} filled."""
    path = directory / name
    path.write_text(textwrap.dedent(source).lstrip().format(**values), encoding="utf-8")
    return path


class Lab:
    """One test's processes; everything started through it is gone when it closes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.started: list[int] = []

    def start(
        self, app: Path, *, wait: int | None, env: Mapping[str, str] | None = None,
        preexec: Callable[[], None] | None = None, python: str = sys.executable, stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start an app as a child of ours, its output in app.log beside it; wait until it answers on a port."""
        with (app.parent / "app.log").open("ab") as log:
            process = subprocess.Popen(
                [python, str(app)], cwd=app.parent, env=environment(**(env or {})), stdin=stdin,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=preexec,
            )
        self.started.append(process.pid)
        if wait is not None:
            wait_serving(wait)
        return process

    def run_python(self, python: Path, app: Path, log: IO[bytes]) -> int:
        """Run an app that is expected to fail, with a Python of its own; returns its exit status."""
        process = subprocess.Popen(
            [str(python), str(app)], cwd=app.parent, env=environment(), stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )
        self.started.append(process.pid)
        return process.wait(STARTED_SECONDS)

    def orphan(self, app: Path, *, wait: int, env: Mapping[str, str] | None = None) -> int:
        """Start an app whose parent ends at once, as a closed terminal leaves it. Returns its pid."""
        command = f'"{sys.executable}" "{app}" >>"{app.parent}/app.log" 2>&1 </dev/null & echo $!'
        done = subprocess.run(
            ["sh", "-c", command], cwd=app.parent, env=environment(**(env or {})), capture_output=True, check=True,
            start_new_session=True,
        )
        pid = int(done.stdout)
        self.started.append(pid)
        wait_serving(wait)
        return pid

    def close(self) -> None:
        """Kill what was started, and whatever still runs a file of our directory."""
        spared = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
        for process in psutil.process_iter(["cmdline", "cwd"]):
            words = [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
            mine = process.pid in self.started or any(str(self.directory) in w for w in words)
            if mine and process.pid not in spared:
                with_kill(process.pid)


def with_kill(pid: int) -> None:
    """SIGKILL, if it is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_serving(port: int, seconds: float = STARTED_SECONDS) -> None:
    """Wait until something answers HTTP on a port."""
    until(lambda: answers(port), seconds, f"nothing answers on port {port}")


def wait_launched(app: Path) -> None:
    """Wait until launch() has come back in an app that then creates FILE.up.

    An app answers earlier than that, but a handler that blocks the loop meanwhile makes launch() itself fail: it asks
    its own address last of all ("When localhost is not accessible", gradio/blocks.py).
    """
    until(Path(f"{app}.up").exists, STARTED_SECONDS, f"launch() of {app} does not come back")


def answers(port: int) -> bool:
    """True when HEAD /config is answered, with whatever status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("HEAD", "/config")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


def without_capabilities(*capabilities: int) -> Callable[[], None]:
    """A preexec function that takes capabilities away for good (prctl(2) PR_CAPBSET_DROP)."""
    libc = ctypes.CDLL(None)

    def drop() -> None:
        for capability in capabilities:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)

    return drop


class Report:
    """The answer of one run of gradio-doctor."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.status = done.returncode
        self.stderr = done.stderr
        assert done.stdout, done.stderr
        self.data: dict[str, Any] = json.loads(done.stdout)

    @property
    def ids(self) -> list[str]:
        return [c["id"] for c in self.data["causes"]]

    @property
    def top(self) -> dict[str, Any]:
        assert self.data["causes"], self.describe()
        cause: dict[str, Any] = self.data["causes"][0]
        return cause

    def describe(self) -> str:
        causes = [(c["id"], c["probability"], c["because"]) for c in self.data["causes"]]
        rest = [self.data[key] for key in ("verdict", "path", "symptoms")]
        return json.dumps([self.status, causes, *rest], indent=1)

    def assert_first(self, cause: str) -> dict[str, Any]:
        """The cause is the root, and the exit status says so."""
        assert self.ids[:1] == [cause], self.describe()
        assert self.top["role"] == "root", self.describe()
        assert self.status == 1, self.describe()
        return self.top

    def assert_healthy(self) -> None:
        assert self.data["verdict"] == "healthy", self.describe()
        assert not self.ids, self.describe()
        assert self.status == 0


def doctor(
    *arguments: object, cwd: Path, env: Mapping[str, str] | None = None, preexec: Callable[[], None] | None = None,
) -> Report:
    """Run gradio-doctor with a JSON report, as a person would.

    Not as `python -m gradio_doctor`, which would put `cwd` on the path, and with it the app's own random.py.
    """
    command = [str(Path(sys.executable).with_name("gradio-doctor")), *map(str, arguments), "--json"]
    done = subprocess.run(
        command, cwd=cwd, env=environment(**(env or {})), capture_output=True, text=True, timeout=170,
        stdin=subprocess.DEVNULL, preexec_fn=preexec, check=False,
    )
    return Report(done)


def write_files(directory: Path, files: Mapping[str, str], /, **values: object) -> None:
    """Write an app of several files, with {placeholders} filled; a name may lead into folders, which are made."""
    for name, source in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        write_app(directory, source, name, **values)
