"""Several real processes of one app: replicas behind a real nginx, sticky or not, and workers of which one hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.checks.nginx_lab import NGINX
from tests.lab.harness import answers, doctor, environment, until, write_app
from tests.lab.test_servers import APP, SLOW_LINE, ask, call_slow, echoes
from tests.ports import free_ports

CONFIG = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log; user root;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  upstream apps {{ {sticky} server 127.0.0.1:{one}; server 127.0.0.1:{two}; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://apps; proxy_http_version 1.1; proxy_read_timeout 1h; client_max_body_size 100m;
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""


@contextmanager
def running(folder: Path, *command: str) -> Iterator[None]:
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(HOME=str(folder)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def uvicorn(port: int, *flags: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), *flags)


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[int]]]:
    folder, ports = tmp_path_factory.mktemp("replicas"), free_ports(3)
    write_app(folder, APP, keyword="async ")
    with running(folder, *uvicorn(ports[0])), running(folder, *uvicorn(ports[1])):
        until(lambda: answers(ports[0]) and answers(ports[1]), 90, "no replicas")
        yield folder, ports


@contextmanager
def proxied(folder: Path, ports: list[int], sticky: str) -> Iterator[None]:
    text = CONFIG.format(dir=folder, sticky=sticky, one=ports[0], two=ports[1], port=ports[2])
    (folder / "nginx.conf").write_text(text)
    with running(folder, str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")):
        until(lambda: answers(ports[2]), 30, "no proxy")
        yield


def test_replicas_in_turn_and_the_remedy_that_makes_them_sticky(replicas: tuple[Path, list[int]]) -> None:
    folder, ports = replicas
    with proxied(folder, ports, ""):
        assert echoes(ports[2], 8) < 8  # what visitors see
        doctor("diagnose", f"port:{ports[2]}", cwd=folder).assert_first("server.multi-worker")
        top = doctor("diagnose", f"port:{ports[0]}", cwd=folder).assert_first("server.multi-worker")
        assert "server.replicas-in-turn" in [e["finding"] for e in top["evidence"] if e["seen"]]
        commands = [c for r in top["remedies"] for c in r["commands"]]
        assert any("ip_hash; in the upstream block" in c for c in commands), commands
    (folder / "server.log").write_text("")  # it tells of what went wrong until now
    for sticky in ("ip_hash;", "hash $remote_addr consistent;"):
        with proxied(folder, ports, sticky):
            assert echoes(ports[2], 4) == 4
            doctor("diagnose", f"port:{ports[0]}", cwd=folder).assert_healthy()


def test_one_worker_of_two_hangs_and_the_other_answers(tmp_path: Path) -> None:
    port = free_ports()[0]
    write_app(tmp_path, APP, keyword="async ")
    with running(tmp_path, *uvicorn(port, "--workers", "2")):
        until(lambda: answers(port), 90, "no server")
        until(lambda: len({ask(port, "GET", "/gradio_api/app_id")[1] for _ in range(12)}) == 2, 60, "one worker")
        doctor("diagnose", f"port:{port}", cwd=tmp_path).assert_first("server.multi-worker")
        call_slow(port, 60)
        top = doctor("diagnose", f"port:{port}", cwd=tmp_path).assert_first("blocking.event-loop")
        assert top["location"]["line"] == SLOW_LINE and top["location"]["function"] == "slow"
