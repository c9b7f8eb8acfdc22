"""A queue to which more comes than it serves: the arithmetic of a real one, and one that keeps up."""

from __future__ import annotations

import http.client
import json
import math
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.lab.harness import Lab, doctor, wait_launched, write_app
from tests.ports import free_ports

APP = """
    import time

    import gradio as gr


    def work(text):
        time.sleep(0.6)
        return text


    demo = gr.Interface(work, "text", "text", api_name="work")
    demo.queue(default_concurrency_limit={limit})
    demo.launch(server_port={port}, quiet=True, prevent_thread_lock=True)
    open(__file__ + ".up", "w").close()
    demo.block_thread()
"""


def call(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/gradio_api/call/work", '{"data": ["x"]}', {"Content-Type": "application/json"})
        connection.getresponse().read()
    finally:
        connection.close()


@contextmanager
def fed(port: int, every: float) -> Iterator[None]:
    """Clients that come every so many seconds."""
    stop = threading.Event()

    def feed() -> None:
        while not stop.wait(every):
            call(port)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        stop.set()
        feeder.join()


def test_a_growing_queue_with_its_arithmetic_and_one_that_keeps_up(lab: Lab) -> None:
    port = free_ports()[0]
    app = write_app(lab.directory, APP, port=port, limit=2)
    lab.start(app, wait=port)
    wait_launched(app)
    with fed(port, 0.45):  # 2.2 a second, of 3.3 that it can serve
        time.sleep(1)
        doctor("diagnose", app, cwd=lab.directory).assert_healthy()
    for _ in range(40):
        call(port)
    seen: re.Match[str] | None = None
    top: dict[str, Any] = {}
    with fed(port, 0.15):
        for _ in range(4):  # on a busy machine the app may not tell its queue's length forty times in a row
            report = doctor("diagnose", app, "--fail-on", "warning", cwd=lab.directory)
            top = report.assert_first("queue.backlog")
            seen = re.search(r"in \d+ s, (\d+) events came and (\d+) were begun", top["says"] + top["because"])
            if seen:
                break
    assert seen, json.dumps(top, indent=1)
    assert f"default_concurrency_limit=2 ({app}:" in top["because"], top["because"]
    arrived, begun = (int(number) for number in seen.groups())
    assert arrived > begun > 0  # at most 6.7 and 3.3 a second, less where the machine is busy
    remedy = top["remedies"][0]
    needed = int(remedy["commands"][0].partition("LIMIT=")[2].split()[0])
    assert needed == max(3, math.ceil(2 * arrived / begun))
    number, unit = top["says"].partition("the last one for about ")[2].split()[:2]
    seconds = float(number) * (60 if unit.startswith("min") else 1)
    assert 8 <= seconds <= 600  # 40 events or more, at 3.3 a second or, on a busy machine, fewer
