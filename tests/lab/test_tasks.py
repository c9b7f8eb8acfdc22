"""Handlers that await for ever, on a Python that lets others see what its tasks await: pytest -m newest.

No package of PyPI or of Debian stable brings that Python; so these are deselected otherwise, as those of a GPU are, and
nothing passes by being skipped. What it prints stands in tests/probes/test_tasks.py.
"""

from __future__ import annotations

import os
import threading
import time

import pytest

from tests.lab.calling import call, queued
from tests.lab.harness import Lab, doctor, until, wait_launched, write_app

pytestmark = pytest.mark.newest

APP = """
    import asyncio, threading, time
    import gradio as gr

    lock, event, items = asyncio.Lock(), asyncio.Event(), asyncio.Queue()

    async def lose_the_lock(text):
        await lock.acquire()
        if text == "0":
            raise gr.Error("it is not released")
        lock.release()

    async def take_it_twice(text):
        async with lock:
            return await inner(text)

    async def inner(text):
        async with lock:
            return text

    async def await_nobody(text):
        await event.wait()

    async def hold_and_rest(text):
        async with lock:
            await asyncio.sleep(12)

    async def await_a_task(text):
        asyncio.get_running_loop().create_task(fill())
        return await items.get()

    async def fill():
        await asyncio.sleep(12)
        await items.put("x")

    async def await_a_thread(text):
        loop = asyncio.get_running_loop()
        threading.Thread(target=fill_later, args=(loop,)).start()
        return await items.get()

    def fill_later(loop):
        time.sleep(12)
        loop.call_soon_threadsafe(items.put_nowait, "x")

    async def await_a_button(text):
        await event.wait()

    with gr.Blocks() as demo:
        box = gr.Textbox()
        box.submit({handler}, box, box, api_name="predict", concurrency_limit={limit})
        gr.Button().click(event.set)
    demo.launch(server_port={port}, prevent_thread_lock=True, ssr_mode=False)
    open(__file__ + ".up", "w").close()
    demo.block_thread()
"""


def used(lab: Lab, port: int, handler: str, *, users: int, limit: int) -> None:
    app = write_app(lab.directory, APP, handler=handler, port=port, limit=limit)
    lab.start(app, wait=port, python=os.environ["GRADIO_DOCTOR_NEWEST"])
    wait_launched(app)
    for number in range(users):
        threading.Thread(target=call, args=(port, str(number)), daemon=True).start()
        time.sleep(0.3)
    until(lambda: queued(port) >= (users > limit), 30, "the queue does not fill")
    time.sleep(1)


@pytest.mark.parametrize(("handler", "at", "limit"), [
    ("lose_the_lock", "lose_the_lock", 4), ("take_it_twice", "inner", 1), ("await_nobody", "await_nobody", 1),
])
def test_nobody_will_end_it(lab: Lab, port: int, handler: str, at: str, limit: int) -> None:
    used(lab, port, handler, users=3, limit=limit)
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("blocking.deadlock")
    assert top["location"]["function"] == at and "nobody" in top["says"]


@pytest.mark.parametrize(("handler", "users"), [
    ("hold_and_rest", 3), ("await_a_task", 2), ("await_a_thread", 2), ("await_a_button", 1),
])
def test_somebody_will(lab: Lab, port: int, handler: str, users: int) -> None:
    used(lab, port, handler, users=users, limit=1)
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()
