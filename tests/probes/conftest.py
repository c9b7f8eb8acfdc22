"""Real processes for the tests of probes, and a context to run a probe in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from gradio_doctor.evidence import Absent, Target
from gradio_doctor.probes.base import Options

SERVER = """\
import http.server, os, sys
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
with open(sys.argv[1] + ".part", "w") as file:
    file.write(f"{os.getpid()} {server.server_address[1]}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
server.serve_forever()
"""


class FakeContext:
    """A context that has the evidence it was given, and gathers the rest with the probes it was given."""

    def __init__(self, target: Target, evidence: Mapping[type, Any], probes: Mapping[type, Any]) -> None:
        self.target = target
        self.options = Options()
        self.evidence = dict(evidence)
        self.probes = probes

    def get(self, kind: type) -> Any:
        if kind not in self.evidence:
            probe = self.probes.get(kind)
            self.evidence[kind] = probe(self) if probe else Absent(f"no {kind.__name__} in this test")
        return self.evidence[kind]

    def known(self, kind: type) -> Any:
        return self.evidence.get(kind)

    def forget(self, *kinds: type) -> None:
        for kind in kinds:
            self.evidence.pop(kind, None)

    def on_close(self, clean_up: Callable[[], None]) -> None:
        raise AssertionError(f"these probes leave nothing to clean up: {clean_up}")

    def note(self, text: str) -> None:
        assert text


class Lab:
    """Starts processes in a directory, and ends every one of them, orphans too."""

    server = SERVER

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mark = f"GRADIO_DOCTOR_TEST_{os.getpid()}_{time.monotonic_ns()}"
        self.started: list[subprocess.Popen[bytes]] = []

    def write(self, name: str, text: str = SERVER) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, *command: str, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        variables = {**os.environ, **(env or {}), self.mark: "1"}
        options.setdefault("cwd", self.directory)
        process: subprocess.Popen[bytes] = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, **options)
        self.started.append(process)
        return process

    def python(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        return self.start(sys.executable, *arguments, **options)

    def serve(self, script: str = "app.py", **options: Any) -> tuple[int, int]:
        """A running server in that script: its pid and its port."""
        ready = f"ready{len(self.started)}"
        self.python(script, ready, **options)
        return self.ready(ready)

    def ready(self, name: str) -> tuple[int, int]:
        """What a process wrote into a file when it was ready: its pid and its port (or any number)."""
        self.wait(lambda: (self.directory / name).exists())
        pid, number = (self.directory / name).read_text().split()
        return int(pid), int(number)

    def wait(self, condition: Callable[[], Any], seconds: float = 20.0) -> None:
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, "waited in vain"
            time.sleep(0.02)

    def orphan(self, *command: str, **options: Any) -> None:
        """Start a command whose parent, a shell in a session of its own, ends at once."""
        self.start("/bin/sh", "-c", '"$@" & ', "sh", *command, start_new_session=True, **options).wait()

    def close(self) -> None:
        ours = [p for p in psutil.process_iter() if self._is_ours(p)]
        for process in ours:
            process.send_signal(signal.SIGKILL)
        for popen in self.started:
            popen.wait(10)
        psutil.wait_procs(ours, timeout=10)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return self.mark in process.environ()
        except (psutil.Error, OSError):
            return False


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def make_context() -> Callable[..., FakeContext]:
    """context(target, {Evidence: value}) with the real probes of processes, sockets and instances."""
    from gradio_doctor.evidence import Instances, Listeners, Processes
    from gradio_doctor.probes.instances import probe_instances
    from gradio_doctor.probes.processes import probe_processes
    from gradio_doctor.probes.sockets import probe_listeners

    probes = {Processes: probe_processes, Listeners: probe_listeners, Instances: probe_instances}

    def make(target: Target | None = None, evidence: Mapping[type, Any] | None = None) -> FakeContext:
        return FakeContext(target or Target("none", ""), evidence or {}, probes)

    return make
