"""Frozen facts about the world. Only the probes make them; checks only read them."""

from gradio_doctor.evidence.base import Absent, Location, Source, SourceKind
from gradio_doctor.evidence.deployment import (
    Deployment,
    HealthProbe,
    Pin,
    Port,
    Quantity,
    Said,
    ServerCommand,
    Unit,
)
from gradio_doctor.evidence.gpus import Gpu, GpuProcess, Gpus, NvmlFault
from gradio_doctor.evidence.logs import ExceptionLink, Frame, Layer, LogEvents, LogFile, LogMatch, LogSample, Traceback
from gradio_doctor.evidence.network import (
    AcceptQueue,
    BindPolicy,
    HttpAnswer,
    HttpAnswers,
    Listener,
    Listeners,
    LocalListener,
    Outgoing,
    PortUser,
    PortUsers,
    QueueWatch,
    Unanswered,
)
from gradio_doctor.evidence.process import Environment, Instances, Process, Processes
from gradio_doctor.evidence.processor import Processor
from gradio_doctor.evidence.proxied import Exchange, ProxyAnswers, StreamHeard, TlsLook, UpstreamTried
from gradio_doctor.evidence.proxies import Directive, Proxies, ProxyProcess, Route, Upstream
from gradio_doctor.evidence.resources import (
    Cgroup,
    Cores,
    CpuGroup,
    HostMemory,
    MemoryCurve,
    MemoryGroup,
    Shm,
    TaskGroup,
    Usage,
    Usages,
)
from gradio_doctor.evidence.run import OUTPUT_OF_RUN, KernelEvent, KernelLog, PathAccess, Paths, Run, Xid
from gradio_doctor.evidence.servers import Restart, Server, ServerOption, Servers, ServerWorker
from gradio_doctor.evidence.shares import Share, SharedResource, ShareRole, Shares
from gradio_doctor.evidence.source import (
    AppSource,
    Call,
    EnvironmentRead,
    Exit,
    Handler,
    Import,
    Interpreter,
    ModuleOrigin,
    Requirement,
    Setting,
    SharedWrite,
    SlowCall,
    SyntaxFault,
)
from gradio_doctor.evidence.stacks import ProcessStacks, StackFrame, Stacks, StackSample, ThreadStack
from gradio_doctor.evidence.target import Target, WantedAddress
from gradio_doctor.evidence.tasks import AsyncTask, Tasks
from gradio_doctor.evidence.threads import KernelThread, ProcessThreads, Resource, SystemCall, Threads, ThreadSample

__all__ = [
    "Absent", "AcceptQueue", "AppSource", "AsyncTask", "BindPolicy", "Call", "Cgroup", "Cores", "CpuGroup",
    "Deployment", "Directive", "Environment", "EnvironmentRead", "ExceptionLink", "Exchange", "Exit", "Frame", "Gpu",
    "GpuProcess", "Gpus", "Handler", "HealthProbe", "HostMemory", "HttpAnswer", "HttpAnswers", "Import", "Instances",
    "Interpreter", "KernelEvent", "KernelLog", "KernelThread", "Layer", "Listener", "Listeners", "LocalListener",
    "Location", "LogEvents", "LogFile", "LogMatch", "LogSample", "MemoryCurve", "MemoryGroup", "ModuleOrigin",
    "NvmlFault", "Outgoing", "OUTPUT_OF_RUN", "PathAccess", "Paths", "Pin", "Port", "PortUser", "PortUsers", "Process",
    "Processes", "Processor", "ProcessStacks", "ProcessThreads", "Proxies", "ProxyAnswers", "ProxyProcess",
    "Quantity", "QueueWatch", "Requirement", "Resource", "Restart", "Route", "Run", "Said", "Server", "ServerCommand",
    "ServerOption", "Servers", "ServerWorker", "Setting", "Share", "SharedResource", "SharedWrite", "ShareRole",
    "Shares", "Shm", "SlowCall", "Source", "SourceKind", "StackFrame", "Stacks", "StackSample", "StreamHeard",
    "SyntaxFault", "SystemCall", "Target", "TaskGroup", "Tasks", "Threads", "ThreadSample", "ThreadStack", "TlsLook",
    "Traceback", "Unanswered", "Unit", "Upstream", "UpstreamTried", "Usage", "Usages", "WantedAddress", "Xid",
]
