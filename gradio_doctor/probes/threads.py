"""The threads of the app's processes as the kernel shows them, over some looks. Nothing is attached or stopped.

This comes before any stack is taken: a stop wakes every thread, and with it its counters, the time since it ran and
the system call that it shows.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gradio_doctor.evidence import (
    Absent,
    KernelThread,
    Process,
    ProcessThreads,
    Threads,
    ThreadSample,
)
from gradio_doctor.evidence.process import STOPPED
from gradio_doctor.probes.threads_family import attach_refused
from gradio_doctor.probes.threads_read import RawLook, look, state_of, thread_ids
from gradio_doctor.probes.threads_resources import Resolver
from gradio_doctor.probes.threads_since import since_run
from gradio_doctor.probes.threads_sockets import Neighbours

MOST_THREADS = 512
SAMPLES = 4
SECONDS = 0.6  # an event loop of uvicorn wakes ten times a second, that of a Gradio queue a thousand times
_LONGEST = 3.0  # seconds for everything, on a machine that is starved
_SINCE_SECONDS = 0.2


@dataclass
class _Watched:
    """The looks at one process so far."""

    process: Process
    looks: dict[int, list[RawLook]] = field(default_factory=lambda: defaultdict(list))
    truncated: bool = False
    gone: bool = False


def watch(
    processes: Sequence[Process], around: Neighbours, *, seconds: float = SECONDS, samples: int = SAMPLES,
    most: int = MOST_THREADS, hurry: threading.Event | None = None,
) -> Threads:
    """Look `samples` times over `seconds` at all threads of the processes (`most` of them at the most).

    Once `hurry` is set, two looks will do.
    """
    hurried = hurry or threading.Event()
    started = time.monotonic()
    watched = [_Watched(p) for p in processes]
    for turn in range(samples):
        if turn:
            time.sleep(max(0.0, started + turn * seconds / (samples - 1) - time.monotonic()))
        _look_at_all(watched, started, most)
        if time.monotonic() - started > _LONGEST or (turn and hurried.is_set()):
            break
    passed = time.monotonic() - started
    last = [w for w in watched if not w.gone and w.looks]
    since = since_run([(w.process.pid, tid) for w in last for tid in w.looks], _SINCE_SECONDS)
    found = tuple(_process_threads(w, around, since) for w in last)
    return Threads(found, passed, {w.process.pid: _why(w.process) for w in watched if w not in last})


def _look_at_all(watched: list[_Watched], started: float, most: int) -> None:
    room = most
    for one in watched:
        pid = one.process.pid
        try:
            tids = thread_ids(pid, room)
        except OSError:
            one.gone = True
            continue
        one.truncated |= len(tids) > room
        one.gone = True
        for tid in tids[:room]:
            if time.monotonic() - started > _LONGEST:
                one.truncated, one.gone = True, False
                return
            if found := look(pid, tid, time.monotonic() - started):
                one.looks[tid].append(found)
                one.gone = False
        room -= min(len(tids), room)


def _process_threads(
    watched: _Watched, around: Neighbours, since: Mapping[tuple[int, int], float]
) -> ProcessThreads:
    pid = watched.process.pid
    resolver = Resolver(pid, around)
    newest = max(looks[-1].at for looks in watched.looks.values())
    try:
        threads = tuple(
            KernelThread(tid, looks[-1].name, _samples(looks, resolver), since.get((pid, tid)))
            for tid, looks in sorted(watched.looks.items())
            if newest - looks[-1].at < SECONDS / SAMPLES  # one that ended meanwhile waits for nothing
        )
    finally:
        resolver.memory.close()
    main = watched.looks.get(pid) or next(iter(watched.looks.values()))
    stopped = main[-1].state in "Tt"
    hidden = all(looks[-1].call is None for looks in watched.looks.values())
    closed = attach_refused(watched.process) if hidden else None
    return ProcessThreads(pid, threads, stopped or watched.process.state in STOPPED, watched.truncated, closed)


def _samples(looks: list[RawLook], resolver: Resolver) -> tuple[ThreadSample, ...]:
    """The looks as evidence. What the last one waits on is looked up; an earlier one in the same call shares it."""
    newest = looks[-1]
    final = None if newest.state in "RTt" else resolver.resolve(newest.call, newest.wait_channel)
    made = []
    for one in looks:
        same = final is not None and one.call == newest.call and one.wait_channel == newest.wait_channel
        call = final if same else resolver.named(one.call, one.wait_channel)
        made.append(
            ThreadSample(one.at, one.state, one.cpu, one.voluntary, one.involuntary, one.wait_channel, call, one.delay)
        )
    return tuple(made)


def _why(process: Process) -> Absent:
    """Why nothing of a process could be read: it ended, or /proc hides it."""
    import psutil

    if state_of(process.pid) or not psutil.pid_exists(process.pid):  # a zombie has a state still, and nothing else
        return Absent(f"process {process.pid} has ended")
    unlock = f'sudo "$(command -v gradio-doctor)" diagnose pid:{process.pid}'
    return Absent(f"this system hides process {process.pid} from us", unlock)
