"""A real nginx or Caddy before a real app, configured well or badly, and the diagnosis of it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.evidence import Proxies, Target
from gradio_doctor.examine import examine
from gradio_doctor.probes.base import Options
from gradio_doctor.registry import Loaded
from tests.checks.nginx_lab import NGINX
from tests.ports import free_port

CADDY = Path(sys.executable).with_name("caddyserver")
HOST = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;"
_MAIN = """
daemon off; pid {dir}/nginx.pid; user root; worker_processes 1;
error_log {dir}/error.log info;
events {{ worker_connections {connections}; }}
http {{
  access_log off; server_tokens off;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  {http}
  server {{ listen {listen}; {server} }}
}}
"""


@contextlib.contextmanager
def nginx(
    directory: Path, server: str, *, http: str = "", connections: int = 64, host: str = "127.0.0.1", tls: bool = False,
    prefix: tuple[str, ...] = (), log: Path | None = None,
) -> Iterator[str]:
    """A running nginx; yields its URL. `prefix` is what its command begins with (to enter a namespace)."""
    port = free_port()
    directory.mkdir(parents=True, exist_ok=True)
    listen = f"{host}:{port}" + (" ssl" if tls else "")
    config = directory / "nginx.conf"
    text = _MAIN.format(dir=directory, listen=listen, server=server, http=http, connections=connections)
    config.write_text(text if log is None else text.replace(str(directory / "error.log"), str(log)))
    command = [*prefix, str(NGINX), "-p", str(directory), "-c", str(config), "-e", str(directory / "error.log")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait(host, port, process)
        yield f"{'https' if tls else 'http'}://{host}:{port}"
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def caddy(
    directory: Path, site: str, *, environment: Mapping[str, str] | None = None, scheme: str = "http",
) -> Iterator[str]:
    """A running Caddy with one site; yields its URL."""
    port = free_port()
    config = directory / "Caddyfile"
    config.write_text(f"{{\n admin off\n auto_https off\n}}\n{scheme}://127.0.0.1:{port} {{\n{site}\n}}\n")
    home = {"HOME": str(directory), "XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory)}
    process = subprocess.Popen(
        [str(CADDY), "run", "--config", str(config), "--adapter", "caddyfile"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **home, **(environment or {})},
    )
    try:
        _wait("127.0.0.1", port, process)
        yield f"{scheme}://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait(host: str, port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 0.2):
            return
        assert process.poll() is None and time.monotonic() < end, "the proxy does not start"
        time.sleep(0.02)


def informed(loaded: Loaded, port: int, url: str, config: Path) -> Diagnosis:
    """The diagnosis of an app and its nginx, whose configuration can be read."""
    wanted = Options(proxy=url, invasive="probe", run=False, nginx_conf=str(config))
    return examine(Target("port", f"port:{port}", port=port), wanted, loaded)


def blind(loaded: Loaded, port: int, url: str, **options: object) -> Diagnosis:
    """The diagnosis of an app and its proxy, whose configuration nobody could read: by probing alone."""
    wanted = Options(proxy=url, invasive="probe", run=False, **options)  # type: ignore[arg-type]
    return examine(Target("port", f"port:{port}", port=port), wanted, loaded, given={Proxies: Proxies()})


def ids(diagnosis: Diagnosis) -> list[str]:
    """The causes, the most probable first."""
    return [c.id for c in diagnosis.causes]


def seen(diagnosis: Diagnosis) -> set[str]:
    """The findings behind the causes."""
    return {i.finding for c in diagnosis.causes for i in c.evidence if i.seen}


def said(diagnosis: Diagnosis) -> str:
    """The answer to the question about the proxy, "" when it was not asked."""
    return next((s.answer.en for s in diagnosis.path if s.id == "through"), "")
