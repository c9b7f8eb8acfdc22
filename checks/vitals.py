"""The vital signs that the fault tree asks for: is it listening, did it start, does it answer."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import PurePath

from gradio_doctor.sdk import (
    Absent,
    Finding,
    HttpAnswer,
    HttpAnswers,
    Instances,
    KernelLog,
    Listeners,
    LogEvents,
    Processes,
    Run,
    Source,
    WantedAddress,
    check,
)

_SLOW = 1.0  # seconds; a healthy Gradio page takes 2 to 110 ms (facts: gradio §1.2)


_LISTENING = ("vitals.app-listens", "vitals.listens-locally", "vitals.no-port", "vitals.port-taken")


@check("vitals-listening", cost=0.02, finds=_LISTENING)
def vitals_listening(
    instances: Instances, listeners: Listeners, wanted: WantedAddress, processes: Processes
) -> Iterator[Finding]:
    """Is the app's port listening, and is it the app that does?"""
    for process in instances.all:
        for socket in listeners.held_by(process.pid):
            facts = {"pid": str(process.pid), "address": socket.host, "port": str(socket.port)}
            yield Finding("vitals.app-listens", facts=facts, source=Source("process", f"pid {process.pid}"))
            return
    yield Finding("vitals.app-listens", seen=False)
    if (local := listeners.local_of(p.pid for p in instances.all)) is not None:
        facts = {"pid": str(local.holders[0]), "socket": local.path}
        yield Finding("vitals.listens-locally", facts=facts, source=Source("process", f"pid {local.holders[0]}"))
    elif instances.main:
        process = instances.main[-1]
        age = f"{processes.now - process.started:.0f} s"
        facts = {"pid": str(process.pid), "command": process.command_line, "age": age}
        yield Finding("vitals.no-port", facts=facts, source=Source("process", f"pid {process.pid}"))
    elif all(_taken(listeners, port, wanted) for port in wanted.ports):
        yield Finding("vitals.port-taken", facts={"port": str(wanted.first)}, witness="port")


def _taken(listeners: Listeners, port: int, wanted: WantedAddress) -> bool:
    return any(s.covers("127.0.0.1") or s.covers(wanted.host) for s in listeners.on(port))


@check("vitals-start", cost=20.0, finds=("vitals.serves", "vitals.exited", "vitals.start-timeout"))
def vitals_start(run: Run) -> Iterator[Finding]:
    """What came of starting the app: it serves, it exited, or neither in the time allowed."""
    source = Source("process", f"pid {run.pid}")
    facts = {"pid": str(run.pid), "seconds": f"{run.seconds:.1f}", "ending": _ending(run), "output": run.output}
    if run.outcome == "serving":
        yield Finding("vitals.serves", facts=facts | {"url": run.url}, source=source)
    elif run.outcome == "timeout":
        yield Finding("vitals.start-timeout", facts=facts, source=source)
    else:
        yield Finding("vitals.exited", facts=facts, source=source, witness="run-exit")


def _ending(run: Run) -> str:
    if run.signal is not None:
        try:
            return f"killed by {signal.Signals(run.signal).name}"
        except ValueError:
            return f"killed by signal {run.signal}"
    return f"exit code {run.exit_code}" if run.exit_code is not None else run.error or "no exit code"


@check("vitals-answers", cost=0.3, finds=("vitals.answers", "vitals.hangs", "vitals.refuses", "vitals.page-fails"))
def vitals_answers(http: HttpAnswers) -> Iterator[Finding]:
    """Does the app answer when it is asked directly?"""
    asked = [a for probe in ("loop", "pool", "page") if (a := http.get(probe))]  # the last try of each
    if not asked:
        return
    worst = max(asked, key=_rank)
    name = ("vitals.answers", "vitals.page-fails", "vitals.hangs", "vitals.refuses")[_rank(worst)]
    facts = {
        "method": worst.method, "url": worst.url, "seconds": f"{worst.seconds:.2f}",
        "status": str(worst.status or worst.outcome), "path": "/" + PurePath(worst.url).name,
    }
    yield Finding(name, facts=facts, source=Source("http", worst.url), witness=f"http:{worst.probe}")
    if name != "vitals.hangs":
        yield Finding("vitals.hangs", seen=False)


def _rank(answer: HttpAnswer) -> int:
    """0 answers, 1 answers with a server error, 2 hangs, 3 refuses."""
    if answer.outcome == "timeout":
        return 2
    if answer.outcome != "answered":
        return 3
    return 1 if (answer.status or 0) >= 500 else 0


@check("vitals-stopped", cost=0.01, finds=("vitals.stopped-process",))
def vitals_stopped(instances: Instances) -> Iterator[Finding]:
    """A suspended process accepts connections (the kernel does) and answers none."""
    for process in instances.main:
        if process.stopped:
            facts = {"pid": str(process.pid), "command": process.command_line}
            yield Finding("vitals.stopped-process", facts=facts, source=Source("process", f"pid {process.pid}"))
            return


@check("vitals-log", cost=0.05, finds=("vitals.log-speaks",))
def vitals_log(log: LogEvents) -> Iterator[Finding]:
    """How much of the logs is known."""
    words = [_counted(len(log.tracebacks), "traceback"), _counted(len(log.matches), "known message")]
    facts = {"known": " and ".join(w for w in words if w), "lines": str(sum(f.lines for f in log.files))}
    yield Finding("vitals.log-speaks", bool(facts["known"]), facts, witness="log")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}" if number else ""


@check("vitals-kernel", cost=0.1, finds=("vitals.kernel-speaks",))
def vitals_kernel(kernel: KernelLog, run: Run | Absent, instances: Instances | Absent) -> Iterator[Finding]:
    """Does the kernel log tell of a process of this app?"""
    pids = {p.pid for p in instances.all} if isinstance(instances, Instances) else set()
    pids |= {run.pid} if isinstance(run, Run) and run.signal is not None else set()
    told = [e for e in kernel.events if e.pid in pids]
    facts = {"text": told[-1].text if told else ""}
    yield Finding("vitals.kernel-speaks", bool(told), facts, Source("kernel", "kernel log"))
