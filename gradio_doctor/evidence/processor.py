"""What instructions the machine's processor can execute."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Processor:
    """The CPU as the kernel describes it. `flags` are /proc/cpuinfo's own names ("avx2", "avx512f"; "asimd" on ARM).

    `machine` is the architecture ("x86_64"); `virtual` is True in a virtual machine, which may hide some of the flags.
    """

    machine: str
    model: str
    flags: frozenset[str]
    virtual: bool = False
