"""The words in which a live app is described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from gradio_doctor.evidence import KernelThread, Location, Resource, StackFrame, ThreadStack

Role = Literal["loop", "other-loop", "worker", "executor", "main", "helper", "other"]
Verdict = Literal["idle", "waiting", "gil-wait", "busy-python", "busy-native", "moving", "unknown"]
WaitKind = Literal[
    "lock", "event", "queue", "future", "join", "pool", "socket", "name-lookup", "pipe-full", "pipe-read", "child",
    "sleep", "file", "file-lock", "terminal", "other",
]
JudgementKind = Literal[
    "process-stopped", "loop-blocked", "loop-busy", "loop-stalled", "loop-starved", "pool-exhausted", "deadlock",
    "lock-convoy", "child-chokes", "handler-stuck", "self-call", "upstream-wait", "connection-pool-wait", "pipe-full",
    "server-thread-gone", "listener-without-server", "loading", "start-held",
]


@dataclass(frozen=True, slots=True)
class Wait:
    """What a thread waits on. `lock` is equal for threads at one lock (0 unknown); `name` is its name in the source.

    `endless` is True when nothing will end the wait but what it waits for. `library` names whose connection pool it is.
    """

    kind: WaitKind
    resource: Resource | None = None
    endless: bool = False
    lock: int = 0
    name: str = ""
    library: str = ""


@dataclass(frozen=True, slots=True)
class ThreadView:
    """One thread with all that is known of it; `kernel` is None, or `stacks` empty, where nobody could look.

    `frames` are the frames, innermost first, that are common to all stacks (their outer part), without the machinery
    that every thread of its role has around it. `steady` is True when all the stacks are the same to the line.
    `serves` is True when the frames are those of a known server (uvicorn and such), not only of some event loop.
    """

    pid: int
    tid: int
    role: Role
    verdict: Verdict
    wait: Wait | None = None
    kernel: KernelThread | None = None
    stacks: tuple[ThreadStack, ...] = ()
    frames: tuple[StackFrame, ...] = ()
    steady: bool = False
    main: bool = False
    cpu_share: float = 0.0
    serves: bool = False

    @property
    def name(self) -> str:
        """The thread's name, as far as it has one."""
        return next((s.name for s in self.stacks if s.name), self.kernel.name if self.kernel else "")

    @property
    def own(self) -> StackFrame | None:
        """The innermost frame in the user's own code; failing that, what Gradio calls the handler by."""
        return next((f for f in self.frames if f.own), None) or _handler(self.frames)

    @property
    def holds_gil(self) -> bool:
        """True when it held the interpreter's lock in every stack."""
        return bool(self.stacks) and all(s.holds_gil for s in self.stacks)

    @property
    def since_run(self) -> float | None:
        """Seconds since it last ran when the kernel was asked, None when that cannot be told."""
        return self.kernel.since_run if self.kernel else None


def _handler(frames: tuple[StackFrame, ...]) -> StackFrame | None:
    """The function that Gradio wraps as a handler, for one that comes from a library."""
    for inner, outer in pairwise(frames):
        if outer.name.endswith("wrapper") and outer.at(outer.name, "gradio/utils.py"):
            return inner
    return None


@dataclass(frozen=True, slots=True)
class ProcessView:
    """One process of the app. `complete` is True when its stacks are known (not only the kernel's view)."""

    pid: int
    threads: tuple[ThreadView, ...]
    stopped: bool = False
    complete: bool = False

    @property
    def loop(self) -> ThreadView | None:
        """The thread of the event loop that serves, None when it has none or that cannot be told."""
        return next((t for t in self.threads if t.role == "loop"), None)

    def having(self, role: Role) -> tuple[ThreadView, ...]:
        """The threads of a role."""
        return tuple(t for t in self.threads if t.role == role)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Something that keeps an app from working, seen from outside. It names a mechanism, not a cause.

    `sure` is False when the same would show in a healthy app at times, and something else has to confirm it (HTTP).
    `location` is the innermost place in the user's code, `others` further ones (the second line of a deadlock).
    `seconds` is for how long already (at least), None unknown. `samples` are the looks it rests on, of the kernel and
    of stacks together. `stack` is the guilty thread's, innermost first. `facts` are texts for prose and remedies.
    """

    kind: JudgementKind
    pid: int
    sure: bool
    threads: tuple[int, ...] = ()
    location: Location | None = None
    others: tuple[Location, ...] = ()
    wait: Wait | None = None
    seconds: float | None = None
    cpu_share: float | None = None
    samples: int = 0
    stack: tuple[StackFrame, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Threads that do the same at the same place. `place` is "file:line function" of the user's, or a library's."""

    count: int
    verdict: Verdict
    role: str
    place: str
    wait: str
    tids: tuple[int, ...]

    @property
    def text(self) -> str:
        """The line for people."""
        on = f" on {self.wait}" if self.wait else ""
        where = f" in {self.place}" if self.place else f" ({self.role} thread)"
        return f"{self.count} × {self.verdict}{on}{where}"


@dataclass(frozen=True, slots=True)
class Live:
    """What the app's processes are doing: judgements, and all their threads folded to a line for each kind (by pid).

    `complete` is True when stacks could be had; `main` are the pids of the processes that were started as the app.
    """

    judgements: tuple[Judgement, ...]
    groups: Mapping[int, tuple[Group, ...]]
    complete: bool
    main: tuple[int, ...] = ()

    def first(self, *kinds: JudgementKind) -> Judgement | None:
        """The first judgement of some kinds, sure ones first."""
        return next((j for j in self.judgements if j.kind in kinds), None)
