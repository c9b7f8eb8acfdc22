"""Comparing stacks, and taking the machinery off them that every thread of a kind has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradio_doctor.evidence import StackFrame, ThreadStack

_LOOP_FILES = (
    "uvicorn/server.py", "uvicorn/_compat.py", "asyncio/runners.py", "asyncio/base_events.py", "asyncio/events.py",
    "asyncio/unix_events.py", "asyncio/windows_events.py", "asyncio/proactor_events.py", "uvloop/__init__.py",
    "uvloop/loop.pyx", "asyncio/selector_events.py",
)
_SELECT_FILES = ("selectors.py",)
_QUEUE_FILES = ("threading.py", "queue.py")


def is_file(frame: StackFrame, *files: str) -> bool:
    """True when a frame is in a library's file that ends in one of `files`."""
    path = frame.file.replace("\\", "/")
    return not frame.own and any(path.endswith("/" + f) or path == f for f in files)


def is_loop_machinery(frame: StackFrame) -> bool:
    """True for the frames that run an event loop."""
    return is_file(frame, *_LOOP_FILES)


def is_worker_machinery(frame: StackFrame) -> bool:
    """True for the frame in which an AnyIO worker thread takes its jobs."""
    return frame.at("run", "anyio/_backends/_asyncio.py")


def is_executor_machinery(frame: StackFrame) -> bool:
    """True for the frame in which a thread of concurrent.futures takes its jobs."""
    return frame.at("_worker", "concurrent/futures/thread.py")


def inside(frames: Sequence[StackFrame], machinery: Callable[[StackFrame], bool]) -> tuple[StackFrame, ...]:
    """The frames inside the outermost run of machinery, innermost first; all of them when there is none."""
    seen = False
    for index in range(len(frames) - 1, -1, -1):
        if machinery(frames[index]):
            seen = True
        elif seen:
            return tuple(frames[: index + 1])
    return () if seen else tuple(frames)


def is_resting(frames: Sequence[StackFrame]) -> bool:
    """True when nothing but a wait for the next job is inside the machinery: selecting, or taking from a queue."""
    return all(is_file(f, *_SELECT_FILES, *_QUEUE_FILES, *_LOOP_FILES) for f in frames)


def common(stacks: Sequence[ThreadStack]) -> tuple[tuple[StackFrame, ...], bool]:
    """The outer part that all stacks share, innermost frame first, and whether they are the same to the line.

    Functions are compared, and lines up to the first that differs: inside, it is another call.
    """
    if not stacks:
        return (), False
    reference = stacks[-1].frames
    if len(stacks) > 1 and all(_key(s) == _key(stacks[-1]) for s in stacks):
        return reference, True
    depth = min((_shared(s.frames, reference) for s in stacks), default=0)
    return reference[len(reference) - depth :], False


def _key(stack: ThreadStack) -> tuple[tuple[str, str, int], ...]:
    return tuple((f.function, f.file, f.line) for f in stack.frames)


def _shared(one: Sequence[StackFrame], two: Sequence[StackFrame]) -> int:
    depth = 0
    for a, b in zip(reversed(one), reversed(two), strict=False):
        if (a.function, a.file) != (b.function, b.file):
            break
        depth += 1
        if a.line != b.line:
            break
    return depth
