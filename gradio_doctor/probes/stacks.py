"""Python stacks of the app and its Python children, by py-spy, over some looks.

A look at a process of up to some sixty threads pauses it for at most 10 ms; that is what `--invasive sample` allows.
With more threads it is done without a pause there, and looks that contradict each other are then to be expected.
`--invasive pause` allows the pause always.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gradio_doctor.evidence import (
    Absent,
    Process,
    ProcessStacks,
    StackFrame,
    Stacks,
    StackSample,
    ThreadStack,
)
from gradio_doctor.evidence.process import STOPPED
from gradio_doctor.evidence.stacks import StackMode
from gradio_doctor.logs.frames import is_library
from gradio_doctor.probes.stacks_parse import RawFrame, RawStack
from gradio_doctor.probes.stacks_pyspy import Refused, dump
from gradio_doctor.probes.stacks_remote import remote_dump
from gradio_doctor.probes.stacks_source import Sources, absolute
from gradio_doctor.probes.threads_family import attach_refused, on_linux, tracer_of
from gradio_doctor.probes.threads_read import cpu_times, state_of

SAMPLES = 3
SPACING = 0.15  # seconds from look to look
_DUMP_SECONDS = 3.0
_PROBE_SECONDS = 6.0
MOST_PAUSED_THREADS = 64  # a pause of about 10 ms: 0.12 ms a thread and 0.7 ms


@dataclass
class _Sampled:
    """The looks at one process so far, why one failed (another is tried), and why there are no more."""

    process: Process
    pausing: bool
    sources: Sources
    mode: StackMode = "pausing"
    reloaded: Sources | None = None  # the files as they are now, where Gradio's hot reload runs them anew
    samples: list[StackSample] = field(default_factory=list)
    failed: Absent | None = None
    refused: Absent | None = None
    first: float = 0.0


def sample_all(
    program: str, processes: Sequence[Process], may_pause: Callable[[Process], bool], *, samples: int = SAMPLES,
    spacing: float = SPACING, seconds: float = _PROBE_SECONDS, hurry: threading.Event | None = None,
) -> Stacks:
    """Look `samples` times at all processes in turn, `spacing` seconds from one turn to the next.

    Once `hurry` is set, two looks will do.
    """
    hurried = hurry or threading.Event()
    give_up = time.monotonic() + seconds
    all_of_them = [_begin(p, may_pause(p)) for p in processes]
    for turn in range(samples):
        started = time.monotonic()
        for one in all_of_them:
            left = give_up - time.monotonic()
            if one.refused is None and left > 0:
                _look(one, program, min(left, _DUMP_SECONDS))
        if turn and hurried.is_set():
            break
        if turn + 1 < samples and any(one.refused is None for one in all_of_them):
            time.sleep(max(0.0, min(started + spacing, give_up) - time.monotonic()))
    found = tuple(ProcessStacks(o.process.pid, tuple(o.samples), o.mode) for o in all_of_them if o.samples)
    none = Absent("there was no time left for it", "gradio-doctor diagnose --timeout 60")
    without = [o for o in all_of_them if o.refused or not o.samples]
    return Stacks(found, {o.process.pid: o.refused or o.failed or none for o in without})


def _begin(process: Process, pausing: bool) -> _Sampled:
    sources = Sources(f"/proc/{process.pid}/root" if on_linux() else "", process.started)
    return _Sampled(process, pausing, sources, "pausing" if pausing else "non-pausing")


def _look(one: _Sampled, program: str, seconds: float) -> None:
    """One more look at a process; when it cannot be had, the process is left alone from then on."""
    pid = one.process.pid
    if forbidden := _forbidden(one.process):
        one.refused = forbidden
        return
    cpu = cpu_times(pid)
    try:
        if one.mode == "remote":
            stacks, taken = remote_dump(pid, seconds)
        else:
            stacks, taken = dump(program, pid, seconds, pausing=one.pausing)
    except Refused as refused:
        if refused.too_new and one.mode != "remote":
            one.mode = "remote"
            _look(one, program, seconds)
        elif refused.again and one.failed is None:
            one.failed = refused.absent
        else:
            one.refused = refused.absent
        return
    one.first = one.first or taken
    if any(f.function == "watchfn" and f.file.endswith("gradio/utils.py") for s in stacks for f in s.frames):
        one.reloaded = one.reloaded or Sources(one.sources.root)
    threads = tuple(_thread(s, cpu.get(s.tid), one) for s in stacks)
    one.samples.append(StackSample(taken - one.first, threads))


def _forbidden(process: Process) -> Absent | None:
    """Why a process must not be attached to, None when it may."""
    pid = process.pid
    if not on_linux():
        return Absent(f"pid {pid} is stopped") if process.state in STOPPED else None
    state = state_of(pid)
    if state in ("", "Z", "X"):
        return Absent(f"process {pid} has ended")
    if state in ("T", "t") and not tracer_of(pid):
        return Absent(f"pid {pid} is stopped: its stacks are those of the moment it was stopped", f"kill -CONT {pid}")
    if tracer := tracer_of(pid):
        return Absent(f"pid {tracer} debugs or traces pid {pid} already: only one program can")
    return attach_refused(process)


def _thread(stack: RawStack, cpu: float | None, one: _Sampled) -> ThreadStack:
    frames = tuple(_frame(f, one) for f in stack.frames)
    return ThreadStack(stack.tid, stack.name, frames, stack.holds_gil, cpu, stack.cut)


def _frame(raw: RawFrame, one: _Sampled) -> StackFrame:
    file, sources = absolute(raw.file, one.process.cwd), one.sources
    script = one.process.script
    if file == "<string>" and one.reloaded and one.reloaded.defines(script, raw.function, raw.line):
        file, sources = script, one.reloaded  # hot reload runs the file's text by exec() (gradio/utils.py watchfn)
    own = not is_library(file)
    text, inside = sources.line(file, raw.line) if own else ("", ())
    return StackFrame(raw.function, file, raw.line, own, text, inside)
