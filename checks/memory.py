"""Who was killed for memory, and whose memory grows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from gradio_doctor.sdk import Absent, Finding, KernelLog, LogEvents, Run, Source, check

_UNSEEN = Absent("nobody had to look")
_SIGKILL = 9
_STATUS = 137  # what shells and containers report of it: 128 + 9
_GROWN = 1.3  # last sample over first, all between rising: growth that is no noise


@check("memory-oom-kill", finds=(
    "memory.kill-recorded", "memory.killed-in-cgroup", "memory.killed-alone", "memory.killed-by-somebody",
))
def memory_oom_kill(
    run: Run, kernel: KernelLog | Absent, log: LogEvents | Absent = _UNSEEN
) -> Iterator[Finding]:
    """Was our run of the app killed for memory? The kernel's record and the cgroup's counter are two witnesses.

    Exit status 137 may be the app's own (os._exit(137)) or a wrapper's report of a child's death.
    """
    if run.signal != _SIGKILL and run.exit_code != _STATUS:
        return
    recorded = False
    for event in () if isinstance(kernel, Absent) else kernel.events:
        if event.kind == "oom-kill" and event.pid == run.pid:
            facts = {"pid": str(event.pid), "process": event.process, "text": event.text}
            yield Finding("memory.kill-recorded", facts=facts, source=Source("kernel", "kernel log", time=event.time))
            recorded = True
            break
    facts = {"pid": str(run.pid), "seconds": f"{run.seconds:.0f}", "peak": _mib(run.peak_memory)}
    source = Source("process", f"pid {run.pid}")
    if run.cgroup_kills:
        yield Finding("memory.killed-in-cgroup", facts=facts | {"kills": str(run.cgroup_kills)}, source=source)
    elif not recorded and run.signal == _SIGKILL and not _told(log):
        if run.cgroup_kills == 0 and isinstance(kernel, KernelLog):
            yield Finding("memory.killed-by-somebody", facts=facts | {"signal": "SIGKILL"}, source=source)
        else:
            yield Finding("memory.killed-alone", facts=facts, source=source)


def _told(log: LogEvents | Absent) -> bool:
    """A log says who killed a process."""
    return isinstance(log, LogEvents) and any(log.get(name) for name in _KILLERS)


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


@check("memory-kernel-lines", finds=("memory.process-killed",))
def memory_kernel_lines(log: LogEvents, run: Run | Absent) -> Iterator[Finding]:
    """Which process the kernel's lines in a log name, our own run's before others. Only some of the lines do."""
    match = log.get("memory.kernel-kill")
    named = [s for s in match.samples if s.captures.get("pid")] if match else []
    ours = [s for s in named if isinstance(run, Run) and s.captures["pid"] == str(run.pid)]
    for sample in (ours or named)[:1]:
        facts = {"pid": sample.captures["pid"], "process": sample.captures.get("process", ""), "text": sample.text}
        yield Finding("memory.process-killed", facts=facts, source=sample.source, replaces=("memory.kernel-kill",))


# Lines that say who killed the process, or that it was killed for memory.
_KILLERS = (
    "memory.kernel-kill", "memory.daemon-kill", "memory.container-oom", "memory.platform-limit", "crash.cancelled",
)
_NOT_FOR_MEMORY = {
    "crash.heroku-boot-timeout": "the platform's time to start was over",
    "crash.not-oom": "the container runtime says OOMKilled: false",
    "crash.kubernetes-reason-error": "Kubernetes names the reason Error, not OOMKilled",
}


@check("memory-exit-137", finds=("crash.killed-otherwise", "memory.killed-unlogged"))
def memory_exit_137(log: LogEvents) -> Iterator[Finding]:
    """Exit status 137 is signal 9: the OOM killer's, unless something else in the log says who sent it."""
    killed = log.get("crash.exit-137")
    if killed is None or any(log.get(name) for name in _KILLERS):
        return
    for name, reason in _NOT_FOR_MEMORY.items():
        if log.get(name):
            facts = {"reason": reason}
            replaces = ("crash.exit-137",)
            yield Finding("crash.killed-otherwise", facts=facts, source=killed.source, replaces=replaces)
            return
    yield Finding("memory.killed-unlogged", facts=dict(killed.captures), source=killed.source)


_CUT_CELL = re.compile(r"^\^C$|(?:it/s|s/it|B/s|\d\]|[Ll]oading\b).{0,40}\^C$")  # alone, or behind a progress bar
_INTERRUPTED = ("crash.keyboard-interrupt", "crash.terminated-line", "crash.hangup")


@check("memory-cell-ended", finds=("memory.cell-ended",))
def memory_cell_ended(log: LogEvents) -> Iterator[Finding]:
    """A last line of ^C that no KeyboardInterrupt explains: how Colab ends a shell cell that ran out of memory."""
    last = next((line.strip() for line in reversed(log.tail) if line.strip()), "")
    if not _CUT_CELL.search(last) or log.tracebacks or any(log.get(name) for name in _INTERRUPTED):
        return
    yield Finding("memory.cell-ended", source=Source("log", log.files[-1].name, log.files[-1].lines))


@check("memory-growth", finds=("memory.grows",))
def memory_growth(log: LogEvents) -> Iterator[Finding]:
    """Measurements of memory in use that only rise."""
    match = log.get("memory.usage-sample")
    if match is None or match.count < 3:
        return
    sizes = [(_number(s.captures.get("used", "")), s.captures.get("used", "")) for s in match.samples]
    rising = all(a[0] < b[0] for a, b in pairwise(sizes))
    if len(sizes) >= 3 and rising and sizes[-1][0] >= _GROWN * sizes[0][0] > 0:
        facts = {"from": sizes[0][1], "to": sizes[-1][1], "count": str(match.count)}
        yield Finding("memory.grows", facts=facts, source=match.last or match.source)


def _number(text: str) -> float:
    found = re.match(r"\d{1,10}(?:\.\d{1,6})?", text)
    return float(found[0]) if found else 0.0


_REFUSALS = ("memory.torch-cpu-alloc", "memory.refused", "memory.page-file")
_BROKEN_FILE = ("model.archive-corrupt", "model.safetensors-header")


@check("memory-behind-broken-file", finds=("memory.refused-while-loading",))
def memory_behind_broken_file(log: LogEvents) -> Iterator[Finding]:
    """Loaders call a file broken (or malicious) when they got no memory to read it into."""
    refused = next((m for name in _REFUSALS if (m := log.get(name))), None)
    if refused is not None and any(log.get(name) for name in _BROKEN_FILE):
        yield Finding("memory.refused-while-loading", source=refused.source, replaces=_BROKEN_FILE)
