"""Synthetic logs of a size: a healthy app log with few errors, a dense one, long lines, an nginx log, one line.

And two of nothing but tracebacks: asyncio's without descriptors, handlers whose service refuses connections.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

ERRORS = (
    "ERROR:    [Errno 98] error while attempting to bind on address ('0.0.0.0', 7860): address already in use",
    "OSError: Cannot find empty port in range: 7860-7959. You can specify a different port by setting the "
    "GRADIO_SERVER_PORT environment variable or passing the `server_port` parameter to `launch()`.",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 23.65 GiB",
    "[2026-11-22 10:00:00 +0000] [16] [CRITICAL] WORKER TIMEOUT (pid:17)",
    "RuntimeError: CUDA error: device-side assert triggered",
    "ModuleNotFoundError: No module named 'audioop'",
)
NGINX_ERRORS = (
    "connect() failed (111: Connection refused) while connecting to upstream",
    "upstream prematurely closed connection while reading response header from upstream",
    "upstream timed out (110: Connection timed out) while reading response header from upstream",
)
TRACEBACK = """ERROR:    Exception in ASGI application
Traceback (most recent call last):
  File "/srv/venv/lib/python3.11/site-packages/gradio/queueing.py", line 625, in process_events
    response = await route_utils.call_process_api(
  File "/srv/app/app.py", line {line}, in predict
    return model(prompt)
RuntimeError: CUDA error: an illegal memory access was encountered
"""
LIBRARY = "/usr/lib/python3.11"
ACCEPT = f"""socket.accept() out of system resource
socket: <asyncio.TransportSocket fd=10, family=2, type=1, proto=6, laddr=('127.0.0.1', 7860)>
Traceback (most recent call last):
  File "{LIBRARY}/asyncio/selector_events.py", line 165, in _accept_connection
    conn, addr = sock.accept()
                 ^^^^^^^^^^^^^
  File "{LIBRARY}/socket.py", line 294, in accept
    fd, addr = self._accept()
               ^^^^^^^^^^^^^^
OSError: [Errno 24] Too many open files
"""
HANDLER = f"""Traceback (most recent call last):
  File "{LIBRARY}/urllib/request.py", line 1348, in do_open
    h.request(req.get_method(), req.selector, req.data, headers,
  File "{LIBRARY}/http/client.py", line 1294, in request
    self._send_request(method, url, body, headers, encode_chunked)
  File "{LIBRARY}/socket.py", line 836, in create_connection
    sock.connect(sa)
ConnectionRefusedError: [Errno 111] Connection refused

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/venv/lib/python3.11/site-packages/gradio/queueing.py", line 870, in process_events
    response = await route_utils.call_process_api(
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/app/app.py", line 3, in predict
    return urllib.request.urlopen(SERVICE, timeout=60).read().decode()
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "{LIBRARY}/urllib/request.py", line 1351, in do_open
    raise URLError(err)
urllib.error.URLError: <urlopen error [Errno 111] Connection refused>
"""
WORDS = (
    "image", "prompt", "seed", "steps", "cache", "model", "weights", "0 errors", "done", "queue", "session", "socket",
    "style", "error.css", "warning-free", "in",
)


def _ordinary(choose: random.Random) -> str:
    roll, ip = choose.random(), f"10.0.{choose.randint(0, 255)}.{choose.randint(1, 254)}:{choose.randint(1024, 65000)}"
    if roll < 0.6:
        path = choose.choice(("/gradio_api/queue/join", "/gradio_api/heartbeat/x1", "/assets/index-abc.js", "/config"))
        return f'INFO:     {ip} - "POST {path} HTTP/1.1" 200 OK\n'
    if roll < 0.9:
        words = " ".join(choose.choices(WORDS, k=9))
        return f"2026-11-22 10:{choose.randint(10, 59)}:33,{choose.randint(100, 999)} - app.worker - INFO - {words}\n"
    return f"{choose.randint(1, 100)}%|████████  | 18/20 [00:07<00:00, {choose.random() * 9:.2f}it/s]\n"


def app(choose: random.Random) -> Iterator[str]:
    """An ordinary app log: one error in 10,000 lines, now and then a traceback."""
    while True:
        roll = choose.random()
        if roll < 0.0001:
            yield choose.choice(ERRORS) + "\n"
        elif roll < 0.00012:
            yield TRACEBACK.format(line=choose.randint(10, 40))
        else:
            yield _ordinary(choose)


def dense(choose: random.Random) -> Iterator[str]:
    """Every fifth line is an error."""
    while True:
        yield choose.choice(ERRORS) + "\n" if choose.random() < 0.2 else _ordinary(choose)


def long(choose: random.Random) -> Iterator[str]:
    """Lines of 1 to 9 MB: base64 and progress bars."""
    piece = "".join(choose.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=1 << 16))
    while True:
        for _ in range(choose.randint(16, 140)):
            yield piece
        yield choose.choice(ERRORS) + "\n"
        yield "".join(f"\r{n % 100}%|███████   | {n}/20000" for n in range(20_000)) + "\n"


def nginx(choose: random.Random) -> Iterator[str]:
    """An nginx error log, every fourth line of which is a failed upstream."""
    while True:
        say = choose.choice(NGINX_ERRORS) if choose.random() < 0.25 else "a client request body is buffered"
        yield (
            f"2026/11/22 10:00:{choose.randint(10, 59)} [error] 28#28: *{choose.randint(1, 99999)} {say}, client: "
            f'10.0.0.{choose.randint(1, 254)}, server: _, request: "GET /queue/data HTTP/1.1", '
            'upstream: "http://127.0.0.1:7860/queue/data", host: "example.com"\n'
        )


def one(choose: random.Random) -> Iterator[str]:
    """A single line: base64 and, now and then, an error."""
    piece = "".join(choose.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=1 << 16))
    while True:
        yield piece
        if choose.random() < 0.01:
            yield " " + choose.choice(ERRORS) + " "


def accept(choose: random.Random) -> Iterator[str]:
    """An app out of descriptors: the same traceback without end, hardly anything else."""
    while True:
        yield ACCEPT if choose.random() < 0.999 else _ordinary(choose)


def handler(choose: random.Random) -> Iterator[str]:
    """Handlers that fail all alike, with ordinary lines between their tracebacks."""
    while True:
        yield HANDLER if choose.random() < 0.2 else _ordinary(choose)


KINDS: dict[str, Callable[[random.Random], Iterator[str]]] = {
    "app": app, "dense": dense, "long": long, "nginx": nginx, "one": one, "accept": accept, "handler": handler,
}


def write(kind: str, path: Path, size: int) -> int:
    """Write a log of at least `size` bytes; returns its exact size. 24 MB are made and then repeated."""
    lines, parts, made = KINDS[kind](random.Random(7)), [], 0
    while made < min(size, 24 << 20):
        part = next(lines).encode()
        parts.append(part)
        made += len(part)
    block = b"".join(parts)
    if kind != "one" and not block.endswith(b"\n"):
        block += b"\n"
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(block)
    return path.stat().st_size
