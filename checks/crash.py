"""What ended a process that raised no exception: its signal, the kernel's record, Python's last words."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

from gradio_doctor.sdk import Absent, ExceptionLink, Finding, KernelLog, LogEvents, Run, Source, check

_NATIVE = {"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGTRAP", "SIGSYS"}
_ENDED = {"SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"}
# NTSTATUS values that Windows reports as exit code, unsigned. Python shows them signed or unsigned.
_WINDOWS = {
    0xC0000005: "access violation (0xC0000005)", 0xC0000409: "stack buffer overrun (0xC0000409)",
    0xC0000374: "heap corruption (0xC0000374)", 0xC00000FD: "stack overflow (0xC00000FD)",
    0xC0000094: "division by zero (0xC0000094)",
}
_WINDOWS_ILLEGAL = 0xC000001D
_WINDOWS_CTRL_C = 0xC000013A
_SIGNALLED = range(129, 129 + 64)  # what shells and containers make of a child's signal: 128 + number


def ending(run: Run) -> tuple[str, str] | None:
    """The finding a run's end makes, and the name of the signal; None for an ordinary end (and for SIGKILL)."""
    if run.exit_code is not None and (code := run.exit_code & 0xFFFFFFFF) >= 0xC0000000:
        if code == _WINDOWS_ILLEGAL:
            return "crash.signal-illegal", "SIGILL"
        if code == _WINDOWS_CTRL_C:
            return "crash.signal-terminated", "Ctrl+C"
        return ("crash.signal-native", _WINDOWS[code]) if code in _WINDOWS else None
    number = run.signal
    if number is None and run.exit_code is not None and run.exit_code in _SIGNALLED:
        number = run.exit_code - 128
    name = _name(number)
    if name == "SIGILL":
        return "crash.signal-illegal", name
    if name in _NATIVE:
        return "crash.signal-native", name
    return ("crash.signal-terminated", name) if name in _ENDED else None


def _name(number: int | None) -> str:
    try:
        return signal.Signals(number or 0).name
    except ValueError:
        return ""


@check(
    "crash-signal",
    finds=(
        "crash.signal-native", "crash.signal-illegal", "crash.signal-terminated", "crash.kernel-fault-line",
        "crash.kernel-illegal-line",
    ),
)
def crash_signal(run: Run, kernel: KernelLog | Absent) -> Iterator[Finding]:
    """Which signal ended our run of the app, and what the kernel wrote of it (segfault lines name the library)."""
    if run.outcome == "serving":
        return
    ended = ending(run)
    if ended is not None:
        facts = {"pid": str(run.pid), "signal": ended[1], "seconds": f"{run.seconds:.1f}"}
        yield Finding(ended[0], facts=facts, source=Source("process", f"pid {run.pid}"), witness="run-exit")
    if ended is None or isinstance(kernel, Absent):  # an earlier process with this pid may stand in the kernel log
        return
    for event in kernel.events:
        if event.pid != run.pid or event.kind == "oom-kill":
            continue
        illegal = "invalid opcode" in event.text
        name = "crash.kernel-illegal-line" if illegal else "crash.kernel-fault-line"
        facts = {"pid": str(event.pid), "process": event.process, "text": event.text, "library": event.library}
        yield Finding(name, facts=facts, source=Source("kernel", "kernel log", time=event.time))


_CRASHES = ("crash.faulthandler", "crash.segfault", "crash.abort", "crash.illegal")
_DUMPED = (
    "Segmentation fault", "Aborted", "Bus error", "Floating point exception", "Fatal Python error",
    "Illegal instruction",
)


@check("crash-python-stack", finds=("crash.python-stack",))
def crash_python_stack(log: LogEvents) -> Iterator[Finding]:
    """Where Python was when native code crashed, from faulthandler's dump: the user's own frame when there is one."""
    if not any(log.get(name) for name in _CRASHES):
        return
    for traceback in log.tracebacks:
        link = traceback.first
        if not link.frames or not any(word in f"{link.type} {link.message}" for word in _DUMPED):
            continue
        frame, inner = link.own_frame or link.frames[-1], link.frames[-1]
        facts = {
            "function": frame.function, "file": frame.file, "line": str(frame.line), "thread": thread_of(log, link),
            "place": f"{frame.file}:{frame.line}", "inner": f"{inner.function} ({inner.file}:{inner.line})",
        }
        location = traceback.location
        yield Finding("crash.python-stack", facts=facts, source=link.source, location=location, witness="crash-stack")
        return


_THREAD = re.compile(r"Current thread (0x[0-9a-f]{1,16}) (?:\[([^\]]{1,40})\] )?\(")


def thread_of(log: LogEvents, link: ExceptionLink) -> str:
    """The thread that crashed, by its stack's outermost frame, and by its name where Python tells it (3.14)."""
    if link.frames and link.frames[0].function == "<module>":
        return "MainThread"
    header = log.get("crash.thread-header")
    for text in [s.text for s in header.samples] if header else []:
        if seen := _THREAD.search(text):
            return f"thread {seen[2] or seen[1]}"
    return "a thread"


@check("crash-dump", finds=("crash.dumped-alive",))
def crash_dump(log: LogEvents) -> Iterator[Finding]:
    """Stacks that a living process printed when asked (faulthandler.register): it stopped in order later.

    A crash prints "Fatal Python error" above its stacks, and nothing can follow from that process.
    """
    dump = log.get("crash.thread-header")
    if dump is None or any(log.get(name) for name in _CRASHES):
        return
    for name in ("crash.keyboard-interrupt", "server.process-finished"):
        end = log.get(name)
        if end and end.source.name == dump.source.name and (end.source.line or 0) > (dump.source.line or 0):
            yield Finding("crash.dumped-alive", source=dump.source, replaces=(dump.signature,))
            return


@check("crash-silent-end", finds=("crash.silent-end",))
def crash_silent_end(log: LogEvents) -> Iterator[Finding]:
    """The Windows console waits for a key, and nothing before it is an error: the process was ended by the system."""
    pause = log.get("crash.pause-prompt")
    if pause is None or log.tracebacks:
        return
    reasons = [m for m in log.matches if m.signature != "crash.pause-prompt" and _explains(m.text)]
    words = ("Error", "ERROR", "error:", "Exception", "Traceback", "错误", "not found", "not recognized", "failed")
    if not reasons and not any(word in line for line in log.tail for word in words):
        yield Finding("crash.silent-end", source=pause.source)


def _explains(text: str) -> bool:
    return any(word in text for word in ("Error", "error", "fault", "Fault", "failed", "memory"))
