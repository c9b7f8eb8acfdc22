"""Real Gradio apps, started as a person would start them."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

from gradio_doctor.supervise.app import SupervisedApp

Supervise = Callable[[str], SupervisedApp]

APP = """
    import gradio as gr
    demo = gr.Interface(lambda x: x, "text", "text")
    demo.launch(server_port={port}{more})
"""


def text_of(app: SupervisedApp) -> str:
    app.capture.settle()
    return app.capture.path.read_text()


def test_a_healthy_app(supervise: Supervise, port: int) -> None:
    app = supervise(APP.format(port=port, more=""))
    run = app.start(60)
    assert (run.outcome, run.port, run.url) == ("serving", port, f"http://127.0.0.1:{port}")
    assert (run.exit_code, run.signal, run.error) == (None, None, "")
    assert 0.5 < run.seconds < 40
    assert 80 << 20 < run.peak_memory < 1 << 30
    assert run.cgroup_kills in (0, None)
    assert [p.pid for p in app.processes()] == [run.pid]
    assert re.fullmatch(
        rf"\* Running on local URL:  http://127.0.0.1:{port}\n\* To create a public link, .*\n\s*", text_of(app)
    )  # nothing of ours has left a trace in its log
    app.stop()
    with socket.socket() as again:  # the port is free again
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_a_taken_port(supervise: Supervise) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        app = supervise(APP.format(port=port, more=""))
        run = app.start(60)
    assert (run.outcome, run.exit_code, run.signal, run.port) == ("exited", 1, None, None)
    assert f"OSError: Cannot find empty port in range: {port}-{port}" in Path(run.output).read_text()


def test_a_page_that_fails_ends_the_app_later(supervise: Supervise, port: int) -> None:
    """It listens, prints its URL and answers, and yet launch() gives up after five looks at the page."""
    app = supervise("""
        import gradio as gr
        from starlette.middleware import Middleware
        class Faulty:
            def __init__(self, app): self.app = app
            async def __call__(self, scope, receive, send):
                if scope["type"] == "http" and scope["path"] == "/":
                    await __import__("asyncio").sleep(0.3)
                    raise RuntimeError("page")
                await self.app(scope, receive, send)
        demo = gr.Interface(lambda x: x, "text", "text")
        demo.launch(server_port=PORT, app_kwargs={"middleware": [Middleware(Faulty)]})
    """.replace("PORT", str(port)))
    run = app.start(60)
    assert "Running on local URL" in text_of(app)
    assert (run.outcome, run.exit_code) == ("exited", 1)
    assert "When localhost is not accessible" in text_of(app)


def test_server_side_rendering_with_its_node(supervise: Supervise, port: int) -> None:
    app = supervise(APP.format(port=port, more=", ssr_mode=True"))
    run = app.start(90)
    assert (run.outcome, run.port) == ("serving", port)
    names = [Path(f"/proc/{p.pid}/comm").read_text().strip() for p in app.processes()]
    assert any(name.startswith(("node", "MainThread")) for name in names), names
    assert len(names) == 2
    pids = [p.pid for p in app.processes()]
    app.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_an_app_that_never_gets_there(supervise: Supervise) -> None:
    run = supervise("""
        print("loading the model")
        import gradio, time
        time.sleep(600)
    """).start(4)
    assert (run.outcome, run.exit_code, run.signal) == ("timeout", None, None)
    assert Path(run.output).read_text() == "loading the model\n"
