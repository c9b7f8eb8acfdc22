"""Stacks by the interpreter itself, for a Python newer than our py-spy: from 3.15 on, it can look into another process.

Only an interpreter of the same minor version can, so the process's own program is run, isolated from the app's
directory, environment and packages; and only when it belongs to root or to us.
"""

from __future__ import annotations

import re
import time

from gradio_doctor.evidence import Absent
from gradio_doctor.probes.bounded_process import run_bounded
from gradio_doctor.probes.own_interpreter import own_interpreter
from gradio_doctor.probes.redact import clean
from gradio_doctor.probes.stacks_parse import MOST_THREADS, RawFrame, RawStack
from gradio_doctor.probes.stacks_pyspy import Refused
from gradio_doctor.probes.threads_memory import python_minor

_FIRST_MINOR = 15
_MOST_OUTPUT = 8 << 20
_MOST_FRAMES = 144
_THREAD = re.compile(r"Stack dump\b[^\n]{0,60}\bthread (\d{1,10})(?: \(([^)\n]{0,200})\))?")
_FRAME = re.compile(r'  File "([^"\n]{1,1000})", line (\d{1,7}), in ([^\n]{1,300})')


def remote_dump(pid: int, seconds: float) -> tuple[tuple[RawStack, ...], float]:
    """The stacks of all threads, and when they were taken (monotonic), without a pause. Raises Refused."""
    program = _interpreter(pid)
    command = [program, "-I", "-S", "-m", "profiling.sampling", "dump", "--all-threads", str(pid)]
    plain = {"LC_ALL": "C", "PYTHON_COLORS": "0", "NO_COLOR": "1"}
    try:
        done = run_bounded(command, seconds=seconds, limit=_MOST_OUTPUT, directory="/", environment=plain)
    except (OSError, ValueError, TimeoutError) as error:
        raise Refused(Absent(f"{program} -m profiling.sampling did not work: {clean(str(error), 200)}")) from error
    stacks = parse_text(done.output.decode("utf-8", "replace"))
    if done.code != 0 or not stacks:
        said = clean(done.errors.decode("utf-8", "replace").strip().rpartition("\n")[2], 200)
        raise Refused(Absent(f"{program} -m profiling.sampling gave up: {said}"))
    return stacks, time.monotonic()


def parse_text(text: str) -> tuple[RawStack, ...]:
    """The threads in what `python -m profiling.sampling dump` prints (outermost frame first; ours is the reverse)."""
    found: list[tuple[int, bool, list[RawFrame]]] = []
    for line in text.splitlines():
        if thread := _THREAD.match(line):
            found.append((int(thread[1]), "gil" in (thread[2] or "").lower(), []))
        elif found and (frame := _FRAME.match(line)):
            found[-1][2].append(RawFrame(clean(frame[3], 200), _rooted(clean(frame[1], 1000)), int(frame[2])))
        if len(found) > MOST_THREADS:
            break
    return tuple(
        RawStack(tid, "", tuple(reversed(frames[-_MOST_FRAMES:])), gil, len(frames) > _MOST_FRAMES)
        for tid, gil, frames in found[:MOST_THREADS]
    )


def _rooted(path: str) -> str:
    """Paths are printed relative to the directory it runs in, which is the root."""
    return path if path.startswith(("/", "<", "~")) else f"/{path}"


def _interpreter(pid: int) -> str:
    """The program of a process, when it can and may be run here. Raises Refused."""
    if python_minor(pid) < _FIRST_MINOR:
        raise Refused(Absent(f"py-spy does not know the Python of pid {pid}", "pip install --upgrade py-spy"))
    program = own_interpreter(pid)
    if isinstance(program, Absent):
        raise Refused(program)
    return program
