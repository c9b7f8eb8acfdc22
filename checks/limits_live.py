"""What a running app has used up of its limits. What is only nearly used up is a prediction, and no cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gradio_doctor.sdk import (
    Absent,
    Cgroup,
    Finding,
    HttpAnswers,
    LogEvents,
    PathAccess,
    Paths,
    Run,
    Share,
    Shares,
    Source,
    Usage,
    Usages,
    check,
    in_words,
)

_UNSEEN = Absent("nobody had to look")
_NEARLY = 0.9
_LEFT = 2  # descriptors: an accept needs one, and a look from outside may be among those in use
_FULL = 2**20  # bytes: not even an upload of one picture has room
_HALF_CLOSED = 100
_PERIODS, _SHARE = 5, 0.8  # periods of the quota that were looked at, share of them in which it was stopped
_REFUSALS = ("limits.thread-start", "limits.fork-eagain")
_SLOW = 0.05  # seconds for two requests that cost next to nothing: 4 ms on an app that may run


def slowest(http: HttpAnswers | Absent) -> float | None:
    """The longest that the app took to answer, in seconds; infinite when it did not, None when nobody asked."""
    if isinstance(http, Absent) or not (asked := [a for a in http.answers if a.probe in ("loop", "pool", "page")]):
        return None
    return max(a.seconds if a.outcome == "answered" else float("inf") for a in asked)


def says(log: LogEvents | Absent, *names: str) -> bool:
    """True when one of these signatures was matched in a log."""
    return isinstance(log, LogEvents) and any(log.get(name) for name in names)


def _delay(http: HttpAnswers | Absent) -> float | None:
    """How long the two cheapest requests took together; infinite without an answer, None when nobody asked."""
    if isinstance(http, Absent):
        return None
    asked = [a for name in ("loop", "pool") if (a := http.get(name))]
    return sum(a.seconds if a.outcome == "answered" else float("inf") for a in asked) if asked else None


@check("limits-descriptors-live", finds=(
    "limits.descriptors-at-limit", "limits.descriptors-nearly", "limits.half-closed",
))
def limits_descriptors_live(
    usages: Usages, http: HttpAnswers | Absent = _UNSEEN, log: LogEvents | Absent = _UNSEEN
) -> Iterator[Finding]:
    """Descriptors against their limit. At the limit nothing can be accepted any more; it counts when that shows.

    An app whose log tells of it hovers near its limit: each idle connection that is dropped lets one more in.
    """
    silent, told = slowest(http) == float("inf"), says(log, "limits.open-files-line")
    for usage in usages.processes:
        count, limit = usage.descriptors, usage.descriptor_limit
        if count and limit and count >= min(_NEARLY * limit, limit - _LEFT):
            reached = told or (count >= limit - _LEFT and silent)
            name = "limits.descriptors-at-limit" if reached else "limits.descriptors-nearly"
            yield _descriptors(name, usage, count, limit)
        if usage.close_wait >= _HALF_CLOSED:
            facts = {"pid": str(usage.pid), "sockets": str(usage.close_wait)}
            yield Finding("limits.half-closed", facts=facts, source=Source("process", f"pid {usage.pid}"))


def _descriptors(name: str, usage: Usage, count: int, limit: int) -> Finding:
    kinds = sorted(usage.kinds.items(), key=lambda k: -k[1])
    top = ", ".join(f"{n} x {target}" for target, n in usage.top[:2])
    facts = {
        "pid": str(usage.pid), "count": str(count), "limit": str(limit), "command": usage.command,
        "kinds": ", ".join(f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in kinds) or "?", "top": top or "?",
    }
    named = sum(n for _, n in usage.top[:2])
    held = [Share(target, n, "app") for target, n in usage.top[:2]]
    held.append(Share(f"pid {usage.pid} {usage.command}"[:60], count - named, "app"))
    shares = (Shares("descriptors", limit, tuple(held), unit="count"),)
    return Finding(name, facts=facts, source=Source("process", f"pid {usage.pid}"), shares=shares)


@check("limits-tasks-live", finds=("limits.tasks-at-limit", "limits.tasks-nearly"))
def limits_tasks_live(usages: Usages, log: LogEvents | Absent = _UNSEEN) -> Iterator[Finding]:
    """Threads and processes against what the app's user may have (ulimit -u, which does not bind root)."""
    for usage in usages.processes[:1]:
        if usage.tasks_limit is not None:
            name = f"ulimit -u, user {usage.user}"
            yield from _tasks(name, usage.tasks_limit, usage.user_tasks, usage.threads, refused=says(log, *_REFUSALS))


@check("limits-group-tasks-live", finds=("limits.tasks-at-limit", "limits.tasks-nearly"))
def limits_group_tasks_live(
    cgroup: Cgroup, usages: Usages, log: LogEvents | Absent = _UNSEEN
) -> Iterator[Finding]:
    """Threads and processes against what the control groups allow, and whether they have refused any."""
    threads = sum(u.threads for u in usages.processes)
    for group in cgroup.tasks:
        if group.limit is not None and group.current is not None:
            refused = says(log, *_REFUSALS) or (bool(group.refused) and group.current >= group.limit)
            yield from _tasks(f"pids.max of {group.path}", group.limit, group.current, threads, refused=refused)


