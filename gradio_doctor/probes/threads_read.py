"""One look at one thread, read from /proc. Nothing here touches the thread."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gradio_doctor.probes.redact import clean

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_MOST_BYTES = 8192


@dataclass(frozen=True, slots=True)
class RawLook:
    """What the kernel printed of a thread. `call` is its line of the file syscall, None when that is closed to us."""

    tid: int
    at: float
    name: str
    state: str
    cpu: float
    voluntary: int
    involuntary: int
    wait_channel: str
    call: str | None
    delay: float = 0.0


def thread_ids(pid: int, most: int, proc: str = "/proc") -> list[int]:
    """The threads of a process, oldest numbers first, at most `most` and one more. Raises OSError when it is gone."""
    tids: list[int] = []
    with os.scandir(f"{proc}/{pid}/task") as entries:
        for entry in entries:
            if entry.name.isdigit():
                tids.append(int(entry.name))
            if len(tids) > 16 * most:
                break
    return sorted(tids)[: most + 1]


def look(pid: int, tid: int, at: float, proc: str = "/proc") -> RawLook | None:
    """One look at a thread; None when it has ended."""
    base = f"{proc}/{pid}/task/{tid}"
    try:
        status = _fields(read(f"{base}/status"))
        cpu, delay = _times(base)
    except (OSError, ValueError, IndexError):
        return None
    if status.get("State", "Z")[:1] in "ZX":
        return None
    return RawLook(
        tid, at, clean(status.get("Name", ""), 64), status.get("State", "?")[:1], cpu,
        _count(status.get("voluntary_ctxt_switches")), _count(status.get("nonvoluntary_ctxt_switches")),
        _wait_channel(base), _call(base), delay,
    )


def cpu_times(pid: int, most: int = 512, proc: str = "/proc") -> dict[int, float]:
    """CPU time in seconds of each thread of a process; {} when it is gone, or off Linux."""
    found: dict[int, float] = {}
    try:
        tids = thread_ids(pid, most, proc)
    except OSError:
        return found
    for tid in tids:
        try:
            found[tid] = _times(f"{proc}/{pid}/task/{tid}")[0]
        except (OSError, ValueError, IndexError):
            continue
    return found


def state_of(pid: int, proc: str = "/proc") -> str:
    """The state letter of a process (R S D T t Z X), "" when it is gone."""
    try:
        return (_after_name(read(f"{proc}/{pid}/stat")) or [""])[0]
    except OSError:
        return ""


def read(path: str) -> str:
    """The first 8 KiB of a file of /proc. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, _MOST_BYTES).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def processor_of(base: str) -> int:
    """The CPU that a thread ran on last. Raises OSError, ValueError, IndexError."""
    return int(_after_name(read(f"{base}/stat"))[36])


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, colon, value in pairs if colon}


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _times(base: str) -> tuple[float, float]:
    """Seconds of CPU time and of waiting for a CPU: exact where the kernel keeps scheduler statistics."""
    try:
        cpu, delay = read(f"{base}/schedstat").split()[:2]
        return int(cpu) / 1e9, int(delay) / 1e9
    except (OSError, ValueError):
        fields = _after_name(read(f"{base}/stat"))
        return (int(fields[11]) + int(fields[12])) / _TICKS, 0.0


def _after_name(stat: str) -> list[str]:
    """The fields of `stat` from the state on: the name before them may hold spaces and parentheses."""
    return stat.rpartition(")")[2].split()


def _wait_channel(base: str) -> str:
    try:
        text = read(f"{base}/wchan")
    except OSError:
        return ""
    return "" if text == "0" else clean(text, 64)


def _call(base: str) -> str | None:
    try:
        return read(f"{base}/syscall")
    except OSError:
        return None
