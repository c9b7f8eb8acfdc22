"""Whether the worker threads are all taken, and what for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from gradio_doctor.live.making import of_thread
from gradio_doctor.live.model import Judgement, ProcessView, ThreadView

DEFAULT_LIMITS = (40,)  # AnyIO's own, which Gradio shares unless max_threads says otherwise


def judge_pool(process: ProcessView, limits: Sequence[int]) -> Iterator[Judgement]:
    """The pool when as many worker threads as one of the limits allows stand, or compute, at one place in every look.

    Threads that get on are a pool at work: with many users all of it is taken, and everybody is served.
    """
    workers = process.having("worker")
    busy = [t for t in workers if t.verdict in ("waiting", "busy-python", "busy-native")]
    limit = next((n for n in sorted(limits) if 0 < n <= len(busy)), None)
    if limit is None:
        return
    stuck = [t for t in busy if t.verdict == "waiting"]
    shown = _typical(stuck or busy)
    yield of_thread(
        "pool-exhausted", shown, sure=len(stuck) >= limit, threads=tuple(t.tid for t in busy), limit=str(limit),
        busy=str(len(busy)), stuck=str(len(stuck)), idle=str(len(workers) - len(busy)),
    )


def _typical(views: Sequence[ThreadView]) -> ThreadView:
    """A thread at the place where most of them are."""
    places = Counter(v.own.place if v.own else "" for v in views)
    most = places.most_common(1)[0][0]
    return next(v for v in views if (v.own.place if v.own else "") == most)
