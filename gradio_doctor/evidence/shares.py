"""Who holds how much of a resource that can run out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# "leftover" is an earlier run of the same app; "hidden" is held, but by nobody that can be seen from here.
ShareRole = Literal["app", "leftover", "other", "hidden"]
SharedResource = Literal[
    "gpu-memory", "memory", "container-memory", "swap", "shm", "descriptors", "threads", "disk", "inodes",
]


@dataclass(frozen=True, slots=True)
class Share:
    """What one holder has of a resource, in its unit. `who` is for people: "pid 4711 python app.py"."""

    who: str
    amount: float
    role: ShareRole = "other"


@dataclass(frozen=True, slots=True)
class Shares:
    """A resource, its limit, and who holds how much of it; what nobody holds is free.

    `name` says which one when there are several: "0 NVIDIA L4", "/tmp". `unit` is "bytes" or "count".
    """

    resource: SharedResource
    total: float
    held: tuple[Share, ...]
    name: str = ""
    unit: Literal["bytes", "count"] = "bytes"

    @property
    def used(self) -> float:
        """What is held by anybody, at most the total (accounts of running processes never add up exactly)."""
        return min(sum(share.amount for share in self.held), self.total)
