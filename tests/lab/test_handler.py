"""Handlers that raise when they are called, seen in the app's log. Each fault beside its healthy twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lab.harness import Lab, doctor, write_files

APP = """
    import gradio as gr
    import handlers

    with gr.Blocks() as demo:
        text = gr.Textbox()
        text.submit(handlers.{function}, text, gr.Textbox(), api_name="ask")

    if __name__ == "__main__":
        demo.launch(server_port={port})
"""
HANDLERS = """
    import asyncio

    PRICES = dict(tea=1)

    def lookup(name):
        return str(PRICES[name])

    async def waiting(name):
        await asyncio.sleep(0)
        return name.upper().missing

    def stream(name):
        for number in range(3):
            yield str(number)
        yield str(1 / 0)

    def pair(name):
        return name, name, name

    def greet(name):
        return f"Hello, {{name}}!"
"""
CHAT = """
    import gradio as gr

    def answer(message, history):
        return history[-1]["content"] + message

    gr.ChatInterface(answer).launch(server_port={port})
"""
RAISED = {
    "lookup": ("KeyError", 6), "waiting": ("AttributeError", 10), "stream": ("ZeroDivisionError", 15),
}


def serve(lab: Lab, port: int, function: str) -> Path:
    """An app that serves, with a log beside it."""
    write_files(lab.directory, {"app.py": APP, "handlers.py": HANDLERS}, port=port, function=function)
    app = lab.directory / "app.py"
    lab.start(app, wait=port)
    return app


def call(port: int, *values: object, name: str = "/ask") -> object:
    """Call an endpoint as an API client does; the error that the app answers with is returned."""
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(f"http://127.0.0.1:{port}", verbose=False)
    try:
        return client.predict(*values, api_name=name)
    except AppError as error:
        return error
    finally:
        client.close()


def assert_place(top: dict[str, Any], file: Path, line: int) -> None:
    assert (top["location"]["file"], top["location"]["line"]) == (str(file), line)
    assert f"{file}:{line}" in top["says"]


@pytest.mark.parametrize("function", RAISED)
def test_handler_raises(lab: Lab, port: int, function: str) -> None:
    app = serve(lab, port, function)
    assert isinstance(call(port, "coffee"), Exception)
    kind, line = RAISED[function]
    for target in (["diagnose", app, "--log", "app.log"], ["logs", "app.log"]):
        top = doctor(*target, cwd=lab.directory).assert_first("app.handler-exception")
        assert kind in top["says"]
        assert_place(top, lab.directory / "handlers.py", line)


def test_handler_of_a_chat_raises(lab: Lab, port: int) -> None:
    """`diagnose` finds the log by itself: it is where the process writes to."""
    write_files(lab.directory, {"app.py": CHAT}, port=port)
    app = lab.directory / "app.py"
    lab.start(app, wait=port)
    doctor("diagnose", port, cwd=lab.directory).assert_healthy()
    assert isinstance(call(port, "hi", name="/answer"), Exception)
    top = doctor("diagnose", app, cwd=lab.directory).assert_first("app.handler-exception")
    assert_place(top, app, 4)


def test_handler_that_answers_is_healthy(lab: Lab, port: int) -> None:
    app = serve(lab, port, "greet")
    assert call(port, "you") == "Hello, you!"
    doctor("diagnose", app, "--log", "app.log", cwd=lab.directory).assert_healthy()
    doctor("logs", "app.log", cwd=lab.directory).assert_healthy()
