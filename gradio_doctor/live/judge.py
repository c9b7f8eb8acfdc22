"""What is wrong with a running app, judged from its threads and stacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradio_doctor.evidence import Absent, Listeners, Stacks, Threads
from gradio_doctor.live.locks import judge_locks
from gradio_doctor.live.loop import judge_loop
from gradio_doctor.live.model import Judgement, ProcessView
from gradio_doctor.live.outside import judge_outside
from gradio_doctor.live.pool import DEFAULT_LIMITS, judge_pool
from gradio_doctor.live.serving import judge_serving
from gradio_doctor.live.starting import judge_starting, serves_now, still_imports
from gradio_doctor.live.stuck import judge_stuck
from gradio_doctor.live.views import view_processes


def judge(
    threads: Threads | Absent | None, stacks: Stacks | Absent | None, *, listeners: Listeners | Absent | None = None,
    limits: Sequence[int] = DEFAULT_LIMITS, loop_answers: bool | None = None,
) -> tuple[Judgement, ...]:
    """All judgements on the app's processes, sure ones first; none for a healthy app. Either evidence may be missing.

    `limits` are the numbers of worker threads that can run handlers (40, and the app's `max_threads`).
    `loop_answers` tells whether a route that needs the event loop alone was answered, None when nobody asked:
    an answer refutes what the looks suggest, silence confirms it.
    """
    views = view_processes(threads, stacks)
    sockets = listeners if isinstance(listeners, Listeners) else None
    found = [*judge_serving(views, sockets)]
    importing = not any(serves_now(p) for p in views)
    for process in views:
        if not process.stopped:
            running = [*_running(process, limits, loop_answers)]
            found += running
            if not any(j.kind in ("deadlock", "lock-convoy") for j in running):
                found += judge_stuck(process, [p for p in views if p is not process])
            if sockets is not None and (not sockets.held_by(process.pid) or (importing and still_imports(process))):
                found += judge_starting(process)
    choking = {j.facts["child"] for j in found if j.kind == "child-chokes"}
    found = [j for j in found if j.kind != "pipe-full" or str(j.pid) not in choking]  # it is their parent's fault
    return tuple(sorted(found, key=lambda j: not j.sure))


def _running(process: ProcessView, limits: Sequence[int], loop_answers: bool | None) -> Iterator[Judgement]:
    yield from judge_loop(process, loop_answers)
    yield from judge_locks(process)
    yield from judge_pool(process, limits)
    yield from judge_outside(process)
