"""Threads that wait on locks: a deadlock, and a queue of them before one lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradio_doctor.evidence import Location
from gradio_doctor.live.making import location, of_thread
from gradio_doctor.live.model import Judgement, ProcessView, ThreadView

_CONVOY = 3


def judge_locks(process: ProcessView) -> Iterator[Judgement]:
    """A deadlock if there is one, and convoys of three and more."""
    waiting = [t for t in process.threads if _waits_on_lock(t)]
    cycle = _cycle(waiting)
    if cycle:
        yield _deadlock(cycle, waiting, sure=True)
    elif _nobody_can_release(process, waiting):
        yield _deadlock(waiting, waiting, sure=False)
    in_deadlock = {t.tid for t in cycle}
    yield from _convoys(process, [t for t in waiting if t.tid not in in_deadlock])


def _waits_on_lock(view: ThreadView) -> bool:
    """Waits on a lock, and did not run while watched: a thread that waits for the interpreter's lock wakes often."""
    quiet = view.kernel is None or view.kernel.still or (view.kernel.voluntary_rate or 0.0) < 3
    return view.verdict == "waiting" and view.wait is not None and view.wait.kind == "lock" and quiet


def _held(view: ThreadView) -> set[tuple[str, str]]:
    """The names that a thread may hold: of the `with` blocks that its frames are inside of."""
    return {(f.file, name) for f in view.frames if f.own for name in f.inside}


def _wanted(view: ThreadView) -> tuple[str, str]:
    return (view.frames[0].file, view.wait.name if view.wait else "")


def _cycle(waiting: Sequence[ThreadView]) -> list[ThreadView]:
    """Threads each of which holds what the one before waits on; a single one that waits on what it holds counts."""
    holders: dict[tuple[str, str], ThreadView] = {}
    for view in waiting:
        for name in _held(view):
            holders.setdefault(name, view)
    for start in waiting:
        path: list[ThreadView] = []
        at: ThreadView | None = start
        while at is not None and at not in path:
            path.append(at)
            at = holders.get(_wanted(at))
        if at is not None:
            return path[path.index(at) :]
    return []


def _nobody_can_release(process: ProcessView, waiting: Sequence[ThreadView]) -> bool:
    """True when two locks are waited on for ever, and no other thread is in the user's code that could hold them."""
    endless = [t for t in waiting if t.wait is not None and t.wait.endless]
    locks = {t.wait.lock for t in endless if t.wait is not None and t.wait.lock}
    if len(locks) < 2 or len(endless) != len(waiting):
        return False
    tids = {t.tid for t in waiting}
    others = (t for t in process.threads if t.tid not in tids and t.verdict not in ("idle", "gil-wait"))
    return not any(t.own is not None and t.role != "main" for t in others)


def _deadlock(cycle: Sequence[ThreadView], waiting: Sequence[ThreadView], *, sure: bool) -> Judgement:
    first = cycle[0]
    ambiguous = any(t.wait is not None and t.wait.name.startswith("self.") for t in cycle)
    made = of_thread(
        "deadlock", first, sure=sure and not ambiguous, threads=tuple(t.tid for t in cycle), behind=str(len(waiting)),
        locks=", ".join(dict.fromkeys(t.wait.name for t in cycle if t.wait and t.wait.name)),
    )
    return replace(made, others=_places(cycle[1:]))


def _places(views: Sequence[ThreadView]) -> tuple[Location, ...]:
    return tuple(place for view in views if (place := location(view.own)))


def _convoys(process: ProcessView, waiting: Sequence[ThreadView]) -> Iterator[Judgement]:
    groups: dict[object, list[ThreadView]] = defaultdict(list)
    for view in waiting:
        if view.wait is not None:
            groups[view.wait.lock or _wanted(view)].append(view)
    for members in groups.values():
        if len(members) >= _CONVOY and (made := _convoy(process, members)):
            yield made


def _works(view: ThreadView) -> bool:
    """True for a holder that computes, now and then rests for a moment, or has a child that works for it."""
    waits = view.wait.kind if view.wait is not None else ""
    if view.verdict in ("busy-python", "busy-native", "moving", "gil-wait") or waits == "child":
        return True
    return view.kernel is not None and not view.kernel.still


def _convoy(process: ProcessView, members: Sequence[ThreadView]) -> Judgement | None:
    """None where the holder is at work: then they take their turns, one after the other."""
    wanted, tids = _wanted(members[0]), {t.tid for t in members}
    holder = next((t for t in process.threads if t.tid not in tids and wanted in _held(t)), None)
    if holder is not None and _works(holder):
        return None
    made = of_thread(
        "lock-convoy", members[0], sure=holder is not None, threads=tuple(tids), count=str(len(members)),
        lock=wanted[1], holder=holder.verdict if holder else "",
    )
    return replace(made, others=_places([holder] if holder else []))
