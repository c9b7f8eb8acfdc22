"""Who sent the signal that ended the app, where something that was read says so."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping

from gradio_doctor.sdk import Absent, Finding, KernelLog, LogEvents, LogMatch, Run, Source, check

_UNSEEN = Absent("nobody had to look")
# Who prints such a line when it ends a process.
_SENDERS: Mapping[str, str] = {
    "crash.killed-by-systemd": "systemd", "crash.stopped-by-systemd": "systemd", "crash.stopped-by-docker": "Docker",
    "crash.stopped-by-kubernetes": "Kubernetes",
}
_OTHERS = (  # lines that name somebody or a reason themselves
    "memory.kernel-kill", "memory.daemon-kill", "memory.container-oom", "memory.platform-limit", "crash.cancelled",
    "crash.heroku-boot-timeout",
)
# Ended by a signal, as opposed to asked to end (crash.term-notice): an orderly stop is no fault.
_ENDED = ("memory.signal-9", "crash.terminated-line", "crash.exit-137", "crash.hangup")
_SENT = {"SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"}


@check("crash-sender", finds=("crash.sender-told", "crash.sender-unknown"))
def crash_sender(log: LogEvents | Absent, run: Run | Absent, kernel: KernelLog | Absent = _UNSEEN) -> Iterator[Finding]:
    """Systemd, Docker, Kubernetes or a scheduler, by their own words; for a run of ours, else, that nobody said it.

    A signal carries its sender's pid, but only the receiver is told that: afterwards nothing keeps it.
    """
    name = _signal(run)
    found = _told(log, ended=name in _SENT)
    if found is not None:
        facts = {"sender": _SENDERS[found.signature], "told": found.text.strip()[:160]}
        yield Finding("crash.sender-told", facts=facts, source=found.source)
    elif isinstance(run, Run) and name in _SENT and not _named(log, run, kernel):
        facts, source = {"pid": str(run.pid), "signal": name}, Source("process", f"pid {run.pid}")
        yield Finding("crash.sender-unknown", facts=facts, source=source, witness="run-exit")


def _signal(run: Run | Absent) -> str:
    try:
        return signal.Signals(run.signal or 0).name if isinstance(run, Run) else ""
    except ValueError:
        return ""


def _told(log: LogEvents | Absent, *, ended: bool) -> LogMatch | None:
    """The line of who stopped it; a stop is no more than a stop where nothing was ended by a signal."""
    if not isinstance(log, LogEvents) or not (ended or any(log.get(name) for name in _ENDED)):
        return None
    return next((m for name in _SENDERS if (m := log.get(name))), None)


def _named(log: LogEvents | Absent, run: Run, kernel: KernelLog | Absent) -> bool:
    """Whether the kernel or another line says who or what it was."""
    if run.cgroup_kills or (isinstance(log, LogEvents) and any(log.get(name) for name in _OTHERS)):
        return True
    return isinstance(kernel, KernelLog) and any(e.pid == run.pid and e.kind == "oom-kill" for e in kernel.events)
