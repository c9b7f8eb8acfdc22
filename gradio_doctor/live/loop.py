"""What keeps the event loop from running."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.live.making import of_thread
from gradio_doctor.live.model import Judgement, ProcessView, ThreadView
from gradio_doctor.live.starting import imports_app
from gradio_doctor.live.views import BUSY, QUIET

DEAD_RATE = 3.0  # a healthy loop wakes 10 times a second at the least (uvicorn's tick), on every version
_LEAST_SECONDS = 0.45  # that a loop has to be watched for
_SATURATED_RATE = 60.0


def judge_loop(process: ProcessView, loop_answers: bool | None) -> Iterator[Judgement]:
    """Blocked, busy, stalled or starved; nothing when it runs, or when a route that needs it alone was answered."""
    loop = process.loop
    if loop_answers is True:
        return
    if not process.complete and (main := _starved_main(process)):
        yield of_thread("loop-starved", main, sure=loop_answers is False)
        return
    if loop is None or imports_app(loop.frames):
        return
    if _is_dead(loop):
        if loop.serves or loop.verdict != "idle":  # the idle loop of something else need not wake
            yield _blocked(process, loop, loop_answers)
    elif holder := gil_holder(process, loop):
        yield _starved(process, holder)
    elif _is_busy(loop):
        yield of_thread("loop-busy", loop, sure=loop_answers is False)
    elif loop.kernel is None and loop.verdict == "waiting" and loop.steady:
        yield of_thread("loop-blocked", loop, sure=loop_answers is False)


def _starved_main(process: ProcessView) -> ThreadView | None:
    """The main thread when it waits for the interpreter's lock all the time: all that the kernel alone can tell.

    Threads that share the lock fairly leave it far more often than that to one that wants it ten times a second.
    """
    return next((t for t in process.threads if t.main and t.verdict == "gil-wait"), None)


def _is_dead(loop: ThreadView) -> bool:
    """True when it did not wake while it was watched, and used no CPU."""
    kernel = loop.kernel
    if kernel is None or kernel.seconds < _LEAST_SECONDS or kernel.voluntary_rate is None:
        return False
    return kernel.voluntary_rate < DEAD_RATE and kernel.demand < QUIET and kernel.last.state not in "RTt"


def _blocked(process: ProcessView, loop: ThreadView, loop_answers: bool | None) -> Judgement:
    """A loop that was dead; when it rests now, the stall has ended while we looked."""
    if loop.verdict in ("idle", "moving") and loop.stacks:
        return of_thread("loop-stalled", loop, sure=False)
    agreed = process.complete and loop.steady
    return of_thread("loop-blocked", loop, sure=agreed or loop_answers is False)


def _is_busy(loop: ThreadView) -> bool:
    """True when it computes in the user's code and does not come round. Heavy load looks alike for a moment."""
    if loop.kernel is None or loop.kernel.demand < BUSY or loop.own is None:
        return False
    return (loop.kernel.voluntary_rate or 0.0) < _SATURATED_RATE


def gil_holder(process: ProcessView, loop: ThreadView) -> ThreadView | None:
    """The thread that keeps the interpreter's lock from the loop, None when the loop does not wait for it.

    It is at the same line in every look, and holds the lock in each; threads that take turns do not.
    """
    if loop.verdict != "gil-wait":
        return None
    return next((t for t in process.threads if t.tid != loop.tid and t.holds_gil and t.steady), None)


def _starved(process: ProcessView, holder: ThreadView) -> Judgement:
    also = tuple(t.tid for t in process.threads if t.verdict == "gil-wait")
    threads = (holder.tid, *also)
    rate = holder.kernel.voluntary_rate if holder.kernel else None
    kept = rate is not None and rate < DEAD_RATE  # it never handed it over: not one pause after the other
    sure = kept and holder.own is not None
    return of_thread("loop-starved", holder, sure=sure, threads=threads, starved=str(len(also)))
