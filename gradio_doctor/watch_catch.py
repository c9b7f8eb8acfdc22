"""Catching a block in the act: what the event loop's thread does at the very moment that a request is late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradio_doctor.evidence import Absent, Process, Stacks, Threads
from gradio_doctor.live import Live, fold, judge, view_processes
from gradio_doctor.live.making import of_thread
from gradio_doctor.live.model import Judgement, ProcessView
from gradio_doctor.probes.stacks import MOST_PAUSED_THREADS, sample_all
from gradio_doctor.probes.threads import watch
from gradio_doctor.probes.threads_family import on_linux
from gradio_doctor.probes.threads_sockets import Neighbours

_LOOK_SECONDS = 0.06  # the kernel's view first: being attached to falsifies it
_SPACING = 0.08
_ON_LOOP = frozenset({"loop-blocked", "loop-busy", "loop-starved", "self-call", "pipe-full", "deadlock"})


@dataclass(frozen=True, slots=True)
class Caught:
    """What was seen in the act; `live` holds no judgement when the loop was not found blocked."""

    live: Live
    threads: Threads | Absent
    stacks: Stacks | Absent


def catch(processes: Sequence[Process], around: Neighbours, program: str, *, may_pause: bool) -> Caught:
    """Two looks of the kernel and two at the stacks, in about a quarter of a second. `program` is py-spy, "" none."""
    threads: Threads | Absent = Absent("only Linux shows what a thread waits on")
    if on_linux():
        threads = watch(processes, around, seconds=_LOOK_SECONDS, samples=2)
    stacks: Stacks | Absent = Absent("py-spy is not installed", "pip install py-spy")
    if program:
        pausable = [p for p in processes if may_pause or p.threads <= MOST_PAUSED_THREADS]
        stacks = sample_all(program, processes, lambda p: p in pausable, samples=2, spacing=_SPACING, seconds=2.0)
    return Caught(judged(threads, stacks, processes), threads, stacks)


def judged(threads: Threads | Absent, stacks: Stacks | Absent, processes: Sequence[Process]) -> Live:
    """The judgements on the event loop alone: for all else, the looks were too short."""
    views = view_processes(threads, stacks)
    found = [j for j in judge(threads, stacks, loop_answers=False) if j.kind in _ON_LOOP]
    if not any(j.kind.startswith("loop-") for j in found):
        found += [j for view in views if (j := _held(view))]
    groups = {v.pid: fold(v.threads) for v in views}
    return Live(tuple(found), groups, isinstance(stacks, Stacks), tuple(p.pid for p in processes[:1]))


def _held(process: ProcessView) -> Judgement | None:
    """The loop that waits at one line of the user's code in every look, while a request is late."""
    loop = process.loop
    if loop is None or not process.complete or loop.own is None or not loop.steady or loop.verdict != "waiting":
        return None
    return of_thread("loop-blocked", loop, sure=True)
