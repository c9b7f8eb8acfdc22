"""Processes that end without an exception: faults of native code, and signals. Each beside its healthy twin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lab.harness import Lab, doctor, write_files

_COUNTERS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/cgroup.controllers")
NULL = """
    import ctypes

    def load():
        ctypes.string_at(0)
"""
CRASHES = """
    {before}
    import gradio as gr
    import engine

    with gr.Blocks() as demo:
        gr.Textbox()
    engine.load()
    demo.launch(server_port={port})
"""
ABORTS = NULL.replace("ctypes.string_at(0)", "ctypes.CDLL(None).abort()")
KILLS_ITSELF = """
    import os, signal, threading, time
    import gradio as gr

    def end():
        os.kill(os.getpid(), signal.{name})
        time.sleep(5)

    demo = gr.Interface(lambda x: x, "text", "text")
    {first}
    demo.launch(server_port={port}, prevent_thread_lock=True)
    {then}
    time.sleep(600)
"""


def test_native_crash(lab: Lab, port: int) -> None:
    files = {"app.py": CRASHES, "engine.py": NULL}
    write_files(lab.directory, files, port=port, before="")
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("crash.native")
    assert "SIGSEGV" in top["says"] + top["because"]
    assert any("faulthandler" in c for r in top["remedies"] for c in r["commands"])
    (lab.directory / "engine.py").write_text("def load():\n    pass\n")
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()


@pytest.mark.parametrize("how", ["in the code", "in the environment"])
def test_native_crash_with_faulthandler(lab: Lab, port: int, how: str) -> None:
    """Python's last words name the place."""
    before = "import faulthandler; faulthandler.enable()" if how == "in the code" else ""
    env = {} if before else {"PYTHONFAULTHANDLER": "1"}
    write_files(lab.directory, {"app.py": CRASHES, "engine.py": NULL}, port=port, before=before)
    top = doctor("diagnose", "app.py", cwd=lab.directory, env=env).assert_first("crash.native")
    place = top["location"]
    assert (place["file"], place["line"], place["function"]) == (str(lab.directory / "engine.py"), 4, "load")


def test_abort(lab: Lab, port: int) -> None:
    write_files(lab.directory, {"app.py": CRASHES, "engine.py": ABORTS}, port=port, before="")
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("crash.native")
    assert "SIGABRT" in top["says"] + top["because"]


def test_native_crash_seen_in_a_log_only(lab: Lab, port: int) -> None:
    write_files(lab.directory, {"app.py": CRASHES, "engine.py": NULL}, port=port, before="")
    lab.start(lab.directory / "app.py", wait=None, env={"PYTHONFAULTHANDLER": "1"}).wait(90)
    doctor("logs", "app.log", cwd=lab.directory).assert_first("crash.native")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("when", ["starting", "serving"])
def test_ended_by_a_signal(lab: Lab, port: int, name: str, when: str) -> None:
    """SIGTERM by whatever looks after it, SIGHUP by a terminal that is closed."""
    first, then = ("end()", "") if when == "starting" else ("", "end()")
    write_files(lab.directory, {"app.py": KILLS_ITSELF}, name=name, port=port, first=first, then=then)
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("crash.terminated")
    assert name in top["says"]


def test_not_ended_is_healthy(lab: Lab, port: int) -> None:
    write_files(lab.directory, {"app.py": KILLS_ITSELF}, name="SIGTERM", port=port, first="", then="")
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()


def test_killed_and_not_for_memory(lab: Lab) -> None:
    """SIGKILL while the kernel log and the memory cgroup, which both can be read here, count no kill for memory."""
    write_files(lab.directory, {"app.py": "import os, signal\n\nos.kill(os.getpid(), signal.SIGKILL)\n"})
    report = doctor("diagnose", "app.py", cwd=lab.directory)
    assert report.ids[:1] == ["crash.terminated"] or not kernel_is_open(), report.describe()


def kernel_is_open() -> bool:
    """Whether this machine lets us see who was killed for memory; without it a SIGKILL stays ambiguous."""
    return os.access("/dev/kmsg", os.R_OK) and any(Path(p).exists() for p in _COUNTERS)
