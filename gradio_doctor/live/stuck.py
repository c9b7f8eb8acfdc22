"""Handlers that wait for what nothing in the app will ever do: a lock never released, a queue that nobody fills."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradio_doctor.live.making import of_thread
from gradio_doctor.live.model import Judgement, ProcessView, ThreadView, WaitKind

_INSIDE: frozenset[WaitKind] = frozenset({
    "lock", "event", "queue", "future", "join", "file-lock", "pipe-read", "terminal",
})
_ALONE: frozenset[WaitKind] = frozenset({"file-lock", "pipe-read"})  # another process could end these
_RESTS = 2.5  # seconds without having run at all


def judge_stuck(process: ProcessView, others: Sequence[ProcessView]) -> Iterator[Judgement]:
    """A handler that waits inside the app, while no thread of it runs, or waits for anything else.

    What is left are new requests, which end such a wait in few apps: the judgement is not sure, and the queue's length
    or the kind of wait has to confirm it.
    """
    if not process.complete or process.loop is None:
        return
    held = [t for t in process.threads if _is_held(t)]
    if not held or not all(_cannot_help(t) for t in process.threads if t not in held):
        return
    handlers = [t for t in held if t.role == "worker"]
    if not handlers or not all(_inert(t) for p in others for t in p.threads):
        return
    if others and any(t.wait is not None and t.wait.kind in _ALONE for t in held):
        return
    first = max(handlers, key=lambda t: t.since_run or 0.0)
    kinds = {t.wait.kind for t in held if t.wait is not None}
    behind = len(held) - len(handlers)
    yield of_thread(
        "handler-stuck", first, sure=False, threads=tuple(t.tid for t in handlers), count=str(len(handlers)),
        lock="yes" if kinds == {"lock"} or (kinds <= {"lock", "future"} and behind) else "",
    )


def _is_held(view: ThreadView) -> bool:
    """Waits inside the app, in code of the user's, for nothing but that."""
    wait = view.wait
    if view.verdict != "waiting" or wait is None or view.own is None or not view.steady:
        return False
    return view.role != "loop" and wait.kind in _INSIDE and wait.endless and not (view.kernel and not view.kernel.still)


def _cannot_help(view: ThreadView) -> bool:
    """True for threads that will not end anybody's wait by themselves: they rest, or have long not run."""
    if view.role in ("loop", "helper"):
        return view.verdict in ("idle", "waiting", "moving", "unknown")
    if view.role == "other-loop":  # what its tasks await, nobody sees
        return False
    return view.verdict == "idle" or (view.own is None and (view.main or _inert(view)))


def _inert(view: ThreadView) -> bool:
    """True when it has long not run, and no time, child, or other machine will wake it."""
    if view.verdict == "idle":
        return True
    kind = view.wait.kind if view.wait is not None else "other"
    call = view.kernel.last.call if view.kernel else None
    inside = kind in _INSIDE or (kind == "other" and call is not None and call.name in ("futex", "futex_waitv"))
    return inside and (view.since_run or 0.0) >= _RESTS
