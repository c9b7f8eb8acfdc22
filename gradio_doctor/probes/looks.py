"""Recognising processes from outside: a Gradio app, its launcher, its Node front process, and ourselves."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from gradio_doctor.evidence import Listeners, Process, Processes
from gradio_doctor.probes.families import ancestors
from gradio_doctor.probes.scripts import is_python, program_name

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_IMPORTS_GRADIO = re.compile(rb"^[ \t]{0,80}(?:import|from)[ \t][^#\n]{0,400}?\bgradio\b", re.MULTILINE)
_OWN_VARIABLE = re.compile(r"GRADIO_(?!DOCTOR_)")  # Gradio's own, not ours
_MOST_SOURCE_BYTES = 1_000_000
_NOT_APPS = frozenset(
    {"gradio-doctor", "gradio_doctor", "pytest", "py.test", "jupyter", "jupyter-lab", "jupyter-notebook", "pip"}
)


def is_launcher(process: Process) -> bool:
    """True for the parent of reload mode (`gradio app.py`), which serves nothing itself."""
    return "gradio" in [program_name(a) for a in process.command[:3]]


def is_ours(process: Process, table: Mapping[int, Process]) -> bool:
    """True for gradio-doctor, for helpers it started (they run no script), and for tools that are no app."""
    names = {program_name(a) for a in process.command[:4]}
    if process.pid == os.getpid() or not _NOT_APPS.isdisjoint(names) or process.script.startswith(_PACKAGE + os.sep):
        return True
    return not process.script and any(a.pid == os.getpid() for a in ancestors(process, table))


def looks_like_gradio(process: Process, listens: bool) -> bool:
    """True when a process is probably a Gradio app.

    It is a Python process whose command or whose script's imports name Gradio, or one that listens on a port and has
    a GRADIO_ variable.
    """
    if process.state == "zombie" or not is_python(process.command, process.exe):
        return False
    if is_launcher(process) or (process.script and _imports_gradio(process.script)):
        return True
    return listens and any(_OWN_VARIABLE.match(name) for name in read_environment(process.pid))


def behind_node(process: Process, processes: Processes, listeners: Callable[[], Listeners | None]) -> list[Process]:
    """The Python processes behind Gradio's Node front process (SSR); none when it is no such process.

    Node holds the user's port and tells the Python server's in its own environment.
    """
    if not program_name(process.exe or process.name).startswith("node") or "gradio" not in process.command_line:
        return []
    port = read_environment(process.pid).get("GRADIO_PYTHON_PORT", "")
    if port.isascii() and port.isdigit() and len(port) <= 5 and (table := listeners()):
        holders = [p for s in table.on(int(port)) for pid in s.holders if (p := processes.get(pid))]
        if holders:
            return holders
    parent = processes.get(process.ppid)
    return [parent] if parent and is_python(parent.command, parent.exe) else []


def read_environment(pid: int) -> Mapping[str, str]:
    """The environment a process was started with, secrets included; empty when it is gone or not ours to read."""
    import psutil

    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError, ValueError):
        return {}


def _imports_gradio(script: str) -> bool:
    try:
        path = Path(script)
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return bool(_IMPORTS_GRADIO.search(file.read(_MOST_SOURCE_BYTES)))
    except (OSError, ValueError):
        return False
