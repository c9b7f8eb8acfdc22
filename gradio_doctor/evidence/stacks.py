"""Python stacks of the app's processes, sampled from outside. Never the values of variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradio_doctor.evidence.base import Absent

StackMode = Literal["pausing", "non-pausing", "remote"]


@dataclass(frozen=True, slots=True)
class StackFrame:
    """One frame. `own` marks user code; of such frames, `text` is the source line ("" when it cannot be trusted).

    `inside` are the expressions of the `with` blocks around the line, outermost first: locks that it may hold.
    """

    function: str
    file: str
    line: int
    own: bool = False
    text: str = ""
    inside: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The function's own name. Up to Python 3.10, frames have no qualified names; so nobody compares those."""
        return self.function.rpartition(".")[2]

    def at(self, name: str, *files: str) -> bool:
        """True when this is the function of that name in a file that ends in one of `files` ("gradio/utils.py")."""
        path = self.file.replace("\\", "/")
        return self.name == name and any(path == f or path.endswith("/" + f) for f in files)

    @property
    def place(self) -> str:
        """File and line, for people."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class ThreadStack:
    """The frames of one thread, innermost first. `cpu`: seconds of CPU time it had used just before the look.

    `holds_gil` is what py-spy read in the interpreter. Its "idle" and "active" are left out: a blocked thread is
    "idle" to it, and an idle loop sometimes "active". `cut` is True when frames in the middle were left out.
    """

    tid: int
    name: str
    frames: tuple[StackFrame, ...]
    holds_gil: bool = False
    cpu: float | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class StackSample:
    """One look at all threads of a process, `at` seconds after the first look at it."""

    at: float
    threads: tuple[ThreadStack, ...]

    def get(self, tid: int) -> ThreadStack | None:
        """The stack of one thread, or None when it was not there."""
        return next((t for t in self.threads if t.tid == tid), None)


@dataclass(frozen=True, slots=True)
class ProcessStacks:
    """The looks at one process, in time order; `mode` tells whether the process was paused for them.

    "remote" is the interpreter's own facility (Python 3.15 and later), which does not pause.
    """

    pid: int
    samples: tuple[StackSample, ...]
    mode: StackMode = "pausing"

    def of(self, tid: int) -> tuple[ThreadStack, ...]:
        """The looks at one thread."""
        return tuple(t for s in self.samples if (t := s.get(tid)))

    @property
    def tids(self) -> tuple[int, ...]:
        """The threads that were there in every look."""
        first, *others = self.samples or (StackSample(0.0, ()),)
        return tuple(t.tid for t in first.threads if all(s.get(t.tid) for s in others))


@dataclass(frozen=True, slots=True)
class Stacks:
    """Stacks of the app's Python processes, the serving one first. `absent` says whose could not be had, and why."""

    processes: tuple[ProcessStacks, ...]
    absent: Mapping[int, Absent] = field(default_factory=dict)

    def of(self, pid: int) -> ProcessStacks | None:
        """The stacks of one process, or None when they could not be had."""
        return next((p for p in self.processes if p.pid == pid), None)
