"""Frozen facts about the world. Only the probes make them; checks only read them."""

from gradio_doctor.evidence.base import Absent, Location, Source, SourceKind
from gradio_doctor.evidence.logs import ExceptionLink, Frame, Layer, LogEvents, LogFile, LogMatch, LogSample, Traceback
from gradio_doctor.evidence.network import AcceptQueue, BindPolicy, HttpAnswer, HttpAnswers, Listener, Listeners
from gradio_doctor.evidence.process import Environment, Instances, Process, Processes
from gradio_doctor.evidence.run import KernelEvent, KernelLog, PathAccess, Paths, Run
from gradio_doctor.evidence.source import (
    AppSource,
    Call,
    EnvironmentRead,
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
from gradio_doctor.evidence.threads import KernelThread, ProcessThreads, Resource, SystemCall, Threads, ThreadSample

__all__ = [
    "Absent", "AcceptQueue", "AppSource", "BindPolicy", "Call", "Environment", "EnvironmentRead", "ExceptionLink",
    "Frame",
    "Handler", "HttpAnswer", "HttpAnswers", "Import", "Instances", "Interpreter", "KernelEvent", "KernelLog",
    "Layer", "Listener", "Listeners", "Location", "LogEvents", "LogFile", "LogMatch", "LogSample", "ModuleOrigin",
    "PathAccess", "Paths", "Process", "Processes", "Requirement", "Run", "Setting", "SharedWrite",
    "SlowCall", "Source", "SourceKind", "SyntaxFault", "Target", "Traceback", "WantedAddress",
    "KernelThread", "ProcessStacks", "ProcessThreads", "Resource", "StackFrame", "StackSample", "Stacks", "SystemCall",
    "ThreadSample", "ThreadStack", "Threads",
]
