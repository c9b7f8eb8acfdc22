"""Threads that wait for something outside of them: another server, the app itself, a pipe, a pool of connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradio_doctor.live.making import folded, location, of_thread
from gradio_doctor.live.model import Judgement, JudgementKind, ProcessView, ThreadView

_INSIDE = ("lock", "event", "queue", "future", "join")
_SERVING = ("loop", "worker", "executor")


def judge_outside(process: ProcessView) -> Iterator[Judgement]:
    """Self-calls, waits on other servers (one for each), on pools of connections, and on full pipes."""
    waiting = [t for t in process.threads if t.wait is not None and t.verdict == "waiting"]
    roles = _SERVING if process.loop else (*_SERVING, "main")  # before it serves, the main thread does the work
    serving = [t for t in waiting if t.role in roles or not process.complete]
    peers: dict[tuple[JudgementKind, str], list[ThreadView]] = defaultdict(list)
    for view in serving:
        if key := _peer(view):
            peers[key].append(view)
    for (kind, remote), views in peers.items():
        made = _grouped(kind, views, process, remote=remote, port=remote.rpartition(":")[2])
        yield _for_whom(made, views, process) if kind == "self-call" else made
    pools: dict[str, list[ThreadView]] = defaultdict(list)
    for view in serving:
        if view.wait is not None and view.wait.kind == "pool":
            pools[view.wait.library].append(view)
    for library, views in pools.items():
        yield _grouped("connection-pool-wait", views, process, library=library)
    for view in serving:
        if view.wait is not None and view.wait.kind == "child" and view.wait.resource and view.wait.resource.full:
            yield of_thread("child-chokes", view, sure=view.steady, child=view.wait.resource.name)
    if full := [t for t in waiting if t.wait is not None and t.wait.kind == "pipe-full"]:
        yield _pipe(full)


def _peer(view: ThreadView) -> tuple[JudgementKind, str] | None:
    """Who is waited on, as (kind, address); None for a wait on something else, or on an accepted connection."""
    wait = view.wait
    if wait is None or wait.kind != "socket" or wait.resource is None or not wait.resource.remote:
        return None
    if wait.resource.peer in ("self", "app"):
        return "self-call", wait.resource.remote
    return "upstream-wait", wait.resource.remote


def _for_whom(made: Judgement, views: Sequence[ThreadView], process: ProcessView) -> Judgement:
    """With the handler that waits, where a library's thread does the asking; and whether any other handler works."""
    others = [t for t in process.threads if t not in views and t.own is not None and t.verdict != "idle"]
    inside = [t for t in others if t.wait is not None and t.wait.kind in _INSIDE]
    works = any(t.role in _SERVING for t in others if t not in inside)
    waits = next((t for t in inside if t.role == "worker"), None)
    if made.location is None and waits is not None:
        made = replace(made, location=location(waits.own), stack=folded(waits.frames))
    return replace(made, facts={**made.facts, "others": "work" if works else "rest"})


def _grouped(kind: JudgementKind, views: Sequence[ThreadView], process: ProcessView, **facts: str) -> Judgement:
    """One judgement for all threads that wait on the same; the loop's own wait is shown first."""
    first = next((v for v in views if v.role == "loop"), max(views, key=lambda v: v.since_run or 0.0))
    endless = all(v.wait is not None and v.wait.endless for v in views)
    return of_thread(
        kind, first, sure=process.complete and first.steady, threads=tuple(v.tid for v in views),
        count=str(len(views)), endless="yes" if endless else "no", **facts,
    )


def _pipe(views: Sequence[ThreadView]) -> Judgement:
    first = next((v for v in views if v.role == "loop"), views[0])
    resource = first.wait.resource if first.wait else None
    fd = resource.fd if resource else None
    stream = {1: "stdout", 2: "stderr"}.get(fd if fd is not None else -1, "")
    readers = ", ".join(map(str, resource.readers)) if resource else ""
    return of_thread("pipe-full", first, sure=True, threads=tuple(v.tid for v in views), stream=stream, readers=readers)
