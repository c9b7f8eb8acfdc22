"""Gradio apps that start otherwise than by a plain launch()"""

from __future__ import annotations

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


def test_a_quiet_app(supervise: Supervise, port: int) -> None:
    app = supervise(APP.format(port=port, more=", quiet=True"))
    run = app.start(60)
    assert (run.outcome, run.port, text_of(app)) == ("serving", port, "")


def test_an_app_mounted_in_another(supervise: Supervise, port: int) -> None:
    app = supervise(f"""
        import fastapi, gradio as gr, uvicorn
        demo = gr.Interface(lambda x: x, "text", "text")
        uvicorn.run(gr.mount_gradio_app(fastapi.FastAPI(), demo, path="/gradio"), port={port})
    """)
    run = app.start(60)
    assert (run.outcome, run.port) == ("serving", port)
    assert '"HEAD /config HTTP/1.1" 404' in text_of(app)  # this server tells of our only request


def test_static_workers_end_with_the_app(supervise: Supervise, port: int) -> None:
    source = APP.format(port=port, more=", num_workers=2").replace("\n", "\n    ")
    app = supervise(f"if __name__ == '__main__':{source}")
    run = app.start(90)
    assert (run.outcome, run.port) == ("serving", port)
    pids = [p.pid for p in app.processes()]
    assert len(pids) >= 3
    app.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_crash_after_the_start_is_seen(supervise: Supervise, port: int) -> None:
    app = supervise(f"""
        import os, signal, threading
        import gradio as gr
        demo = gr.Interface(lambda x: x, "text", "text")
        demo.launch(server_port={port}, prevent_thread_lock=True)
        threading.Event().wait(2.5)
        os.kill(os.getpid(), signal.SIGSEGV)
    """)
    assert app.start(60).outcome == "serving"
    app.process.wait(10)
    assert app.process.ended is not None and app.process.ended.signal == 11
