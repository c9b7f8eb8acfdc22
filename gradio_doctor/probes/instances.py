"""Which running processes are the app that the person asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from gradio_doctor.evidence import Absent, Instances, Listeners, Process, Processes, Run
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.families import family_of
from gradio_doctor.probes.looks import behind_node, is_launcher, is_ours, looks_like_gradio
from gradio_doctor.probes.processes import read_process
from gradio_doctor.probes.scripts import is_python, script_of_command
from gradio_doctor.probes.wanted import port_of_command

Seeds = list[Process]


def probe_instances(context: Context) -> Instances | Absent:
    """The app's processes; an Instances without any when it does not run, Absent when that cannot be told."""
    processes = context.get(Processes)
    if isinstance(processes, Absent):
        return processes
    seeds = _FINDERS[context.target.kind](context, processes)
    if isinstance(seeds, Absent):
        return seeds
    if context.options.fresh:  # whatever else runs of it is not what is looked at
        seeds = _started_here(context, processes)
    main, children = family_of(seeds, processes.table)
    scripts = {p.script for p in main if p.script}
    script = context.target.script or (scripts.pop() if len(scripts) == 1 else "")
    return Instances(script, main, children, _started_by_us(context, processes))


def script_of(pid: int) -> str:
    """The absolute path of the Python file that a process runs; "" when it runs none, has ended or hides it."""
    process = read_process(pid)
    return process.script if process else ""


def serving(instances: Instances, pid: int | None = None) -> Process | None:
    """The Python process of the app to look into: `pid` if it is one of them, else the oldest that is no launcher."""
    everyone = sorted(instances.all, key=lambda p: p.pid != pid)
    workers = [p for p in everyone if is_python(p.command, p.exe) and not is_launcher(p)]
    return next(iter(workers or everyone), None)


def subject(context: Context) -> Process | Absent | None:
    """The process to look into on behalf of the target; None when the app does not run."""
    instances = context.get(Instances)
    return instances if isinstance(instances, Absent) else serving(instances, context.target.pid)


def _started_by_us(context: Context, processes: Processes) -> int | None:
    run = context.known(Run)
    return run.pid if isinstance(run, Run) and processes.get(run.pid) else None


def _started_here(context: Context, processes: Processes) -> Seeds:
    process = processes.get(pid) if (pid := _started_by_us(context, processes)) else None
    return [process] if process else []


def _of_script(context: Context, processes: Processes) -> Seeds | Absent:
    wanted = context.target.script or ""
    found = _running(wanted, processes)
    hidden = next((p for p in processes.table.values() if not found and _may_run(p, Path(wanted).name)), None)
    if hidden is None:
        return found
    why = f"pid {hidden.pid} of user {hidden.user} runs a file of that name in a directory that we may not see"
    return Absent(why, f'sudo "$(command -v gradio-doctor)" diagnose pid:{hidden.pid}')


def _may_run(process: Process, name: str) -> bool:
    """True when only the directory of a process, hidden from us, would tell whether it runs the file."""
    return not process.cwd and not process.script and Path(script_of_command(process.command, "/")).name == name


def _running(wanted: str, processes: Processes) -> Seeds:
    """The processes whose script is that very file, by whatever path (a symlink, a container's mount)."""
    identity = _identity(wanted)
    return [p for p in processes.table.values() if p.script and _runs(p, wanted, identity)]


def _runs(process: Process, wanted: str, identity: tuple[int, int] | None) -> bool:
    seen = _identity(f"/proc/{process.pid}/root{process.script}") or _identity(process.script)
    return process.script == wanted if seen is None or identity is None else seen == identity


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _of_pid(context: Context, processes: Processes) -> Seeds | Absent:
    pid = context.target.pid or 0
    process = processes.get(pid)
    if process is None or process.state == "zombie":
        return Absent(f"process {pid} has ended")
    found = behind_node(process, processes, lambda: _listeners(context)) or [process]
    return found + [p for f in found if f.script for p in _running(f.script, processes) if p not in found]


def _of_port(context: Context, processes: Processes) -> Seeds | Absent:
    port = context.target.port
    if port is None:
        return Absent(f"{context.target.text} is on another machine, whose processes cannot be seen from here")
    listeners = context.get(Listeners)
    if isinstance(listeners, Absent):
        return listeners
    sockets = listeners.on(port)
    holders = [p for s in sockets for pid in s.holders if (p := processes.get(pid))]
    if sockets and not holders:
        unlock = f'sudo "$(command -v gradio-doctor)" diagnose port:{port}'
        return Absent(f"port {port} is held by a process of another user or container, which we may not see", unlock)
    if not sockets:  # a server whose workers do not come up listens on no port, and is told to
        told = [p for p in processes.table.values() if port_of_command(p.command) == port]
        return [p for p in told if p.state != "zombie" and p.ppid not in {t.pid for t in told}]
    return [b for p in holders for b in (behind_node(p, processes, lambda: listeners) or [p])]


def _gradio_apps(context: Context, processes: Processes) -> Seeds:
    listeners = _listeners(context)
    holders = {pid for s in listeners.sockets for pid in s.holders} if listeners else set()
    foreign = [p for p in processes.table.values() if not is_ours(p, processes.table)]
    return [p for p in foreign if looks_like_gradio(p, p.pid in holders)]


def _listeners(context: Context) -> Listeners | None:
    listeners = context.get(Listeners)
    return None if isinstance(listeners, Absent) else listeners


def _elsewhere(context: Context, processes: Processes) -> Absent:  # noqa: ARG001 - one of the finders
    return Absent("only recorded evidence was given: it does not tell which processes run here")


_FINDERS: Mapping[str, Callable[[Context, Processes], Seeds | Absent]] = {
    "script": _of_script, "process": _of_pid, "port": _of_port, "url": _of_port, "none": _gradio_apps,
    "log": _elsewhere, "bundle": _elsewhere,
}
