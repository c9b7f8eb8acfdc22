"""Sorts the processes of an app into those that somebody started and those that came out of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from gradio_doctor.evidence import Process

_MOST_ANCESTORS = 64
_WORKER_MARKS = (
    "--multiprocessing-fork", "multiprocessing.spawn import spawn_main", "multiprocessing.forkserver import",
)

Table = Mapping[int, Process]


def family_of(seeds: Iterable[Process], table: Table) -> tuple[tuple[Process, ...], tuple[Process, ...]]:
    """The seeds, their launchers and their descendants that are the app too: (main, children), each oldest first.

    An orphan counts as a child when an older process has its command line and session: it is a fork of that one, or
    of a fork that has ended. Zombies are left out.
    """
    members: dict[int, Process] = {}
    for seed in seeds:
        for process in (seed, *_launchers(seed, table)):
            members[process.pid] = process
    members.update({p.pid: p for p in _offspring(list(members.values()), table)})
    running = sorted((p for p in members.values() if p.state != "zombie"), key=lambda p: (p.started, p.pid))
    pids = {p.pid for p in running}
    children = [p for p in running if _has_ancestor(p, pids, table) or _is_orphaned_fork(p, running)]
    main = [p for p in running if p not in children]
    return tuple(main), tuple(children)


def ancestors(process: Process, table: Table) -> Iterator[Process]:
    """The parent, its parent and so on, as far as they can be seen (a table with a loop ends too)."""
    for _ in range(_MOST_ANCESTORS):
        parent = table.get(process.ppid)
        if parent is None or parent.pid == process.pid:
            return
        yield parent
        process = parent


def _launchers(process: Process, table: Table) -> Iterator[Process]:
    """The parents that run the same script: `gradio app.py`, `uv run app.py`; for a worker, the one that spawned it."""
    seen = process
    for parent in ancestors(process, table):
        if not (parent.script and (parent.script == seen.script or is_worker(seen))):
            return
        yield parent
        seen = parent


def _offspring(members: list[Process], table: Table) -> Iterator[Process]:
    by_parent: dict[int, list[Process]] = defaultdict(list)
    for process in table.values():
        by_parent[process.ppid].append(process)
    queue, done = list(members), {p.pid for p in members}
    while queue:
        parent = queue.pop()
        for child in by_parent[parent.pid]:
            if child.pid not in done and _is_same_app(child, parent):
                done.add(child.pid)
                queue.append(child)
                yield child


def _is_same_app(child: Process, parent: Process) -> bool:
    if not child.command:
        return False
    return child.command == parent.command or child.script == parent.script != "" or is_worker(child)


def is_worker(process: Process) -> bool:
    """True for a process that Python's multiprocessing spawned: its command line does not name the script."""
    return any(mark in argument for argument in process.command for mark in _WORKER_MARKS)


def _has_ancestor(process: Process, pids: set[int], table: Table) -> bool:
    return any(a.pid in pids for a in ancestors(process, table))


def _is_orphaned_fork(process: Process, running: list[Process]) -> bool:
    return process.orphan and any(
        older.pid != process.pid
        and (older.started, older.pid) < (process.started, process.pid)
        and older.command == process.command
        and older.session == process.session
        for older in running
    )
