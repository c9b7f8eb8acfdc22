"""What a dump of all stacks (faulthandler, py-spy) says: which thread is held up, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradio_doctor.sdk import Finding, LogEvents, Source, check

_PY_SPY_THREAD = re.compile(r"^Thread (?:0x)?[0-9A-Fa-f]{1,20} \((?:active|idle)[\w+]{0,12}\)")
_PY_SPY_FRAME = re.compile(r"^ {4,12}(?P<function>[\w.<>]{1,120}) \((?P<file>[^()]{1,300}):(?P<line>\d{1,7})\)$")
_LOOP = ("asyncio/base_events.py", "asyncio/runners.py", "uvloop/loop.pyx")
_LOOP_FUNCTIONS = {"run_forever", "_run_once", "run_until_complete", "run"}
_RESTING = ("selectors.py", "asyncio/base_events.py", "asyncio/runners.py", "asyncio/events.py", "uvloop/loop.pyx",
            "uvicorn/server.py", "uvicorn/_compat.py", "asyncio/windows_events.py")
_WORKERS = ("anyio/_backends/_asyncio.py", "concurrent/futures/thread.py")
_FREE = ("queue.py", "concurrent/futures/thread.py", "anyio/_backends/_asyncio.py")
_NETWORK = ("ssl.py", "socket.py", "http/client.py", "urllib3/util/connection.py", "httpcore/_backends/sync.py")
_ALL_BUSY = 8  # so many workers at work in one dump, and none at rest, is a pool that is used up


@dataclass(frozen=True)
class _Stack:
    """One thread, outermost frame first: (file, function)."""

    frames: tuple[tuple[str, str], ...]
    source: Source
    count: int = 1

    def within(self, files: tuple[str, ...], functions: set[str] | None = None) -> bool:
        return any(f.endswith(files) and (functions is None or n in functions) for f, n in self.frames)

    @property
    def inner(self) -> tuple[str, str]:
        return self.frames[-1]


@check("blocking-stacks", finds=(
    "blocking.loop-held-in-dump", "blocking.pool-held-in-dump", "blocking.waits-in-dump",
))
def blocking_stacks(log: LogEvents) -> Iterator[Finding]:
    """A dump that no crash wrote: the loop's thread inside a handler, workers all busy, or threads at a socket."""
    if any(m.signature.startswith("crash.") and m.signature != "crash.thread-header" for m in log.matches):
        return
    stacks = [*_from_faulthandler(log), *_from_py_spy(log)]
    held = [s for s in stacks if s.within(_LOOP, _LOOP_FUNCTIONS) and not s.inner[0].endswith(_RESTING)]
    workers = [s for s in stacks if s.within(_WORKERS) and not s.within(_LOOP, _LOOP_FUNCTIONS)]
    busy = [s for s in workers if not s.inner[0].endswith(_FREE) and not s.frames[-2][0].endswith("/queue.py")]
    if held:
        yield _found("blocking.loop-held-in-dump", held[0])
    elif sum(s.count for s in busy) >= _ALL_BUSY and len(busy) == len(workers):
        yield _found("blocking.pool-held-in-dump", busy[0], count=str(sum(s.count for s in busy)))
    elif waiting := [s for s in busy if s.inner[0].endswith(_NETWORK)]:
        yield _found("blocking.waits-in-dump", waiting[0])


def _found(name: str, stack: _Stack, **more: str) -> Finding:
    file, function = stack.inner
    facts = {"function": function, "file": file.rpartition("/")[2], **more}
    return Finding(name, facts=facts, source=stack.source, replaces=("blocking.stack-dump", "crash.thread-header"))


def _from_faulthandler(log: LogEvents) -> Iterator[_Stack]:
    for traceback in log.tracebacks:
        link = traceback.last
        if link.short_type == "Stack" and len(link.frames) > 1:
            frames = tuple((f.file.replace("\\", "/"), f.function) for f in link.frames)
            yield _Stack(frames, link.source, traceback.count)


def _from_py_spy(log: LogEvents) -> Iterator[_Stack]:
    """py-spy prints the innermost frame first; a dump longer than the lines that are kept is read in part."""
    lines = log.head if log.head == log.tail or not log.tail else (*log.head, "", *log.tail)
    name = log.files[0].name if log.files else ""
    frames: list[tuple[str, str]] = []
    inside = False
    for text in (*lines, "end"):
        if inside and (found := _PY_SPY_FRAME.match(text)):
            frames.insert(0, (found["file"].replace("\\", "/"), found["function"]))
            continue
        if len(frames) > 1:
            yield _Stack(tuple(frames), Source("log", name))
        frames, inside = [], bool(_PY_SPY_THREAD.match(text))
