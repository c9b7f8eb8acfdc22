"""Whether a long queue moves: its length is asked several times, by the request that leaves no trace in the app."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from gradio_doctor.evidence import Absent, HttpAnswers, QueueWatch
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.exchange import Request, Server, ask

_LONG = 10  # waiting events; fewer are not worth the time
_SECONDS = 2.0
_LOOKS = 40  # an arrival and a beginning between two looks cancel out


def probe_queue(context: Context) -> QueueWatch | Absent:
    """The queue's length, once when it is short, else forty more times over two seconds."""
    http = context.get(HttpAnswers)
    if isinstance(http, Absent):
        return http
    answer = http.get("queue-size")
    size = answer.queue_size if answer is not None else None
    if answer is None or size is None:
        return Absent("the app does not tell how many events wait")
    if size < _LONG:
        return QueueWatch((size,), 0.0)
    return watch_queue(answer.url, size)


def watch_queue(url: str, size: int, seconds: float = _SECONDS, looks: int = _LOOKS) -> QueueWatch | Absent:
    """Ask a queue's address `looks` times over `seconds`; `size` is what it said a moment ago."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    server = Server(parts.hostname or "", port, parts.scheme == "https")
    started, sizes = time.monotonic(), [size]
    for turn in range(looks):
        time.sleep(max(0.0, started + (turn + 1) * seconds / looks - time.monotonic()))
        told = ask(server, Request("queue-size", "GET", parts.path)).answer.queue_size
        if told is None:
            return Absent("the app stopped telling how many events wait")
        sizes.append(told)
    return QueueWatch(tuple(sizes), time.monotonic() - started)
