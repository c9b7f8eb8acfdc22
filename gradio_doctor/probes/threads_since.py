"""How long ago threads last ran: the only sign from outside of since when something is blocked.

The kernel prints the moment in the clock of the CPU that the thread ran on, and these clocks differ by up to
hundreds of milliseconds. So we run on that CPU ourselves for a moment, and compare with our own thread's moment.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable

from gradio_doctor.probes.threads_read import processor_of, read

_KEY = "se.exec_start"


def since_run(threads: Iterable[tuple[int, int]], seconds: float, proc: str = "/proc") -> dict[tuple[int, int], float]:
    """Seconds since each (pid, tid) last ran, accurate to some 6 ms; those that cannot be told are left out.

    Takes at most about `seconds`. Needs a kernel that prints `sched` (CONFIG_SCHED_DEBUG); no privilege.
    """
    if not hasattr(os, "sched_setaffinity"):
        return {}
    give_up = time.monotonic() + seconds
    by_processor: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pid, tid in threads:
        try:
            by_processor[processor_of(f"{proc}/{pid}/task/{tid}")].append((pid, tid))
        except (OSError, ValueError, IndexError):
            continue
    found: dict[tuple[int, int], float] = {}
    allowed = os.sched_getaffinity(0)
    try:
        for processor, members in by_processor.items():
            if processor in allowed and time.monotonic() < give_up:
                os.sched_setaffinity(0, {processor})  # of this thread of ours alone
                found.update(_on_this_processor(members, give_up, proc))
    except OSError:
        pass
    finally:
        os.sched_setaffinity(0, allowed)
    return found


def _on_this_processor(members: list[tuple[int, int]], give_up: float, proc: str) -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    started = time.monotonic()
    now = _moment(f"{proc}/{os.getpid()}/task/{threading.get_native_id()}")
    if now is None:
        return found
    for pid, tid in members:
        if time.monotonic() > give_up:
            break
        moment = _moment(f"{proc}/{pid}/task/{tid}")
        if moment:
            found[pid, tid] = max(0.0, (now - moment) / 1000 + time.monotonic() - started)
    return found


def _moment(base: str) -> float | None:
    """When a thread last began to run, in milliseconds of its CPU's clock."""
    try:
        for line in read(f"{base}/sched").splitlines():
            if line.startswith(_KEY):
                return float(line.partition(":")[2])
    except (OSError, ValueError):
        pass
    return None
