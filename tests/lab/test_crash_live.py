"""Crashes that leave no exception: an instruction that the CPU lacks, and a fork into a lock."""

from __future__ import annotations

import platform
import subprocess
import threading
import urllib.request
from contextlib import suppress

import pytest

from tests.lab.harness import Lab, doctor, until, write_app

EXECUTES = """
    import ctypes, mmap, platform
    import gradio as gr

    def compute():
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write({code})
        ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()

    compute()
    gr.Interface(lambda x: x, "text", "text").launch(server_port={port})
"""
UNDEFINED = r'b"\x0f\x0b" if platform.machine() == "x86_64" else bytes(4)'  # ud2, udf #0
RETURNS = r'b"\xc3" if platform.machine() == "x86_64" else b"\xc0\x03\x5f\xd6"'
FLAGS = platform.machine() == "x86_64"  # the flags of other CPUs are not judged
FORKS = """
    import os, threading, time
    import gradio as gr

    lock = threading.Lock()
    if {healthy}:
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)

    def writer():
        while True:
            with lock:
                time.sleep({held})
            time.sleep(0.2)

    threading.Thread(target=writer, daemon=True).start()

    def work():
        with lock:
            pass
        threading.Event().wait({idle}) if {healthy} else None

    def predict(text):
        child = os.fork()
        if not child:
            work()
            os._exit(0)
        open(__file__ + ".up", "w").close()
        os.waitpid(child, 0)
        return text

    with gr.Blocks() as demo:
        box = gr.Textbox()
        box.submit(predict, box, box, api_name="predict", queue=False)
    demo.launch(server_port={port})
"""


def test_instruction_that_the_cpu_lacks(lab: Lab, port: int) -> None:
    write_app(lab.directory, EXECUTES, code=UNDEFINED, port=port)
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("crash.illegal-instruction")
    assert any("SIGILL" in e["text"] for e in top["evidence"])
    assert any(e["finding"].startswith("crash.cpu-") for e in top["evidence"] if e["seen"]) or not FLAGS
    write_app(lab.directory, EXECUTES, code=RETURNS, port=port)
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()


CALLS = """
    import ctypes, faulthandler
    import gradio as gr

    faulthandler.enable()
    library = ctypes.CDLL({library!r})

    def compute(place):
        return library.touch(place)

    compute(ctypes.byref(ctypes.c_int(1)) if {healthy} else None)
    gr.Interface(lambda x: x, "text", "text").launch(server_port={port})
"""


def test_fault_in_a_compiled_library(lab: Lab, port: int) -> None:
    """The frame is faulthandler's, the library the kernel's (where its log may be read, and it keeps such lines)."""
    source, library = lab.directory / "faulty.c", lab.directory / "libfaulty.so"
    source.write_text("int touch(int *place) { return *place; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True, timeout=60)
    write_app(lab.directory, CALLS, library=str(library), healthy=False, port=port)
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("crash.native")
    assert (top["location"]["function"], top["location"]["line"]) == ("compute", 8)
    lines = {e["text"] for e in top["evidence"] if e["finding"] == "crash.kernel-fault-line"}
    assert not lines or "libfaulty.so" in top["says"]
    assert "compute" in top["says"] or "libfaulty.so" in top["says"]
    write_app(lab.directory, CALLS, library=str(library), healthy=True, port=port)
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()


def ask(port: int) -> None:
    """Use the app; whether it answers is not for us to say."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/gradio_api/run/predict", b'{"data": ["x"]}', {"Content-Type": "application/json"}
    )
    with suppress(OSError), urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own app
        answer.read()


@pytest.mark.parametrize("healthy", [False, True])
def test_fork_into_a_lock(lab: Lab, port: int, healthy: bool) -> None:
    """A thread holds a lock nearly all the time, and the child is born without that thread.

    The twin takes the lock for the fork; its child waits to be told something, which looks the same to the kernel.
    """
    app = write_app(lab.directory, FORKS, held=0.01 if healthy else 600, idle="", healthy=healthy, port=port)
    lab.start(app, wait=port)
    user = threading.Thread(target=ask, args=(port,))
    user.start()
    until(lambda: (lab.directory / "app.py.up").exists(), 30, "the handler was not called")
    report = doctor("diagnose", "app.py", cwd=lab.directory)
    lab.close()
    user.join()
    if healthy:
        report.assert_healthy()
        return
    top = report.assert_first("crash.fork")
    assert top["location"]["function"] == "work" and "forked child" in top["says"]
