"""Who holds the memory of a GPU: the app, an earlier run of it, other programs, nobody that can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gradio_doctor.evidence import ShareRole
from gradio_doctor.sdk import Absent, Gpu, GpuProcess, Gpus, Instances, Process, Share, Shares

from .gpu import Account, crowded, verdict

# Memory that no process on the list holds: driver and firmware keep some; beyond that somebody hides it.
_DRIVER_SHARE, _DRIVER_BYTES = 0.03, 600 * 2**20
_SAME_CARD = 0.08  # how far two programs' words for one card's size may differ
HolderKind = Literal["leftover", "zombie", "program", "hidden"]


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody else's share of a card, in bytes. `pid` is 0 for memory that no process on the list holds."""

    kind: HolderKind
    amount: int
    pid: int = 0
    seen: GpuProcess | None = None

    @property
    def process(self) -> Process | None:
        """Who it is in our process table, where that is known."""
        return self.seen.process if self.seen else None

    @property
    def who(self) -> str:
        """The process for people: pid, command, user, container."""
        if not self.pid:
            return ""
        process = self.process
        if process is None:
            return f"pid {self.pid}" + (" of the host, or of another container" if self._unseen else "")
        pid = f"{process.pid}{self._matched}"
        inside = f", container {self.seen.container}" if self.seen and self.seen.container else ""
        return f"pid {pid} {process.command_line[:120]} ({process.user}{inside})"

    @property
    def _unseen(self) -> bool:
        return self.seen is not None and self.seen.known == "not-visible"

    @property
    def _matched(self) -> str:
        """How a process inside this container was found, whose pid the driver gives as the host counts it."""
        how = {"elimination": "the only one that it can be", "start-order": "by the order in which they began"}
        if self.seen is None or self.seen.known not in how:
            return ""
        return f" (the driver's {self.seen.pid}: {how[self.seen.known]})"


@dataclass(frozen=True, slots=True)
class Runs:
    """The processes of the app: those of the run that is looked into, and those of earlier ones."""

    now: frozenset[int] = frozenset()
    earlier: frozenset[int] = frozenset()


def runs_of(instances: Instances | Absent, told: Account | None, devices: Iterable[Gpu] = ()) -> Runs:
    """Sort the app's processes: the newest run is the one looked into, unless its own error message speaks against it.

    PyTorch's message lists the other processes on the card; and a process that holds what the message says that others
    hold is not the one that printed it.
    """
    if isinstance(instances, Absent):
        return Runs()
    parents = {p.pid: p.ppid for p in instances.all}
    roots = {pid: _root(pid, parents) for pid in parents}
    newest = max(instances.main, key=lambda p: p.started, default=None)
    blamed = {pid for pid in roots if told is not None and _is_other(pid, told, devices)}
    kept = newest.pid if newest is not None and not any(roots[pid] == newest.pid for pid in blamed) else None
    now = frozenset(pid for pid, root in roots.items() if root == kept)
    return Runs(now, frozenset(roots) - now)


def _root(pid: int, parents: dict[int, int]) -> int:
    for _ in range(len(parents)):
        if parents.get(pid) not in parents:
            return pid
        pid = parents[pid]
    return pid


def _is_other(pid: int, told: Account, devices: Iterable[Gpu]) -> bool:
    numbers = {p.pid for d in devices for p in d.processes if p.process and p.process.pid == pid} or {pid}
    if any(str(number) in dict(told.listed) for number in numbers):  # PyTorch asks the driver for them, too
        return True
    if verdict(told) != "gpu.others-hold-memory":
        return False
    shares = [s for d in devices if (s := d.share(frozenset({pid})))]
    return any(share > max(0.5 * told.others, 2 * told.own) for share in shares)


def card_of(gpus: Gpus, runs: Runs, told: Account | None) -> Gpu | None:
    """The device that the app used: by the size in its error message, else by its processes, else the fullest."""
    devices = [d for d in gpus.usable if d.total and d.used is not None]
    if told is not None:
        devices = [d for d in devices if abs((d.total or 0) - told.total) <= _SAME_CARD * told.total] or devices
    mine = [d for d in devices if any(p.process and p.process.pid in runs.now for p in d.processes)]
    return max(mine or devices, key=lambda d: (d.used or 0) / (d.total or 1), default=None)


def holders(card: Gpu, runs: Runs) -> tuple[Holder, ...]:
    """Everybody on the card but the app's present run, the biggest share first."""
    found = [_holder(p, runs) for p in card.processes if p.process is None or p.process.pid not in runs.now]
    rest = card.unaccounted or 0
    if rest > max(_DRIVER_SHARE * (card.total or 0), _DRIVER_BYTES):
        found.append(Holder("hidden", rest))
    return tuple(sorted(found, key=lambda h: (-h.amount, h.pid)))


def _holder(seen: GpuProcess, runs: Runs) -> Holder:
    amount = seen.memory or 0
    if seen.zombie:
        return Holder("zombie", amount, seen.pid, seen)
    if seen.process is None:
        return Holder("hidden", amount, seen.pid, seen)
    kind: HolderKind = "leftover" if seen.process.pid in runs.earlier else "program"
    return Holder(kind, amount, seen.process.pid, seen)


def account_now(card: Gpu, runs: Runs) -> Account | None:
    """The card as it is now, as an account of PyTorch's form; None where the app's own share is not told."""
    own = card.share(runs.now)
    if not own and runs.now and any(p.known == "not-visible" for p in card.processes):
        return None  # one of those that cannot be seen may be the app
    if own is None or not card.total or card.free is None or not card.processes_known:
        return None
    return Account(0.0, float(card.total), float(card.free), float(own), 0.0)


def of_others(card: Gpu, runs: Runs) -> int:
    """What others hold, in bytes: told process by process, else what the app does not."""
    own = card.share(runs.now)
    return max(sum(h.amount for h in holders(card, runs)), (card.used or 0) - own if own is not None else 0)


def is_crowded(card: Gpu, runs: Runs) -> bool:
    """Whether others hold enough of the card to be a reason."""
    return crowded(of_others(card, runs), card.total or 0)


_ROLES: Mapping[HolderKind, ShareRole] = {
    "leftover": "leftover", "hidden": "hidden", "zombie": "other", "program": "other",
}


def shares_of(card: Gpu, runs: Runs) -> Shares:
    """Who holds how much of the card, for the report."""
    own = card.share(runs.now) or 0
    others = [Share(h.who, h.amount, _ROLES[h.kind]) for h in holders(card, runs)]
    if card.unaccounted is None:  # the driver does not tell the shares: what is left over is somebody's
        others.append(Share("", max((card.used or 0) - own - sum(s.amount for s in others), 0), "hidden"))
    return Shares("gpu-memory", card.total or 0, (Share("", own, "app"), *others), card.label)
