"""One real nginx before one real Gradio app, what its configuration is said to break, and what a browser would see."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gradio_doctor.engine import Examination
from gradio_doctor.evidence import (
    AppSource,
    Environment,
    HttpAnswers,
    Instances,
    Interpreter,
    Listeners,
    Processes,
    Proxies,
    Target,
    WantedAddress,
)
from gradio_doctor.probes.base import Options, Probe
from gradio_doctor.probes.table import live_probes
from gradio_doctor.registry import load
from gradio_doctor.sdk import Finding
from tests.checks.nginx_lab import NGINX
from tests.lab.harness import until
from tests.ports import free_ports

APP = """
    import pathlib, time
    import gradio as gr

    def stream(text):
        for number in range(4):
            time.sleep(0.2)
            yield str(number)

    def late(text):
        time.sleep(1.6)
        return "done"

    with gr.Blocks() as demo:
        box, out = gr.Textbox(), gr.Textbox()
        gr.Button().click(stream, box, out, api_name="stream")
        gr.Button().click(late, box, out, api_name="late")
    demo.launch(server_port={port}, prevent_thread_lock=True, auth={auth})
    pathlib.Path(__file__ + ".up").touch()
    demo.block_thread()
"""
_KINDS = (Processes, Listeners, Instances, Environment, AppSource, Interpreter, WantedAddress, HttpAnswers)
_MAIN = """daemon off; master_process off; pid {dir}/nginx.pid; user root;
error_log {dir}/error.log info;
events {{ worker_connections 128; }}
http {{
  access_log off; proxy_cache_path {dir}/cache keys_zone=kept:1m;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  limit_req_zone $binary_remote_addr zone=few:1m rate=5r/s;
  {server_wide}
  server {{
    listen 127.0.0.1:{port} {tls};
{location}
  }}
}}
"""


@dataclass
class Behind:
    """An app that runs, with all that is known of it; a new nginx for each configuration."""

    directory: Path
    app: Path
    port: int  # of the app

    def __post_init__(self) -> None:
        self.proxy = free_ports()[0]
        self.loaded = load(plugins=False)
        options = Options(run=False)
        probes = live_probes(())
        with Examination(Target("script", str(self.app), script=str(self.app)), options, probes,
                         self.loaded.knowledge, self.loaded.checks, print) as examination:
            self.known = {kind: examination.get(kind) for kind in _KINDS}

    def config(self, location: str, server_wide: str = "", tls: str = "") -> Path:
        path = self.directory / "nginx.conf"
        filled = location.replace("APP", f"127.0.0.1:{self.port}")
        path.write_text(_MAIN.format(
            dir=self.directory, port=self.proxy, server_wide=server_wide, location=filled, tls=tls,
        ))
        return path

    @contextlib.contextmanager
    def nginx(self, location: str, server_wide: str = "", tls: str = "") -> Iterator[Path]:
        """nginx with that location; yields its configuration file."""
        config = self.config(location, server_wide, tls)
        command = [str(NGINX), "-p", str(self.directory), "-c", str(config), "-e", str(self.directory / "error.log")]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until(lambda: _accepts(self.proxy), 10, f"nginx does not start: {config.read_text()}")
            yield config
        finally:
            process.terminate()
            process.wait(10)

    def findings(self, config: Path) -> dict[str, Finding]:
        """What the checks of the family say of a configuration: by id, only what is seen."""
        target = Target("script", str(self.app), script=str(self.app))
        given: dict[type, Probe] = {kind: _giving(value) for kind, value in self.known.items()}
        probes = {**live_probes(()), **given}
        checks = [c for c in self.loaded.checks if c.id.startswith("proxy-config-")]
        options = Options(run=False, nginx_conf=str(config))
        with Examination(target, options, probes, self.loaded.knowledge, checks, print) as examination:
            assert isinstance(examination.get(HttpAnswers), HttpAnswers)
            proxies = examination.get(Proxies)
            assert isinstance(proxies, Proxies), proxies
            assert proxies.ours, proxies
            for one in checks:
                examination.run(one)
            assert not [r for r in examination.runs.values() if r.outcome == "failed"], examination.runs
            return {f.id: f for f in examination.findings if f.seen}

    def get(self, path: str, *, tls: bool = False, **headers: str) -> tuple[int, bytes]:
        return self.ask("GET", path, tls=tls, headers=headers)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None, *,
        tls: bool = False,
    ) -> tuple[int, bytes]:
        """Status and body, through nginx."""
        context = ssl._create_unverified_context() if tls else None  # noqa: S323 - our own nginx
        connection = (http.client.HTTPSConnection("127.0.0.1", self.proxy, timeout=10, context=context) if tls
                      else http.client.HTTPConnection("127.0.0.1", self.proxy, timeout=10))
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def root(self, prefix: str = "", *, tls: bool = False) -> str:
        """Where the page would send its calls."""
        status, body = self.get(f"{prefix}/config", tls=tls)
        return str(json.loads(body)["root"]) if status == 200 else f"status {status}"

    def calls(self, prefix: str) -> int:
        """The status of a call that the page under a path makes, by its own idea of where to send it."""
        root = self.root(prefix)
        if not root.startswith("http"):
            return int(root.removeprefix("status "))
        return self.get(root.partition(f":{self.proxy}")[2] + "/gradio_api/app_id")[0]

    def stream(self, name: str = "stream") -> tuple[float, bool]:
        """Seconds from the first event to the last, and whether the stream came to its end."""
        status, body = self.ask(
            "POST", f"/gradio_api/call/{name}", b'{"data":["x"]}', {"content-type": "application/json"}
        )
        assert status == 200, body
        path = f"/gradio_api/call/{name}/{json.loads(body)['event_id']}"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.proxy, timeout=20)) as connection:
            connection.request("GET", path, headers={"accept-encoding": "gzip"})
            answer = connection.getresponse()
            times = []
            try:
                while answer.read1(65536):
                    times.append(time.monotonic())
            except (http.client.IncompleteRead, OSError):
                return 0.0, False
        return times[-1] - times[0], True


def _giving(value: object) -> Probe:
    return lambda _: value


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def outer_address() -> str:
    """An address of an interface that is not the loopback; ::1, when this namespace has no other."""
    from gradio_doctor.probes.proxies.probe import own_addresses

    found = [a for a in own_addresses() if ":" not in a and not a.startswith("127.")]
    if found:
        return found[0]
    with socket.socket(socket.AF_INET6) as trial:
        trial.bind(("::1", 0))
    return "127.0.0.2"
