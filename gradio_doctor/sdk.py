"""All that a check file imports.

A check is a small pure function. Its annotated parameters are the evidence it needs, its return value is findings:

    @check("port-holder", finds=("port.held-by-earlier-run",), cost=0.05)
    def port_holder(wanted: WantedAddress, listeners: Listeners) -> Iterator[Finding]: ...

A parameter annotated `X | Absent` is optional: the check gets the Absent instead of being skipped. No I/O in a check.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradio_doctor.evidence import (
    OUTPUT_OF_RUN,
    Absent,
    AcceptQueue,
    AppSource,
    AsyncTask,
    BindPolicy,
    Call,
    Cgroup,
    Cores,
    CpuGroup,
    Deployment,
    Environment,
    ExceptionLink,
    Exchange,
    Exit,
    Frame,
    Gpu,
    GpuProcess,
    Gpus,
    Handler,
    HealthProbe,
    HostMemory,
    HttpAnswer,
    HttpAnswers,
    Instances,
    Interpreter,
    KernelLog,
    Listener,
    Listeners,
    Location,
    LogEvents,
    LogMatch,
    LogSample,
    MemoryCurve,
    MemoryGroup,
    Outgoing,
    PathAccess,
    Paths,
    Pin,
    Port,
    PortUsers,
    Process,
    Processes,
    Processor,
    ProcessThreads,
    Proxies,
    ProxyAnswers,
    QueueWatch,
    Restart,
    Route,
    Run,
    Said,
    Server,
    ServerCommand,
    Servers,
    Share,
    SharedWrite,
    Shares,
    Shm,
    SlowCall,
    Source,
    StackFrame,
    Stacks,
    StreamHeard,
    Target,
    TaskGroup,
    Tasks,
    Threads,
    Traceback,
    Unit,
    Upstream,
    Usage,
    Usages,
    WantedAddress,
)
from gradio_doctor.live.model import Group, Judgement, Live
from gradio_doctor.sizes import in_words

__all__ = [
    "Absent", "AcceptQueue", "AppSource", "AsyncTask", "BindPolicy", "Call", "Cgroup", "check", "Check", "Cores",
    "CpuGroup", "Deployment", "Environment", "ExceptionLink", "Exchange", "Exit", "Finding", "Frame", "Gpu",
    "GpuProcess", "Gpus", "Group", "Handler", "HealthProbe", "HostMemory", "HttpAnswer", "HttpAnswers", "in_words",
    "Instances", "Interpreter", "Judgement", "KernelLog", "Listener", "Listeners", "Live", "Location", "LogEvents",
    "LogMatch", "LogSample", "MemoryCurve", "MemoryGroup", "Mend", "Need", "Outgoing", "OUTPUT_OF_RUN", "PathAccess",
    "Paths", "Pin", "Port", "PortUsers", "Process", "Processes", "Processor", "ProcessThreads", "Proxies",
    "ProxyAnswers", "QueueWatch", "Restart", "Route", "Run", "Said", "Server", "ServerCommand", "Servers", "Share",
    "SharedWrite", "Shares", "Shm", "SlowCall", "Source", "StackFrame", "Stacks", "StreamHeard", "Target",
    "TaskGroup", "Tasks", "Threads", "Traceback", "Unit", "Upstream", "Usage", "Usages", "WantedAddress",
]


Mend = Literal["", "free-loop", "limit-wait"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact that speaks for or against causes.

    `id` names a finding declared in the family's YAML, which has its prose. `seen` is False when it was looked for
    and is not there; what was not looked for is never a Finding. `facts` fill the prose and the remedies.
    `witness` groups findings read off one and the same thing (one log line, one process), which count less together
    than independent ones; "" lets the source decide. `replaces` names findings (raw log signatures too) that this one
    reads better: they are dropped. `context` are the log lines around it, when they were asked for. `chain` is the way
    through the user's code to `location`, the outermost place first. `stack` are the frames of the thread that it is
    about, outermost first, and `threads` what the others do. `mend` says which change of the source at the end of the
    stack would help, where one can be made mechanically: get the work off the event loop, or limit the wait. `shares`
    are the resources that it is about, with who holds how much of each: the report draws them as bars.
    """

    id: str
    seen: bool = True
    facts: Mapping[str, str] = field(default_factory=dict)
    source: Source | None = None
    location: Location | None = None
    witness: str = ""
    replaces: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    chain: tuple[Location, ...] = ()
    stack: tuple[Location, ...] = ()
    threads: tuple[Group, ...] = ()
    mend: Mend = ""
    shares: tuple[Shares, ...] = ()

    @property
    def witness_key(self) -> str:
        """What this was read off, as a key."""
        if self.witness:
            return self.witness
        if self.source is None:
            return self.id
        return f"{self.source.kind}:{self.source.name}:{self.source.line}"


@dataclass(frozen=True, slots=True)
class Need:
    """One piece of evidence that a check takes. `optional` when it also accepts Absent."""

    parameter: str
    type: type
    optional: bool


CheckFunction = Callable[..., Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """A check function with its id, the findings it can make, and what looking costs (seconds, roughly)."""

    id: str
    finds: tuple[str, ...]
    cost: float
    function: CheckFunction
    needs: tuple[Need, ...]

    def __call__(self, *args: object, **kwargs: object) -> Iterable[Finding]:
        """Run the check on its evidence."""
        return self.function(*args, **kwargs)


def _need(parameter: str, annotation: object) -> Need:
    options = [annotation]
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        options = list(typing.get_args(annotation))
    kinds = [o for o in options if isinstance(o, type) and o is not Absent]
    if len(kinds) != 1:
        raise TypeError(f"parameter {parameter!r} must be annotated with one evidence type, not {annotation!r}")
    return Need(parameter, kinds[0], optional=Absent in options)


def check(id: str, *, finds: Iterable[str], cost: float = 0.01) -> Callable[[CheckFunction], Check]:  # noqa: A002
    """Make a Check of a function. Raises TypeError when a parameter is not annotated with an evidence type."""

    def wrap(function: CheckFunction) -> Check:
        hints = typing.get_type_hints(function)
        hints.pop("return", None)
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        missing = [n for n in names if n not in hints]
        if missing:
            raise TypeError(f"check {id}: parameters without annotation: {', '.join(missing)}")
        return Check(id, tuple(finds), cost, function, tuple(_need(n, hints[n]) for n in names))

    return wrap
