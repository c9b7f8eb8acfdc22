"""GPU faults that only numbers or the order of lines can tell apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradio_doctor.sdk import Finding, LogEvents, LogMatch, Share, Shares, check, in_words

_UNIT = {
    "bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "KB": 10**3, "MB": 10**6, "GB": 10**9,
}
_SIZE = r"(?P<{0}>[\d.]{{1,14}} (?:bytes|[KMGT]i?B))"
_FIELDS: dict[str, tuple[str, ...]] = {
    "tried": (f"Tried to allocate {_SIZE}", f"Requested +: {_SIZE}"),
    "total": (f"total capaci?ty of {_SIZE}", f"{_SIZE} total capacity"),
    "free": (f"of which {_SIZE} is free", f"{_SIZE} free"),
    "process": (f"this process has {_SIZE} memory in use",),
    "allocated": (f"Of the allocated memory {_SIZE} is allocated", f"{_SIZE} already allocated"),
    "unallocated": (f"and {_SIZE} is reserved by PyTorch but unallocated",),
    "reserved": (f"{_SIZE} reserved in total", f"{_SIZE} cached"),
}
_CONTEXT = 0.5 * 2**30  # bytes: what a CUDA context takes outside the allocator, which the old format does not count
# What others must hold to be called the reason: a share of the card, and more than a desktop and a context take.
_NEIGHBOUR_SHARE, _NEIGHBOUR_BYTES = 0.35, 2 * 2**30
_FULL = 0.95  # share of the card that a process can have at best
_FULL_AFTERWARDS = 0.8
_OTHER = re.compile(r"Process (?P<pid>\d{1,10}) has (?P<size>[\d.]{1,14} (?:bytes|[KMGT]iB)) memory in use")
_LINES = ("gpu.torch-oom", "gpu.torch-memory-numbers", "gpu.oom-class")


@dataclass(frozen=True, slots=True)
class Account:
    """PyTorch's account of the card, in bytes. `own` is this process's share, `others` everybody else's."""

    tried: float
    total: float
    free: float
    own: float
    unallocated: float
    pid: str = ""
    listed: tuple[tuple[str, float], ...] = ()  # other processes that the message names, pid and bytes

    @property
    def others(self) -> float:
        """What is neither free nor this process's."""
        return max(self.total - self.free - self.own, 0.0)

    def facts(self) -> dict[str, str]:
        """The sizes for people."""
        sizes = {"tried": self.tried, "total": self.total, "free": self.free, "own": self.own,
                 "others": self.others, "unallocated": self.unallocated}
        named = {"pid": self.pid, "named_pid": self.pid} if self.pid else {}
        return {k: in_words(v) for k, v in sizes.items()} | named

    def shares(self) -> Shares:
        """Who held what when it failed; others by their pids as far as the message lists them."""
        listed = sum(size for _, size in self.listed)
        held = [Share("", self.own, "app"), *(Share(f"pid {pid}", size) for pid, size in self.listed)]
        return Shares("gpu-memory", self.total, (*held, Share("", max(self.others - listed, 0.0))))


def _bytes(text: str) -> float | None:
    number, _, unit = text.partition(" ")
    try:
        return float(number) * _UNIT[unit]
    except (ValueError, KeyError):
        return None


def account(text: str) -> Account | None:
    """The numbers of an out-of-memory message of any format (1.0 to 2.9), None when they do not suffice."""
    found: dict[str, float] = {}
    for name, patterns in _FIELDS.items():
        for pattern in patterns:
            if (match := re.search(pattern.format(name), text)) and (size := _bytes(match[name])) is not None:
                found.setdefault(name, size)
    if not {"tried", "total", "free"} <= found.keys():
        return None
    total = found["total"]
    allocated, unallocated = found.get("allocated", 0.0), found.get("unallocated", 0.0)
    if "reserved" in found and "unallocated" not in found:
        unallocated = max(found["reserved"] - allocated, 0.0)
    by_allocator = max(allocated + unallocated, found.get("reserved", 0.0))
    if not by_allocator and "process" not in found:
        return None
    process = found.get("process", 0.0)
    # WSL and some drivers report 17179869184 GiB (2**64) for a process: not a size at all.
    own = process if 0 < process <= total * 1.05 else by_allocator + _CONTEXT
    listed = {m["pid"]: size for m in _OTHER.finditer(text) if (size := _bytes(m["size"])) and size <= total}
    biggest = max(listed, key=lambda pid: listed[pid], default="")
    return Account(found["tried"], total, found["free"], own, unallocated, biggest, tuple(listed.items()))


