"""NVIDIA GPUs as NVML shows them, and the processes on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gradio_doctor.evidence.process import Process

# Why NVML gives nothing at all; "" when it does.
NvmlFault = Literal["", "no-library", "mismatch", "no-driver", "no-permission", "no-device", "hangs", "lost", "other"]
# How sure it is which process of our table a pid of NVML's is: the kernel numbers are ours; found in a container
# by elimination, or of several by the order in which they began; it is of another namespace or hidden from us; it has
# ended, but the driver still counts it.
Known = Literal["same", "elimination", "start-order", "not-visible", "ended"]


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process with a context on a GPU. `memory` is in bytes, None where the driver does not tell it.

    `pid` is NVML's; in a container that is mostly the host's number. `process` is who it is in our own table, None when
    it is not visible; `container` is the start of the id of the container it runs in, "" none or unknown.
    """

    pid: int
    memory: int | None
    kind: Literal["compute", "graphics"] = "compute"
    known: Known = "same"
    process: Process | None = None
    container: str = ""

    @property
    def zombie(self) -> bool:
        """True when it has ended and still holds memory (unreaped, or a thread of it hangs in the driver)."""
        return self.known == "ended" or (self.process is not None and self.process.state in ("zombie", "dead"))


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device, or one MIG instance of it (`instance_of` is the device's uuid then). Sizes in bytes.

    None is what the driver does not tell. `reserved` is what driver and firmware keep for themselves; it is not part
    of `used` where it is known. `throttled` are the reasons for which clocks are held down, without idling.
    `uncorrected` are ECC errors since the driver was loaded; `retiring` when rows or pages wait for a reset, and
    `remap_failed` when there was no spare row left for a faulty one.
    `processes_known` is False when the driver refuses the list. `unread` are calls that failed, with NVML's word.
    """

    index: int
    uuid: str
    name: str
    total: int | None = None
    used: int | None = None
    free: int | None = None
    reserved: int | None = None
    utilisation: int | None = None
    temperature: int | None = None
    throttled: tuple[str, ...] = ()
    uncorrected: int | None = None
    retiring: bool | None = None
    mig: bool | None = None
    capability: tuple[int, int] | None = None
    mode: Literal["", "default", "exclusive", "prohibited"] = ""
    pci: str = ""
    processes: tuple[GpuProcess, ...] = ()
    processes_known: bool = True
    instance_of: str = ""
    lost: bool = False
    hidden: bool = False  # by the app's CUDA_VISIBLE_DEVICES
    unread: tuple[tuple[str, str], ...] = ()
    remap_failed: bool | None = None

    @property
    def label(self) -> str:
        """The device for people: "0 NVIDIA L4"."""
        return f"{self.index} {self.name}".strip()

    @property
    def unaccounted(self) -> int | None:
        """Memory that no listed process holds, in bytes; None where the processes' shares are not told."""
        shares = [p.memory for p in self.processes]
        if self.used is None or not self.processes_known or None in shares:
            return None
        return max(self.used - sum(s for s in shares if s is not None), 0)

    def share(self, pids: frozenset[int]) -> int | None:
        """What the processes of our table with those pids hold together; None where one's share is not told."""
        shares = [p.memory for p in self.processes if p.process is not None and p.process.pid in pids]
        return None if None in shares else sum(s for s in shares if s is not None)


@dataclass(frozen=True, slots=True)
class Gpus:
    """What NVML told. `fault` says why it told nothing, `detail` in its own words.

    `visible` is the app's CUDA_VISIBLE_DEVICES (None: not set), `visible_of` whose it is. `apart` is True when we look
    from inside a container, whose pids differ from those that NVML gives. `cuda_build` is the CUDA version that the
    app's torch was built for: "" a build without CUDA, None unknown. `alert` is the level, in percent of a device's
    memory, from which on it is worth a word.
    """

    devices: tuple[Gpu, ...] = ()
    driver: str = ""
    nvml: str = ""
    cuda: str = ""
    fault: NvmlFault = ""
    detail: str = ""
    visible: str | None = None
    visible_of: str = ""
    apart: bool = False
    wsl: bool = False
    cuda_build: str | None = None
    torch: str = ""
    alert: float = 85.0

    @property
    def usable(self) -> tuple[Gpu, ...]:
        """The devices that the app can see, MIG instances instead of the device they are part of."""
        parents = {d.instance_of for d in self.devices}
        return tuple(d for d in self.devices if not d.hidden and d.uuid not in parents)
