"""The Python program of a process, for what only an interpreter of the same version can do to it."""

from __future__ import annotations

import os
from pathlib import Path

from gradio_doctor.evidence import Absent


def own_interpreter(pid: int) -> str | Absent:
    """The program that a process runs, where it may be run here: in our own root, and belonging to root or to us."""
    try:
        program = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - " (deleted)" is no part of a path
        same_root = Path(f"/proc/{pid}/root").samefile("/")
        owner = Path(program).stat().st_uid
    except OSError:
        return Absent(f"the Python of pid {pid} cannot be run from here")
    if not same_root or owner not in (0, os.geteuid()):
        return Absent(f"the Python of pid {pid} belongs to another user or container",
                      f'sudo "$(command -v gradio-doctor)" diagnose pid:{pid}')
    return program