def verdict(numbers: Account) -> str | None:
    """Whose fault it is: would the request fit on this card if the app had it to itself?"""
    if numbers.own + numbers.tried > _FULL * numbers.total:
        return "gpu.own-allocation-too-large"
    if numbers.free >= max(numbers.tried, 0.05 * numbers.total):
        return None  # refused although there is room: fragments, or a limit of the app's own
    if crowded(numbers.others, numbers.total):
        return "gpu.others-hold-memory"
    return "gpu.own-allocation-too-large" if numbers.own > 0.75 * numbers.total else None


def crowded(others: float, total: float) -> bool:
    """Whether others hold so much of a card (bytes) that they are a reason: more than a desktop and a context take."""
    return others >= max(_NEIGHBOUR_SHARE * total, _NEIGHBOUR_BYTES)


def full_afterwards(used: float, total: float) -> bool:
    """After the app has failed, its own memory is free again: what fills the card now is others'."""
    return used >= _FULL_AFTERWARDS * total > 0


def told_account(log: LogEvents) -> Account | None:
    """The numbers that PyTorch printed with its out-of-memory error, None when there are none."""
    matches = [m for name in _LINES if (m := log.get(name))]
    return account(" ".join(dict.fromkeys(m.text for m in matches)))


@check("gpu-oom-arithmetic", finds=("gpu.own-allocation-too-large", "gpu.others-hold-memory", "gpu.memory-fragmented"))
def gpu_oom_arithmetic(log: LogEvents) -> Iterator[Finding]:
    """Who fills the GPU's memory, from the numbers in PyTorch's message (c10/cuda/CUDACachingAllocator.cpp)."""
    numbers = told_account(log)
    if numbers is None:
        return
    source, witness = next(m.source for name in _LINES if (m := log.get(name))), "gpu-oom"
    if (name := verdict(numbers)) is not None:
        replaces = _LINES if name == "gpu.others-hold-memory" else ()
        yield Finding(
            name, facts=numbers.facts(), source=source, witness=witness, replaces=replaces, shares=(numbers.shares(),)
        )
    if numbers.unallocated >= max(numbers.tried, 0.1 * numbers.total):
        yield Finding("gpu.memory-fragmented", facts=numbers.facts(), source=source, witness=witness)


_PLAIN = ("gpu.cuda-oom-error", "gpu.bare-oom", "gpu.library-alloc-failed", "gpu.library-not-initialized")


@check("gpu-card-full", finds=("gpu.card-full",))
def gpu_card_full(log: LogEvents) -> Iterator[Finding]:
    """An out-of-memory error without numbers beside an nvidia-smi table of a full card: after the failure the app's
    own memory is gone, so what the table shows is other processes'."""
    table = log.get("gpu.smi-memory")
    if table is None or not any(log.get(name) for name in _PLAIN) or log.get("gpu.torch-memory-numbers"):
        return
    for sample in table.samples:
        used, total = int(sample.captures["used"]), int(sample.captures["total"])
        if full_afterwards(used, total):
            facts = {"others": in_words(used * 2**20), "total": in_words(total * 2**20)}
            yield Finding("gpu.card-full", facts=facts, source=sample.source)
            return


# After one of these the CUDA context is lost: every later call of the process fails, with whatever text.
_FATAL = ("gpu.kernel-assertion", "gpu.device-assert", "gpu.illegal-access", "gpu.launch-failed", "gpu.launch-timeout")
_ECHOES = (
    "gpu.library-failed", "gpu.library-internal", "gpu.library-not-initialized", "gpu.library-alloc-failed",
    "gpu.other-error", "gpu.cuda-oom-error", "gpu.bare-oom", "gpu.cuda-init-error", "gpu.no-device", "gpu.no-engine",
)


@check("gpu-first-fault", finds=("gpu.first-fault",))
def gpu_first_fault(log: LogEvents) -> Iterator[Finding]:
    """The first CUDA failure counts: after a kernel fault every later call of the process fails too."""
    faults = [m for name in _FATAL if (m := log.get(name))]
    if not faults:
        return
    first = min(faults, key=_line)
    echoes = tuple(n for n in _ECHOES if (m := log.get(n)) and _same_log(m, first) and _line(m) > _line(first))
    earlier = [n for n in _ECHOES if (m := log.get(n)) and _same_log(m, first) and _line(m) < _line(first)]
    if echoes and not earlier:
        facts = {"fault": first.text.strip()[:160], **first.captures}
        yield Finding("gpu.first-fault", facts=facts, source=first.source, replaces=echoes)


def _line(match: LogMatch) -> int:
    return match.source.line or 0


def _same_log(one: LogMatch, other: LogMatch) -> bool:
    return one.source.name == other.source.name
