"""What the kernel says of processes that it killed, or that died of a fault."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Literal

from gradio_doctor.evidence import Absent, KernelEvent, KernelLog, Processes, Run, Xid
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.redact import clean

KernelEventKind = Literal["oom-kill", "segfault", "trap"]

MOST_LINES = 4000
_MOST_RECORDS = 200_000  # a ring buffer of 16 MB holds fewer
_LONGEST = 1000
_TIMEOUT = 5.0
_UNLOCK = "sudo dmesg"
_CLOCKS_DIFFER = 2.0  # seconds; the kernel's stamps drift from the wall clock

# the text after any of the stamps below: [ 12.345] (dmesg), [Sun Nov 22 13:36:27 2026] (dmesg -T), ISO 8601 (journal)
_ISO = re.compile(r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)\s")
_MONOTONIC = re.compile(r"(?:^|\s)\[\s{0,12}(\d{1,10}\.\d{1,9})\]\s")
_CTIME = re.compile(r"^\[(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\]\s")

_OOM_CAUSE = re.compile(r"oom-kill:constraint=(CONSTRAINT_\w{1,20})\b.{0,600}?,task=(.{1,64}?),pid=(\d{1,10})\b")
_KILLED = re.compile(r"\bKilled process (\d{1,10})(?:, UID \d{1,10})?,? \((.{1,64}?)\)(?=[ ,]|$)")
_SEGFAULT = re.compile(r"(?:^|[\s:\]])([^\s\[\]:][^\[\]:]{0,63})\[(\d{1,10})\]: segfault at ")
_UNHANDLED = re.compile(r"(?:^|[\s:\]])([^\s\[\]:][^\[\]:]{0,63})\[(\d{1,10})\]: unhandled .{1,80}?\(11\) at ")
_TRAP = re.compile(r"\btraps: (.{1,64}?)\[(\d{1,10})\]:? (?:trap )?([a-z0-9][a-z0-9 ]{2,40}?) ip:")
_XID = re.compile(r"NVRM: Xid \(PCI:[0-9a-fA-F:.]{4,20}\): (\d{1,4})(?:, pid='?(\d{1,10}))?")
_LIBRARY = re.compile(r" in ([^\s\[\],]{1,200})\[[0-9a-f]{1,16}[+,]")


def probe_kernel_log(context: Context) -> KernelLog | Absent:
    """Deaths in the kernel log of this boot. In a container the kernel numbers processes as the host does.

    Pids are used again: what is told of one from before its process was born is not told.
    """
    found = _read_log()
    if isinstance(found, Absent):
        return found
    run, processes = context.known(Run), context.known(Processes)
    born = {p.pid: p.started for p in processes.table.values()} if isinstance(processes, Processes) else {}
    born |= {run.pid: run.started} if isinstance(run, Run) else {}
    return replace(found, events=tuple(e for e in found.events if not _is_older(e, born.get(e.pid, 0.0))))


def _is_older(event: KernelEvent, born: float) -> bool:
    try:
        return datetime.fromisoformat(event.time.replace("Z", "+00:00")).timestamp() < born - _CLOCKS_DIFFER
    except (ValueError, OverflowError, OSError):
        return False


def _read_log() -> KernelLog | Absent:
    if sys.platform != "linux":
        return Absent("the kernel log can be read on Linux only")
    boot = time.time() - time.monotonic()
    reasons = []
    for source in (read_kmsg, _read_journal, _read_dmesg):
        try:
            lines = source()
        except (OSError, subprocess.SubprocessError) as error:
            reasons.append(clean(str(error), 120))
            continue
        if lines:
            return parse_kernel_lines(lines, boot)
        reasons.append("it is empty")
    return Absent(f"the kernel log cannot be read: {reasons[0]}", _UNLOCK)


def read_kmsg(path: str = "/dev/kmsg") -> list[str]:
    """The ring buffer as `[seconds] text` lines, at most the last 4,000. Raises OSError when it is not permitted."""
    lines: deque[str] = deque(maxlen=MOST_LINES)
    device = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for _ in range(_MOST_RECORDS):
            try:
                record = os.read(device, 8192)  # one record each
            except BlockingIOError:
                break
            except BrokenPipeError:  # records were overwritten while we read
                continue
            if not record:
                break
            lines.append(_record_line(record.decode("utf-8", "replace")))
    finally:
        os.close(device)
    return list(lines)


def _record_line(record: str) -> str:
    """`priority,number,microseconds,flags;text` and key=value lines, as dmesg would print it."""
    prefix, _, text = record.partition(";")
    fields = prefix.split(",")
    stamp = int(fields[2]) / 1e6 if len(fields) > 2 and fields[2].isdigit() else 0.0
    return f"[{stamp:.6f}] {text.partition(chr(10))[0]}"


def _read_journal() -> list[str]:
    lines = _output(["journalctl", "-k", "-b", "-o", "short-iso", "-n", str(MOST_LINES), "--no-pager", "-q"])
    return [line for line in lines if not line.startswith("-- ")]


def _read_dmesg() -> list[str]:
    return _output(["dmesg"])


def _output(command: list[str]) -> list[str]:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT, check=False, errors="replace"
    )
    if done.returncode:
        raise OSError(done.stderr.strip() or f"{command[0]} ended with status {done.returncode}")
    return done.stdout.splitlines()[-MOST_LINES:]


def parse_kernel_lines(lines: Iterable[str], boot: float | None = None) -> KernelLog:
    """The deaths in kernel lines, whatever wrote them down (dmesg, dmesg -T, journalctl, syslog, /var/log/kern.log).

    `boot` is the time of the boot, in seconds since the epoch, which turns stamps like [12.345] into times; without
    it such lines have none. Only the last 4,000 lines are looked at.
    """
    events: list[KernelEvent] = []
    xids: list[Xid] = []
    causes: dict[int, int] = {}  # pid -> where the OOM kill stands of which only the cause has been told so far
    for line in deque(lines, maxlen=MOST_LINES):
        text = clean(line[:_LONGEST], _LONGEST)
        event = next((e for read in _READERS if (e := read(text)) is not None), None)
        if event is None and (seen := _XID.search(text)):
            xids.append(Xid(int(seen[1]), text, int(seen[2] or 0), _time_of(text, boot)))
        if event is None:
            continue
        event = replace(event, time=_time_of(text, boot))
        at = causes.pop(event.pid, None) if event.kind == "oom-kill" else None
        if at is not None:  # "oom-kill:constraint=..." comes first, "Killed process ..." with the figures after it
            events[at] = replace(event, constraint=events[at].constraint or event.constraint)
            continue
        if _OOM_CAUSE.search(text):
            causes[event.pid] = len(events)
        events.append(event)
    return KernelLog(tuple(events), tuple(xids))


def _oom_cause(text: str) -> KernelEvent | None:
    if not (seen := _OOM_CAUSE.search(text)):
        return None
    return KernelEvent("oom-kill", int(seen[3]), seen[2], text, constraint=seen[1])


def _oom_kill(text: str) -> KernelEvent | None:
    if not (seen := _KILLED.search(text)):
        return None
    constraint = "CONSTRAINT_MEMCG" if "emory cgroup out of memory" in text else ""
    return KernelEvent("oom-kill", int(seen[1]), seen[2], text, constraint=constraint)


def _segfault(text: str) -> KernelEvent | None:
    seen = _SEGFAULT.search(text) or _UNHANDLED.search(text)
    return KernelEvent("segfault", int(seen[2]), seen[1], text, library=_library(text)) if seen else None


def _trap(text: str) -> KernelEvent | None:
    if not (seen := _TRAP.search(text)):
        return None
    # a general protection fault ends a process with SIGSEGV, like any other bad address
    kind: KernelEventKind = "segfault" if seen[3].startswith("general protection") else "trap"
    return KernelEvent(kind, int(seen[2]), seen[1], text, library=_library(text))


_READERS: tuple[Callable[[str], KernelEvent | None], ...] = (_oom_cause, _oom_kill, _trap, _segfault)


def _library(text: str) -> str:
    seen = _LIBRARY.search(text)
    return seen[1] if seen else ""


def _time_of(text: str, boot: float | None) -> str:
    """The time of a line as ISO 8601, "" when its stamp cannot be turned into one."""
    if seen := _ISO.search(text):
        return seen[1]
    if seen := _CTIME.search(text):
        try:
            return datetime.strptime(seen[1], "%a %b %d %H:%M:%S %Y").astimezone().isoformat()
        except ValueError:
            return ""
    if boot is None or not (seen := _MONOTONIC.search(text[:120])):
        return ""
    return datetime.fromtimestamp(boot + float(seen[1]), timezone.utc).astimezone().isoformat(timespec="milliseconds")
