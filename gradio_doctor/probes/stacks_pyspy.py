"""One look at the stacks of a process with py-spy, and why it could not be had."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from gradio_doctor.evidence import Absent
from gradio_doctor.probes.bounded_process import Finished, run_bounded
from gradio_doctor.probes.redact import clean
from gradio_doctor.probes.stacks_parse import RawStack, parse_dump

_MOST_OUTPUT = 16 << 20
_INSTALL = f"{sys.executable} -m pip install py-spy"
_TOO_NEW = ("unsupported version", "failed to find python version", "unknown python version", "failed to find a python",
            "failed to find python")


class Refused(Exception):  # noqa: N818 - a result rather than an error
    """No stacks were given. `too_new` when py-spy does not know that Python; `again` when the next try may succeed."""

    def __init__(self, absent: Absent, *, too_new: bool = False, again: bool = False) -> None:
        super().__init__(absent.why)
        self.absent, self.too_new, self.again = absent, too_new, again


def find_pyspy() -> str:
    """The py-spy that came with us, else the first on PATH; "" when there is none."""
    name = "py-spy.exe" if os.name == "nt" else "py-spy"
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which("py-spy") or ""


def dump(program: str, pid: int, seconds: float, *, pausing: bool) -> tuple[tuple[RawStack, ...], float]:
    """The stacks of all threads, and when they were taken (monotonic). Never the values of variables.

    A pause takes a millisecond and a half, six with forty threads; without, one look in twenty is wrong.
    Raises Refused.
    """
    command = [program, "dump", "--json", *([] if pausing else ["--nonblocking"]), "--pid", str(pid)]
    try:
        done = run_bounded(command, seconds=seconds, limit=_MOST_OUTPUT)
        taken = time.monotonic()
        if done.code != 0:
            raise _refused(done, pid)
        return parse_dump(done.output, pid), taken
    except TimeoutError as error:
        raise Refused(Absent(f"py-spy did not answer within {seconds:g} s")) from error
    except ValueError as error:
        raise Refused(Absent(f"py-spy's answer makes no sense: {error}")) from error
    except OSError as error:
        raise Refused(Absent(f"py-spy cannot be started: {clean(str(error), 200)}", _INSTALL)) from error


def _refused(done: Finished, pid: int) -> Refused:
    said = clean(done.errors.decode("utf-8", "replace").replace("\n", " ").strip(), 200)
    lower = said.lower()
    if "permission denied" in lower or "operation not permitted" in lower:
        unlock = f'sudo "$(command -v gradio-doctor)" diagnose pid:{pid}' if _is_ordinary_user() else (
            "docker run --cap-add=SYS_PTRACE ...")
        return Refused(Absent(f"the kernel does not let py-spy look into pid {pid}", unlock))
    if any(words in lower for words in _TOO_NEW):
        why = f"this py-spy does not know the Python of pid {pid} ({said})"
        return Refused(Absent(why, f"{_INSTALL} --upgrade"), too_new=True)
    if "no such file or directory" in lower or "no such process" in lower or "failed to open process" in lower:
        return Refused(Absent(f"process {pid} has ended"))
    return Refused(Absent(f"py-spy gave up: {said or f'exit status {done.code}'}"), again=True)


def _is_ordinary_user() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() != 0
