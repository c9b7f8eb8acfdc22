"""Changes of processes while we look: workers that are replaced, and an app that something starts anew."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gradio_doctor.evidence import HttpAnswers, Listeners, LogEvents, Process, Processes
from gradio_doctor.evidence.servers import Restart, Server
from gradio_doctor.live.model import Live
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.redact import clean
from gradio_doctor.probes.scripts import program_name, script_of_command

_BLOCKS = ("loop-blocked", "loop-busy", "loop-starved")
_YOUNG = 20.0  # seconds; what is older is not being started anew in quick succession
_RESTART_SECONDS = 12.0
_RELOAD_SECONDS = 12.0
_DYING_SECONDS = 12.0
_MOST_TIMEOUT = 6.0
_POLL = 0.15
_IMPORTED = 1.0  # seconds of CPU time; importing Gradio takes 2 to 5
_SHELL = re.compile(r"-?(?:ba|da|z|k|a|fi)?sh")
_NO_KEEPERS = frozenset({"pytest", "py.test", "uv", "poetry", "pipenv", "tini", "dumb-init", "gradio-doctor", "sudo"})


def reaped_seconds(pid: int) -> float | None:
    """CPU seconds of the children of a process that have ended (proc(5): cutime, cstime); None when unreadable."""
    import psutil

    try:
        times = psutil.Process(pid).cpu_times()
        return float(getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0))
    except (psutil.Error, OSError, ValueError):
        return None


def watch_workers(context: Context, server: Server) -> Mapping[str, Any]:
    """What became of the workers since the first look: the fields `ended`, `begun` and `seconds` of a Server.

    It waits only where the end of a worker is near: its loop does not run and the arbiter's time limit is short, the
    server reloads and has just done so, or its workers are young and others have ended before them.
    """
    if server.kind == "launch":
        return {}
    started = time.monotonic()
    end = started + _patience(context, server)
    first = {w.pid for w in server.workers}
    seen, now = set(first), _worker_pids(server, first)
    changes = 0
    while True:
        changes += bool(now - seen)
        seen |= now
        once = not server.on("reload") and seen - now
        if time.monotonic() >= end or (changes and once) or changes > 1:
            break
        time.sleep(_POLL)
        now = _worker_pids(server, now)
    gone = tuple(sorted((first | seen) - now))
    processes = context.known(Processes)
    seconds = time.time() - processes.now if isinstance(processes, Processes) else time.monotonic() - started
    return {"ended": gone, "begun": tuple(sorted(seen - first)), "seconds": seconds}


def _patience(context: Context, server: Server) -> float:
    if server.on("reload"):
        quick = any(w.age < _YOUNG / 2 and server.age > w.age + 1 for w in server.workers) or not server.workers
        return _RELOAD_SECONDS if quick and (server.reaped or 0) > 0.2 else 0.0
    if _dying(server):
        context.note(f"the workers of pid {server.pid} are young, and others have ended before them: watching that")
        return _DYING_SECONDS
    timeout = server.number("timeout")
    live = context.known(Live)
    if server.kind != "gunicorn" or not timeout or timeout > _MOST_TIMEOUT or not isinstance(live, Live):
        return 0.0
    blocked = {j.pid for j in live.judgements if j.kind in _BLOCKS and j.sure}
    return timeout + 2.0 if any(w.pid in blocked for w in server.workers) else 0.0


def _dying(server: Server) -> bool:
    """True when an arbiter that has been there for a while has young workers only, and has seen others end."""
    if server.replaces_by_plan or (server.reaped or 0.0) < _IMPORTED:
        return False
    return all(w.age < _YOUNG / 2 and server.age > w.age + 2 for w in server.workers)


def _worker_pids(server: Server, known: Iterable[int]) -> set[int]:
    """The arbiter's children that are workers: those known, and new ones that look like them."""
    import psutil

    try:
        children = psutil.Process(server.pid).children()
    except (psutil.Error, OSError):
        return set()
    return {c.pid for c in children if c.pid in set(known) or _is_worker(c, server)}


def _is_worker(child: Any, server: Server) -> bool:
    import psutil

    try:
        command = child.cmdline()
    except (psutil.Error, OSError):
        return False
    line = " ".join(command)
    if server.kind == "gunicorn":
        return len(command) == len(server.command) or line.startswith("gunicorn: worker")
    return "--multiprocessing-fork" in line


def watch_restarts(context: Context, roots: Sequence[Process], processes: Processes) -> tuple[Restart, ...]:
    """The apps that their keeper starts anew while we look, at most twelve seconds.

    Only those are watched that are young, and whose parent has had children before that took as long as an app takes
    to start; and only if the app is gone from where it served, or its output tells of several starts.
    """
    watched = [(r, k) for r in roots if (k := _keeper(context, r, processes)) is not None]
    if not watched:
        return ()
    context.note("the app is young and something seems to start it anew: watching that")
    root, keeper = watched[0]
    before = reaped_seconds(keeper.pid) or 0.0
    started = time.monotonic()
    pids = [root.pid]
    while time.monotonic() - started < _RESTART_SECONDS and len(pids) < 3:
        pids += [p for p in _running(keeper.pid, root) if p not in pids]
        if not _alive(keeper.pid):
            break
        time.sleep(_POLL)
    if len(pids) < 2:
        return ()
    shown = clean(keeper.command_line, 200)
    return (Restart(keeper.pid, shown, tuple(pids), time.monotonic() - started, before),)


def _keeper(context: Context, root: Process, processes: Processes) -> Process | None:
    """The process that may start this one anew."""
    keeper = processes.get(root.ppid)
    if keeper is None or keeper.pid <= 1 or processes.now - root.started > _YOUNG:
        return None
    if keeper.started > root.started - 1 or (reaped_seconds(keeper.pid) or 0.0) < _IMPORTED:
        return None
    names = {program_name(a) for a in keeper.command[:4]}
    if not keeper.command or names & _NO_KEEPERS or keeper.script == root.script:
        return None
    shell = bool(_SHELL.fullmatch(program_name(keeper.command[0])))
    if shell and all(a.startswith("-") and a != "-c" for a in keeper.command[1:]):  # somebody types there
        return None
    return keeper if _is_gone(context, root) or _started_before(context) else None


def _is_gone(context: Context, root: Process) -> bool:
    """True when nobody serves where the app was. One that is silent hangs: waiting for its end would be in vain."""
    http = context.known(HttpAnswers)
    if not isinstance(http, HttpAnswers):
        listeners = context.get(Listeners)
        if not isinstance(listeners, Listeners):
            return False
        return not listeners.held_by(root.pid) and not listeners.local_of([root.pid])
    return any(a.outcome in ("refused", "reset", "unreachable") for a in http.answers)


def _started_before(context: Context) -> bool:
    """True when the app's own output tells of several starts."""
    log = context.get(LogEvents)
    match = log.get("server.app-came-up") if isinstance(log, LogEvents) else None
    return match is not None and match.count > 1


def _running(keeper: int, root: Process) -> list[int]:
    """The children of a keeper that run the same file with the same program."""
    import psutil

    try:
        children = psutil.Process(keeper).children()
    except (psutil.Error, OSError):
        return []
    return [c.pid for c in children if _same(c, root)]


def _same(child: Any, root: Process) -> bool:
    import psutil

    try:
        command = child.cmdline()
        if len(command) != len(root.command):
            return False
        return bool(script_of_command(command, child.cwd()) == root.script)
    except (psutil.Error, OSError):
        return False


def _alive(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid)
