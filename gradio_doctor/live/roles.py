"""Which thread is what, told by the frames it runs in. Names of threads differ with version, telemetry and reload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradio_doctor.evidence import KernelThread, ProcessStacks, StackFrame
from gradio_doctor.live.frames import (
    inside,
    is_executor_machinery,
    is_file,
    is_loop_machinery,
    is_worker_machinery,
)
from gradio_doctor.live.model import Role

_SERVERS = (
    "uvicorn/server.py", "uvicorn/workers.py", "uvicorn_worker/_workers.py", "gunicorn/workers/base.py",
    "hypercorn/asyncio/run.py", "granian/asgi.py", "uvicorn/_subprocess.py", "uvicorn/main.py",
)
_HELPERS = (
    ("watchfn", "gradio/utils.py"), ("always_pong", "uvicorn/supervisors/multiprocess.py"),
    ("drain_stderr", "gradio/node_server.py"), ("version_check", "gradio/analytics.py"),
    ("_do_normal_analytics_request", "gradio/analytics.py"), ("_do_analytics_request", "gradio/analytics.py"),
    ("run", "tqdm/_monitor.py"), ("_monitor", "logging/handlers.py"),
)
_NAPS = (5.0, 60.0)  # a second
_LEAST_WAKES = 300  # an event loop has woken that often after its first seconds
_TIMES_THE_NEXT = 2


def roles(stacks: ProcessStacks) -> Mapping[int, Role]:
    """The role of each thread that was there in every look."""
    found: dict[int, Role] = {}
    loops: list[tuple[bool, int]] = []
    for tid in stacks.tids:
        looks = stacks.of(tid)
        told = [_role(look.frames) for look in looks]
        role: Role = next((r for r in told if r != "other"), "other")
        if role == "loop":
            loops.append((any(serves(look.frames) for look in looks), tid))
        found[tid] = "main" if role == "other" and tid == stacks.pid else role
    serving = max(loops, key=lambda one: (one[0], one[1] == stacks.pid, -one[1]), default=None)
    for _, tid in loops:
        found[tid] = "loop" if serving is not None and tid == serving[1] else "other-loop"
    return found


def _role(frames: Sequence[StackFrame]) -> Role:
    """By the outermost machinery: a handler that runs a loop of its own in a worker thread is a worker."""
    for frame in reversed(frames):
        if is_worker_machinery(frame):
            return "worker"
        if is_executor_machinery(frame):
            return "executor"
        if any(frame.at(*helper) for helper in _HELPERS):
            return "helper"
        if is_loop_machinery(frame):
            return "loop"
    return "other"


def serves(frames: Sequence[StackFrame]) -> bool:
    """True when a known server runs in these frames: uvicorn, gunicorn's workers, hypercorn."""
    return any(is_file(f, *_SERVERS) for f in frames)


def inner_frames(role: Role, frames: Sequence[StackFrame]) -> tuple[StackFrame, ...]:
    """The frames inside the machinery of a role: what the thread does, not how it came to run."""
    if role in ("loop", "other-loop"):
        return inside(frames, is_loop_machinery)
    if role == "worker":
        return inside(frames, is_worker_machinery)
    if role == "executor":
        return inside(frames, is_executor_machinery)
    return tuple(frames)


def loop_by_kernel(threads: Sequence[KernelThread]) -> int | None:
    """The thread that is most likely the event loop when there are no stacks: it has woken far more than any other.

    Importing wakes the main thread as often as a loop wakes in its first seconds; one that naps ten times a second,
    as Gradio's does once it is launched, is no loop. The first of `threads` is the main thread.
    """
    candidates = threads[1:] if threads and _naps(threads[0]) else threads
    ranked = sorted(candidates, key=lambda t: t.last.voluntary, reverse=True)
    if not ranked or ranked[0].last.voluntary < _LEAST_WAKES:
        return None
    if len(ranked) > 1 and ranked[0].last.voluntary < _TIMES_THE_NEXT * ranked[1].last.voluntary:
        return None
    return ranked[0].tid


def _naps(main: KernelThread) -> bool:
    calls = {s.call.name for s in main.samples if s.call}
    return _NAPS[0] <= (main.voluntary_rate or 0.0) <= _NAPS[1] and calls <= {"clock_nanosleep", "nanosleep", "select"}
