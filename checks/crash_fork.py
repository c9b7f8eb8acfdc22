"""A child that was forked out of a threaded app, into a lock that nobody can release."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import (
    Finding,
    Location,
    Process,
    Processes,
    ProcessThreads,
    Source,
    StackFrame,
    Stacks,
    Threads,
    check,
)

_WAITERS = ("threading.py", "selectors.py", "queue.py", "signal.py")


@check("crash-fork-live", finds=("crash.forked-into-lock",), cost=0.1)
def crash_fork_live(threads: Threads, stacks: Stacks, processes: Processes) -> Iterator[Finding]:
    """Its only thread waits for ever for a lock that only threads of its own could release: there are none.

    The thread that held the lock when the app forked was not copied. One that waits for a signal (in Event.wait())
    looks the same to the kernel, but not on its stack.
    """
    for found in threads.processes:
        child, parent = _forked(found, threads, processes)
        if child is None or parent is None or not _stuck(found):
            continue
        looked = next((s for s in stacks.processes if s.pid == found.pid), None)
        frames = looked.of(found.threads[0].tid) if looked else ()
        if not frames or any(f.frames[:1] != frames[0].frames[:1] or not _in_lock(f.frames) for f in frames):
            continue
        yield _finding(child, parent, frames[0].frames)
        return


def _forked(
    found: ProcessThreads, threads: Threads, processes: Processes
) -> tuple[Process | None, Process | None]:
    """The process and the one it was forked out of, which runs the same command with several threads."""
    child = processes.get(found.pid)
    parent = processes.get(child.ppid) if child else None
    if child is None or parent is None or child.command != parent.command:
        return None, None
    above = threads.of(parent.pid)
    return (child, parent) if above and len(above.threads) > 1 else (None, None)


def _stuck(found: ProcessThreads) -> bool:
    if len(found.threads) != 1 or found.truncated or found.stopped:
        return False
    thread = found.threads[0]
    call = thread.last.call
    return thread.still and call is not None and call.name == "futex" and call.endless and call.private


def _in_lock(frames: tuple[StackFrame, ...]) -> bool:
    """True when the innermost frame takes a lock itself, as opposed to waiting for something to be told."""
    if not frames:
        return False
    file = frames[0].file.replace("\\", "/")
    return not file.endswith(_WAITERS) and "/multiprocessing/" not in file and "/concurrent/" not in file


def _finding(child: Process, parent: Process, frames: tuple[StackFrame, ...]) -> Finding:
    own = next((f for f in frames if f.own), frames[0])
    facts = {
        "pid": str(child.pid), "parent": str(parent.pid), "function": own.name, "where": own.place,
        "inner": frames[0].name,
    }
    stack = tuple(Location(f.file, f.line, f.name, f.text) for f in reversed(frames))
    location = Location(own.file, own.line, own.name, own.text) if own.own else None
    source = Source("process", f"pid {child.pid}")
    return Finding("crash.forked-into-lock", facts=facts, source=source, location=location, stack=stack)
