"""Makes judgements out of views."""

from __future__ import annotations

from gradio_doctor.evidence import Location, StackFrame
from gradio_doctor.live.fold import describe_wait
from gradio_doctor.live.model import Judgement, JudgementKind, ThreadView

_FOLDED = 24


def location(frame: StackFrame | None) -> Location | None:
    """A frame as a place in the user's code."""
    return Location(frame.file, frame.line, frame.name, frame.text) if frame else None


def folded(frames: tuple[StackFrame, ...]) -> tuple[StackFrame, ...]:
    """The user's frames and the innermost one, innermost first, at most 24: what a report shows of a stack."""
    return tuple(f for i, f in enumerate(frames) if f.own or i == 0)[:_FOLDED]


def of_thread(
    kind: JudgementKind, view: ThreadView, *, sure: bool, threads: tuple[int, ...] = (), **facts: str
) -> Judgement:
    """A judgement on one thread (and `threads` like it), with its evidence."""
    wait = describe_wait(view)
    looks = len(view.stacks) + (len(view.kernel.samples) if view.kernel else 0)
    return Judgement(
        kind, view.pid, sure, threads or (view.tid,), location(view.own), (), view.wait, view.since_run,
        view.cpu_share, looks, folded(view.frames), {"role": view.role, "does": view.verdict, "wait": wait, **facts},
    )
