"""What the tasks of the app's event loops await, by the interpreter's own look into another process.

`python -m asyncio pstree` reads it without a pause, from Python 3.14 on, and only by an interpreter of the same minor
version: the process's own. Up to 3.14 it finds the tasks of the main thread alone (Gradio's own server is another).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from gradio_doctor.evidence import Absent, AsyncTask, Process, Processes, StackFrame, Tasks
from gradio_doctor.live.awaiting import judge_tasks
from gradio_doctor.logs.frames import is_library
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.bounded_process import run_bounded
from gradio_doctor.probes.live import PATIENCE
from gradio_doctor.probes.own_interpreter import own_interpreter
from gradio_doctor.probes.redact import clean
from gradio_doctor.probes.stacks_source import Sources, absolute
from gradio_doctor.probes.threads_family import attach_refused, family, pythons
from gradio_doctor.probes.threads_memory import python_minor

_FIRST_MINOR = 14
_SECONDS = 3.0
_MOST_OUTPUT, _MOST_TASKS, _DEEPEST = 8 << 20, 2000, 200
_NODE = re.compile(r"([ │├└]{0,800})── {1,3}(\S.{0,1500})")
_FRAME = re.compile(r"(\S{1,300}) (.{1,1000}):(\d{1,7})")
_INDENT = 4  # columns that a level of the tree takes


def probe_tasks(context: Context) -> Tasks | Absent:
    """The tasks of the app's Python processes; a second time some seconds later where a handler seems to be stuck."""
    if not context.options.allows("sample"):
        return Absent("looking into the app needs --invasive sample", "gradio-doctor diagnose --invasive sample")
    members = family(context)
    if isinstance(members, Absent):
        return members
    chosen = pythons(members, context.get(Processes))
    found = _look(chosen)
    if found.tasks and judge_tasks(found.tasks):
        started = time.monotonic()
        time.sleep(PATIENCE)
        found = _lasting(found, _look(chosen), time.monotonic() - started)
    return found if found.tasks or not found.absent else next(iter(found.absent.values()))


def _look(processes: tuple[Process, ...]) -> Tasks:
    tasks: list[AsyncTask] = []
    absent: dict[int, Absent] = {}
    for process in processes:
        seen = _tasks_of(process)
        if isinstance(seen, Absent):
            absent[process.pid] = seen
        else:
            tasks += seen
    return Tasks(tuple(tasks), absent)


def _lasting(before: Tasks, after: Tasks, seconds: float) -> Tasks:
    """The later look, with how long each task has stood where it stands."""
    stood = set(before.tasks)
    return Tasks(tuple(AsyncTask(t.pid, t.name, t.frames, seconds) if t in stood else t for t in after.tasks),
                 after.absent)


def _tasks_of(process: Process) -> list[AsyncTask] | Absent:
    minor = python_minor(process.pid)
    if minor < _FIRST_MINOR:
        return Absent(f"what tasks await can be seen from Python 3.14 on; pid {process.pid} runs an older one")
    if refused := attach_refused(process):
        return refused
    program = own_interpreter(process.pid)
    if isinstance(program, Absent):
        return program
    command = [program, "-I", "-S", "-m", "asyncio", "pstree", str(process.pid)]
    plain = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "PYTHON_COLORS": "0", "NO_COLOR": "1"}
    try:
        done = run_bounded(command, seconds=_SECONDS, limit=_MOST_OUTPUT, directory="/", environment=plain)
    except (OSError, ValueError, TimeoutError) as error:
        return Absent(f"{program} -m asyncio pstree did not work: {clean(str(error), 200)}")
    if done.code != 0:
        said = clean(done.errors.decode("utf-8", "replace").strip().rpartition("\n")[2], 200)
        return Absent(f"{program} -m asyncio pstree gave up: {said}")
    return list(parse_tree(done.output.decode("utf-8", "replace"), process))


def parse_tree(text: str, process: Process) -> Iterator[AsyncTask]:
    """A task for each leaf of the trees that `pstree` prints: tasks and coroutines, the awaiting above the awaited."""
    sources = Sources(f"/proc/{process.pid}/root", process.started)
    path: list[str] = []
    made = 0
    for line in (*text.splitlines(), "── (end)"):
        node = _NODE.match(line)
        if node is None:
            continue
        depth = min(len(node[1]) // _INDENT, _DEEPEST)
        if depth < len(path) and made < _MOST_TASKS:
            made += 1
            yield _task(path, process, sources)
        path = [*path[:depth], node[2]]


def _task(path: list[str], process: Process, sources: Sources) -> AsyncTask:
    names = [node[4:] for node in path if node.startswith("(T) ")]
    frames = [frame for node in reversed(path) if (frame := _frame(node, process, sources))]
    return AsyncTask(process.pid, clean(names[0] if names else "", 200), tuple(frames))


def _frame(node: str, process: Process, sources: Sources) -> StackFrame | None:
    found = _FRAME.fullmatch(node)
    if found is None or node.startswith("(T) "):
        return None
    file, line = absolute(clean(found[2], 1000), process.cwd), int(found[3])
    own = not is_library(file)
    text, inside = sources.line(file, line) if own else ("", ())
    return StackFrame(clean(found[1], 200), file, line, own, text, inside)
