"""One line for many threads that do the same: 40 x waiting in app.py:31 predict."""

from __future__ import annotations

from collections.abc import Iterable

from gradio_doctor.live.model import Group, ThreadView, Verdict


def fold(threads: Iterable[ThreadView]) -> tuple[Group, ...]:
    """The threads in groups, the largest first."""
    groups: dict[tuple[Verdict, str, str, str], list[int]] = {}
    for view in threads:
        groups.setdefault((view.verdict, view.role, place_of(view), describe_wait(view)), []).append(view.tid)
    made = (Group(len(tids), v, role, place, wait, tuple(tids)) for (v, role, place, wait), tids in groups.items())
    return tuple(sorted(made, key=lambda g: (-g.count, g.place)))


def place_of(view: ThreadView) -> str:
    """Where a thread is, in the user's code if it is in any; "" for one that rests."""
    if view.verdict == "idle":
        return ""
    frame = view.own or next(iter(view.frames), None)
    return f"{frame.place} {frame.name}" if frame else ""


def describe_wait(view: ThreadView) -> str:
    """What a thread waits on, in a few words; "" when it does not wait or that is unknown."""
    wait = view.wait
    if wait is None or wait.kind == "other":
        return ""
    resource = wait.resource
    if wait.kind == "socket" and resource is not None:
        whom = {"self": " (the app itself)", "app": " (the app itself)"}.get(resource.peer, "")
        return f"socket {resource.remote or resource.name}{whom}"
    if wait.kind in ("file", "file-lock", "pipe-read", "pipe-full", "terminal") and resource is not None:
        return f"{wait.kind} {resource.name}".strip()
    if wait.kind == "pool":
        return f"{wait.library} connection pool"
    return f"{wait.kind} {wait.name}".strip()