def _tasks(name: str, limit: int, count: int, threads: int, *, refused: bool) -> Iterator[Finding]:
    """After a refusal some threads end, so with one that a log tells of, near the limit is at the limit."""
    if count < _NEARLY * limit:
        return
    facts = {"count": str(count), "limit": str(limit), "name": name, "threads": str(threads)}
    held = (Share("", min(threads, count), "app"), Share("", max(count - threads, 0)))
    shares = (Shares("threads", limit, held, name=name, unit="count"),)
    found = "limits.tasks-at-limit" if refused else "limits.tasks-nearly"
    yield Finding(found, facts=facts, source=Source("kernel", name), shares=shares)


@check("limits-disks-live", finds=("limits.disk-used-up", "limits.quota-used-up"))
def limits_disks_live(paths: Paths, log: LogEvents | Absent = _UNSEEN) -> Iterator[Finding]:
    """File systems without room. Of the temporary directory that is a fault: every upload and output goes there.

    Of the others only when something says that it could not be written: an image of models is full and well.
    """
    failed = says(log, "limits.no-space", "limits.disk-warning")
    for entry in paths.entries:
        no_bytes = (bool(entry.total) or bool(entry.quota)) and entry.free is not None and entry.free < _FULL
        no_inodes = bool(entry.inodes) and entry.inodes_free == 0
        if entry.problem == "read-only file system" or not (no_bytes or no_inodes):
            continue
        if entry.role != "temp" and not failed:
            continue
        yield _no_room(entry, "disk" if no_bytes else "inodes")
        return


def _no_room(entry: PathAccess, what: Literal["disk", "inodes"]) -> Finding:
    total = (entry.inodes if what == "inodes" else entry.total) or 0
    free = (entry.inodes_free if what == "inodes" else entry.free) or 0
    facts = {"path": entry.path, "role": entry.role, "free": in_words(free) if what == "disk" else "no inode"}
    if entry.quota:
        facts["quota"] = entry.quota
    unit: Literal["bytes", "count"] = "bytes" if what == "disk" else "count"
    shares = (Shares(what, total, (Share("", total - free, "hidden"),), entry.path, unit),) if total else ()
    name = "limits.quota-used-up" if entry.quota else "limits.disk-used-up"
    return Finding(name, facts=facts, source=Source("file", entry.path), shares=shares)


@check("limits-permission-live", finds=("limits.temp-refused", "limits.temp-refused-idle"))
def limits_permission_live(paths: Paths, http: HttpAnswers | Absent = _UNSEEN) -> Iterator[Finding]:
    """A serving app that may not write its temporary directory: every upload and output file fails.

    An app without files on its page never writes there: then it is a prediction. The other directories may go unused.
    """
    if not isinstance(http, HttpAnswers) or not http.is_gradio:
        return
    for entry in paths.entries:
        if entry.role != "temp" or not entry.problem or "no inodes" in entry.problem:  # no room is no permission
            continue
        facts = {"path": entry.path, "problem": entry.problem, "owner": entry.owner or "?", "judged": entry.judged}
        facts["user"] = paths.user or "?"
        name = "limits.temp-refused" if paths.files else "limits.temp-refused-idle"
        yield Finding(name, facts=facts, source=Source("file", entry.path))
        return


@check("limits-quota-live", finds=("limits.throttled-now",), cost=1.0)
def limits_quota_live(
    cgroup: Cgroup, http: HttpAnswers | Absent = _UNSEEN, run: Run | Absent = _UNSEEN
) -> Iterator[Finding]:
    """Does the CPU quota stop the app right now, and is it slow? Counters of the past do not matter."""
    took = _delay(http)
    starving = isinstance(run, Run) and run.outcome == "timeout"
    for group in cgroup.cpu:
        if group.recent_periods < _PERIODS or group.share < _SHARE:
            continue
        if not starving and (took is None or took < _SLOW):
            continue
        facts = {
            "throttled": str(group.recent_throttled), "periods": str(group.recent_periods), "group": group.path,
            "share": f"{100 * group.share:.0f}", "quota": f"{group.quota:.2g}",
            "took": "no answer" if took in (None, float("inf")) else f"{took:.2f} s",
        }
        yield Finding("limits.throttled-now", facts=facts, source=Source("kernel", group.path))
        return
    if cgroup.cpu:
        yield Finding("limits.throttled-now", seen=False)


@check("limits-watches-live", finds=("limits.watches-nearly",))
def limits_watches_live(usages: Usages) -> Iterator[Finding]:
    """File watches against what the kernel allows a user."""
    held = {"instances": sum(u.kinds.get("inotify", 0) for u in usages.processes),
            "watches": sum(u.watches for u in usages.processes)}  # fmt: skip
    for kind, count in held.items():
        limit = usages.inotify.get(kind)
        if limit and count >= _NEARLY * limit:
            facts = {"count": str(count), "limit": str(limit), "kind": kind}
            yield Finding("limits.watches-nearly", facts=facts, source=Source("kernel", f"fs.inotify.max_user_{kind}"))
