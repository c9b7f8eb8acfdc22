"""Users of an app: they join its queue over HTTP, as the page does."""

from __future__ import annotations

import http.client
import json
import urllib.request
from contextlib import suppress


def call(port: int, text: str) -> None:
    """Call the handler named predict, and listen as the page does; what comes is of no interest."""
    base = f"http://127.0.0.1:{port}/gradio_api/call/predict"
    request = urllib.request.Request(
        base, json.dumps({"data": [text]}).encode(), {"Content-Type": "application/json"})
    with suppress(OSError, http.client.HTTPException), urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        event = json.load(answer)["event_id"]
        with urllib.request.urlopen(f"{base}/{event}", timeout=120) as told:  # noqa: S310
            told.read()


def queued(port: int) -> int:
    """How many events wait in the queue of an app."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/gradio_api/queue/status", timeout=20) as answer:
        return int(json.load(answer)["queue_size"])
