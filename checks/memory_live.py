"""Memory of a running app, or of the run that has just ended: shared memory, address space, groups, the machine."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from gradio_doctor.sdk import (
    Absent,
    Cgroup,
    Finding,
    HostMemory,
    HttpAnswers,
    LogEvents,
    Run,
    Share,
    Shares,
    Shm,
    Source,
    Usages,
    check,
    in_words,
)

_UNSEEN = Absent("nobody had to look")
_REFUSED = ("memory.refused", "memory.not-enough", "memory.torch-cpu-alloc", "limits.thread-start")
_SMALL = 128 * 2**20  # of shared memory; containers have 64 MiB unless told otherwise
_FULL = 2**20
_NEARLY = 0.9
_PRESSED = 0.2  # share of time in which nothing got on for want of memory


@check("memory-shm-live", finds=("memory.shm-bus-error", "memory.shm-used-up", "memory.shm-nearly"))
def memory_shm_live(
    shm: Shm, run: Run | Absent = _UNSEEN, log: LogEvents | Absent = _UNSEEN
) -> Iterator[Finding]:
    """Shared memory against what went wrong: a write for which it has no page left ends a process with SIGBUS.

    What the process had there is mostly gone with it, so a small one is suspicious though it is empty again.
    """
    full = shm.free < _FULL
    facts = {"size": in_words(shm.size), "free": in_words(shm.free) if shm.free else "0 bytes"}
    shares = (Shares("shm", shm.size, _holders(shm), "/dev/shm"),)  # noqa: S108
    told = {"facts": facts, "source": Source("file", "/dev/shm"), "shares": shares}  # noqa: S108
    if isinstance(run, Run) and _bus_error(run) and (full or shm.size <= _SMALL):
        facts["pid"] = str(run.pid)
        yield Finding("memory.shm-bus-error", witness="run-exit", replaces=("crash.signal-native",), **told)  # type: ignore[arg-type]
    elif full and isinstance(log, LogEvents) and log.get("memory.shm"):
        yield Finding("memory.shm-used-up", **told)  # type: ignore[arg-type]
    elif shm.size and shm.free < (1 - _NEARLY) * shm.size:
        yield Finding("memory.shm-nearly", **told)  # type: ignore[arg-type]


def _bus_error(run: Run) -> bool:
    number = getattr(signal, "SIGBUS", 0)
    return run.outcome == "exited" and number in (run.signal, (run.exit_code or 0) - 128)


def _holders(shm: Shm) -> tuple[Share, ...]:
    named = sum(size for _, size in shm.files)
    held = [Share(f"/dev/shm/{name}", size, "other") for name, size in shm.files]  # noqa: S108
    return (*held, Share("", max(shm.size - shm.free - named, 0), "hidden"))


@check("memory-space-live", finds=("memory.space-used-up", "memory.space-limited"))
def memory_space_live(usages: Usages, log: LogEvents, run: Run | Absent = _UNSEEN) -> Iterator[Finding]:
    """A limit on the address space (ulimit -v), when a request for memory was refused."""
    if not any(log.get(name) for name in _REFUSED):
        return
    for usage in usages.processes:
        if usage.size_limit and usage.size_peak >= 0.5 * usage.size_limit:
            facts = {"pid": str(usage.pid), "used": in_words(usage.size), "limit": in_words(usage.size_limit)}
            held = (Share(f"pid {usage.pid}", usage.size, "app"),)
            shares = (Shares("memory", usage.size_limit, held, name="ulimit -v"),)
            source = Source("process", f"pid {usage.pid}")
            yield Finding("memory.space-used-up", facts=facts, source=source, shares=shares)
            return
    if not usages.processes and (limit := usages.inherited.get("as")) and isinstance(run, Run):
        facts = {"limit": in_words(limit), "peak": in_words(run.peak_memory)}
        yield Finding("memory.space-limited", facts=facts, source=Source("process", "ulimit -v"))


@check("memory-group-live", finds=("memory.group-nearly",))
def memory_group_live(cgroup: Cgroup) -> Iterator[Finding]:
    """The memory of the app's control groups against their limits, without file cache, which is given back."""
    for group in cgroup.memory:
        if group.limit and group.current and group.current >= _NEARLY * group.limit:
            facts = {"used": in_words(group.current), "limit": in_words(group.limit), "group": group.path}
            shares = (Shares("container-memory", group.limit, (Share("", group.current, "app"),), group.path),)
            yield Finding("memory.group-nearly", facts=facts, source=Source("kernel", group.path), shares=shares)
            return


@check("memory-host-live", finds=("memory.thrashing", "memory.host-nearly"))
def memory_host_live(host: HostMemory, http: HttpAnswers | Absent = _UNSEEN) -> Iterator[Finding]:
    """Does the whole machine stand still for want of memory? Free memory alone says little; waiting for it does."""
    pressed = host.pressure.get("memory", 0.0) >= _PRESSED
    short = host.available < (1 - _NEARLY) * host.total / 2
    if not short:
        return
    hangs = isinstance(http, HttpAnswers) and any(a.outcome == "timeout" for a in http.answers)
    facts = {
        "available": in_words(host.available), "total": in_words(host.total),
        "share": f"{100 * host.pressure.get('memory', 0.0):.0f}",
    }
    held = (Share("", host.total - host.available, "hidden"),)
    name = "memory.thrashing" if pressed and hangs else "memory.host-nearly"
    shares = (Shares("memory", host.total, held),)
    yield Finding(name, facts=facts, source=Source("kernel", "/proc/pressure/memory"), shares=shares)
