"""What is left of a crash: the memory image of the process, and a child that was forked into a lock."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from gradio_doctor.sdk import Cores, Finding, Run, Source, check

_DUMPS = frozenset({"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGTRAP", "SIGSYS", "SIGILL", "SIGQUIT"})
_KEPT = {"systemd-coredump": "crash.core-in-journal", "apport": "crash.core-in-apport", "file": "crash.core-in-file"}


@check("crash-core-live", finds=(*_KEPT.values(), "crash.core-missing"))
def crash_core_live(run: Run, cores: Cores) -> Iterator[Finding]:
    """Where the core of our run is, if it ended by a signal that makes one."""
    if not run.signal or _name(run.signal) not in _DUMPS:
        return
    facts = {"pid": str(run.pid), "core": cores.found, "pattern": cores.pattern, "why": cores.why}
    facts["interpreter"] = run.command[0] if run.command else "python3"
    there = cores.found or cores.keeper == "systemd-coredump"
    name = _KEPT.get(cores.keeper, "crash.core-missing") if there else "crash.core-missing"
    yield Finding(name, facts=facts, source=Source("file", cores.found or "/proc/sys/kernel/core_pattern"))


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""
