"""Handlers that wait for what nothing in the app will do, beside those that wait for good reason."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.lab.calling import call, queued
from tests.lab.harness import Lab, doctor, until, wait_launched, write_app

APP = """
    import asyncio, concurrent.futures, fcntl, multiprocessing, queue, subprocess, threading, time
    import gradio as gr
    import httpx
    from gradio_client import Client

    lock, items, event = threading.Lock(), queue.Queue(), threading.Event()
    one = concurrent.futures.ThreadPoolExecutor(1)

    def lose_the_lock(text):
        lock.acquire()
        if text == "0":
            raise gr.Error("it is not released")
        lock.release()

    def outer(text):
        return one.submit(len, text).result()

    def wait_in_the_same_pool(text):
        return one.submit(outer, text).result()

    def take_from_nobody(text):
        return items.get()

    def lock_the_file_again(text):
        with open(__file__) as mine:
            fcntl.flock(mine, fcntl.LOCK_EX)

    def wait_for_a_button(text):
        event.wait()

    def take_from_a_thread(text):
        return items.get()

    def fill():
        while True:
            time.sleep(8)
            items.put("x")

    def ask_a_process(text):
        return pool.apply(time.sleep, (12,))

    async def fetch():
        async with httpx.AsyncClient(timeout=50) as client:
            return (await client.get("http://127.0.0.1:{slow}/")).text

    def await_elsewhere(text):
        return asyncio.run_coroutine_threadsafe(fetch(), loop).result()

    def compute(text):
        end = time.monotonic() + 14
        while time.monotonic() < end:
            time.sleep(0.01)

    def read_nothing(text):
        child = subprocess.Popen(["seq", "1000000"], stdout=subprocess.PIPE)
        child.wait()
        return child.stdout.readline().decode()

    def read_late(text):
        child = subprocess.Popen(["sh", "-c", "sleep 12; seq 10"], stdout=subprocess.PIPE)
        child.wait()
        return child.stdout.readline().decode()

    def stop_in_a_debugger(text):
        breakpoint()
        return text

    def ask_the_app(text):
        return Client("http://127.0.0.1:{port}/", verbose=False).predict("x", api_name="/compute")

    def ask_itself(text):
        return Client("http://127.0.0.1:{port}/", verbose=False).predict("x", api_name="/predict")

    if __name__ == "__main__":
        pool = multiprocessing.get_context("fork").Pool(1)
        held = open(__file__)
        fcntl.flock(held, fcntl.LOCK_EX)
        loop = asyncio.new_event_loop()
        if "{handler}" == "await_elsewhere":
            threading.Thread(target=loop.run_forever, daemon=True).start()
        if "{handler}" == "take_from_a_thread":
            threading.Thread(target=fill, daemon=True).start()
        if "{handler}" != "ask_a_process":
            pool.terminate(); pool.join()
        with gr.Blocks() as demo:
            box = gr.Textbox()
            box.submit({handler}, box, box, api_name="predict", concurrency_limit={limit})
            box.change(compute, box, None, api_name="compute")
        demo.launch(server_port={port}, prevent_thread_lock=True, ssr_mode=False)
        open(__file__ + ".up", "w").close()
        demo.block_thread()
"""


@pytest.fixture(scope="module")
def slow() -> Iterator[int]:
    """A server that takes its time, and answers in the end."""

    class Late(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(14)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Late)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def used(
    lab: Lab, port: int, handler: str, slow: int, *, users: int, limit: int, stdin: int = subprocess.DEVNULL
) -> None:
    """Start the app, and let some people use it; wait until those have come who find no slot free."""
    app = write_app(lab.directory, APP, handler=handler, port=port, slow=slow, limit=limit)
    lab.start(app, wait=port, stdin=stdin)
    wait_launched(app)
    for number in range(users):
        threading.Thread(target=call, args=(port, str(number)), daemon=True).start()
        time.sleep(0.3)
    until(lambda: queued(port) >= (users > limit), 30, "the queue does not fill")
    time.sleep(3)  # what is shorter is not worth a word


@pytest.mark.parametrize(
    "handler", ["lose_the_lock", "wait_in_the_same_pool", "take_from_nobody", "lock_the_file_again", "ask_itself"],
)
def test_nothing_will_end_the_wait(lab: Lab, port: int, slow: int, handler: str) -> None:
    limit = 4 if handler == "wait_in_the_same_pool" else 1
    used(lab, port, handler, slow, users=limit + 2, limit=limit)
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("blocking.deadlock")
    assert top["location"]["function"] == handler
    assert ("this very app" if handler == "ask_itself" else "nobody") in top["says"]


def test_a_child_whose_output_nobody_reads(lab: Lab, port: int, slow: int) -> None:
    used(lab, port, "read_nothing", slow, users=1, limit=1)
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("blocking.deadlock")
    assert top["location"]["function"] == "read_nothing" and "what it prints" in top["says"]


def test_a_breakpoint(lab: Lab, port: int, slow: int) -> None:
    """One user is enough: no handler should wait at a terminal."""
    master, slave = os.openpty()
    try:
        used(lab, port, "stop_in_a_debugger", slow, users=1, limit=1, stdin=slave)
        top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("blocking.deadlock")
    finally:
        os.close(slave)
        os.close(master)
    assert top["location"]["function"] == "stop_in_a_debugger" and "debugger" in top["says"]


@pytest.mark.parametrize(("handler", "users"), [
    ("wait_for_a_button", 1), ("take_from_a_thread", 3), ("ask_a_process", 3), ("await_elsewhere", 3),
    ("ask_the_app", 2), ("read_late", 1),
])
def test_waits_for_good_reason(lab: Lab, port: int, slow: int, handler: str, users: int) -> None:
    used(lab, port, handler, slow, users=users, limit=1)
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()
