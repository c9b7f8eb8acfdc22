"""What the running app's threads are doing, judged: the kernel's view and the stacks, put together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from gradio_doctor.evidence import Absent, AppSource, HttpAnswers, Instances, Listeners, Stacks, Threads
from gradio_doctor.live.fold import fold
from gradio_doctor.live.judge import judge
from gradio_doctor.live.model import Judgement, Live
from gradio_doctor.live.pool import DEFAULT_LIMITS
from gradio_doctor.live.views import view_processes
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.threads_read import cpu_times

PATIENCE = 3.0  # seconds; a wait that is shorter is what calls to other machines are made of
_WAITS = ("upstream-wait", "connection-pool-wait", "lock-convoy", "handler-stuck")


def probe_live(context: Context) -> Live | Absent:
    """Judge the app's threads. Waits for others are watched until they have lasted for three seconds."""
    http = context.known(HttpAnswers)
    threads = context.get(Threads)
    stacks = context.get(Stacks)
    if isinstance(threads, Absent) and isinstance(stacks, Absent):
        return threads
    instances, source = context.get(Instances), context.known(AppSource)
    loop = http.get("loop") if isinstance(http, HttpAnswers) else None
    answers = None if loop is None else loop.outcome == "answered"
    limits = (*DEFAULT_LIMITS, *(source.max_threads if isinstance(source, AppSource) else ()))
    views = view_processes(threads, stacks)
    if answers and sum(v.loop is not None and v.loop.serves for v in views) > 1:
        answers = None  # several workers: which of them answered is not known, and it does not speak for the others
    found = judge(threads, stacks, listeners=context.known(Listeners), limits=limits, loop_answers=answers)
    main = () if isinstance(instances, Absent) else instances.main
    groups = {p.pid: fold(p.threads) for p in views}
    return Live(_lasting(found), groups, isinstance(stacks, Stacks), tuple(p.pid for p in main))


def _may_end(judgement: Judgement) -> bool:
    """True for waits that are part of many healthy answers; one of the event loop never is."""
    own = judgement.kind == "self-call" and judgement.facts.get("role") in ("worker", "executor")
    taken = judgement.kind == "pool-exhausted" and judgement.facts.get("does") == "waiting"
    return judgement.kind in _WAITS or own or taken


def _lasting(found: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """Without the waits that end before they have lasted for PATIENCE: meanwhile, their threads use no CPU at all."""
    short = [j for j in found if _may_end(j) and (j.seconds or 0.0) < PATIENCE]
    if not short:
        return tuple(found)
    before = {j.pid: cpu_times(j.pid) for j in short}
    time.sleep(PATIENCE - min(j.seconds or 0.0 for j in short))
    after = {pid: cpu_times(pid) for pid in before}
    ended = [j for j in short if _standing(j, before[j.pid], after[j.pid]) < _enough(j)]
    return tuple(j for j in found if not any(j is e for e in ended))


def _standing(judgement: Judgement, before: Mapping[int, float], after: Mapping[int, float]) -> int:
    """How many of its threads have not run between two looks at their CPU time."""
    return sum(before.get(t, -1.0) == after.get(t) for t in judgement.threads)


def _enough(judgement: Judgement) -> int:
    """How many threads have to stand: one that waits is one too many, but a pool is only exhausted as a whole."""
    return int(judgement.facts["limit"]) if judgement.kind == "pool-exhausted" else 1
