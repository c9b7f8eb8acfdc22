"""What the tasks of the app's event loops await. Never the values of variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gradio_doctor.evidence.base import Absent
from gradio_doctor.evidence.stacks import StackFrame


@dataclass(frozen=True, slots=True)
class AsyncTask:
    """What one task awaits: its coroutines, innermost first, down through the tasks that it waits for in turn.

    A task that waits for several others is there once for each. `name` is the task's own ("Task-7", or as it was
    named); Gradio names those of its queue after session and event. `seconds` is how long it has been seen to stand
    there (0 after a single look).
    """

    pid: int
    name: str
    frames: tuple[StackFrame, ...]
    seconds: float = 0.0

    @property
    def own(self) -> StackFrame | None:
        """The innermost frame in the user's own code."""
        return next((f for f in self.frames if f.own), None)


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of the app's processes at one moment. `absent` says of which processes they cannot be seen, and why."""

    tasks: tuple[AsyncTask, ...] = ()
    absent: Mapping[int, Absent] = field(default_factory=dict)
