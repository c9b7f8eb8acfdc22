"""Asks NVML in a child process with a deadline, and reads its answer into evidence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from gradio_doctor.evidence import Gpu, GpuProcess, Gpus, NvmlFault
from gradio_doctor.probes.redact import clean

SECONDS = 4.0  # a whole query takes 0.2 to 60 ms; the first after the driver was unloaded up to 3 s
_INSIDE = Path(__file__).with_name("gpus_inside.py")
_FAULTS: Mapping[str, NvmlFault] = {
    "NVMLError_LibraryNotFound": "no-library", "NVMLError_LibRmVersionMismatch": "mismatch",
    "NVMLError_DriverNotLoaded": "no-driver", "NVMLError_NoPermission": "no-permission",
    "NVMLError_GpuIsLost": "lost", "NVMLError_NotFound": "no-device", "NVMLError_GpuNotFound": "no-device",
}
_LOST = frozenset({"NVMLError_GpuIsLost", "NVMLError_ResetRequired"})
# nvml.h, nvmlClocksEventReason*: those that hold clocks down because something is short
_REASONS = {
    0x04: "power limit", 0x08: "hardware slowdown", 0x20: "temperature (software)", 0x40: "temperature (hardware)",
    0x80: "power brake",
}
_MODES: Mapping[int, Literal["default", "exclusive", "prohibited"]] = {
    0: "default", 1: "exclusive", 2: "prohibited", 3: "exclusive",
}


def ask_nvml(seconds: float = SECONDS) -> Gpus:
    """What NVML tells; a driver that hangs, or no library, is a fact and not a failure."""
    code, output, errors = _run([sys.executable, "-c", _INSIDE.read_text(encoding="utf-8")], seconds)
    if code is None:
        return Gpus(fault="hangs", detail=f"no answer within {seconds:g} s")
    try:
        told = json.loads(output)
        return read_told(told)
    except (ValueError, KeyError, TypeError, AttributeError):
        last = (errors.strip().splitlines() or [f"exit status {code}"])[-1]
        return Gpus(fault="other", detail=clean(last, 200))


def _run(command: list[str], seconds: float) -> tuple[int | None, str, str]:
    """Exit status (None: it had to be left behind), output, errors.

    Never waits for the end of what it kills: a process inside of a hung driver does not die, not even of SIGKILL.
    """
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        errors="replace", start_new_session=os.name == "posix",
    )
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.3)
        return None, "", ""
    return process.returncode, output, errors


def read_told(told: Mapping[str, Any]) -> Gpus:
    """The answer of gpus_inside.py as evidence. Raises KeyError, TypeError or ValueError when it is none."""
    if "error" in told:
        return Gpus(fault=_FAULTS.get(told["error"], "other"), detail=clean(str(told["text"]), 200))
    devices = tuple(_device(d) for d in told["devices"])
    cuda = told.get("cuda") or 0  # 12040
    version = f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else ""
    fault: NvmlFault = "" if devices else "no-device"
    return Gpus(devices, clean(told.get("driver") or "", 40), clean(told.get("nvml") or "", 40), version, fault)


def _device(told: Mapping[str, Any]) -> Gpu:
    memory, failed = told.get("memory") or {}, told["failed"]
    capability, bits = told.get("capability"), told.get("throttled") or 0
    known = [told[kind] for kind in ("compute", "graphics") if told.get(kind) is not None]
    return Gpu(
        index=int(told["index"]), uuid=clean(told.get("uuid") or "", 120), name=clean(told.get("name") or "", 120),
        total=memory.get("total"), used=memory.get("used"), free=memory.get("free"), reserved=memory.get("reserved"),
        utilisation=told.get("utilisation"), temperature=told.get("temperature"),
        throttled=tuple(text for bit, text in _REASONS.items() if bits & bit),
        uncorrected=told.get("uncorrected"), retiring=told.get("retiring"), remap_failed=told.get("remap_failed"),
        mig=told.get("mig"),
        capability=(int(capability[0]), int(capability[1])) if capability else None,
        mode=_MODES.get(told.get("mode", -1), ""), pci=clean(told.get("pci") or "", 40),
        processes=_processes(told), processes_known=bool(known), instance_of=told.get("instance_of") or "",
        lost=any(f["error"] in _LOST for f in failed.values()),
        unread=tuple((name, clean(str(f["error"]), 80)) for name, f in failed.items()),
    )


def _processes(told: Mapping[str, Any]) -> tuple[GpuProcess, ...]:
    """Each process once: one that both computes and draws is in both lists, with the same memory."""
    found: dict[int, GpuProcess] = {}
    for pid, memory in told.get("compute") or ():
        found[pid] = GpuProcess(int(pid), memory)
    for pid, memory in told.get("graphics") or ():
        found.setdefault(pid, GpuProcess(int(pid), memory, "graphics"))
    return tuple(sorted(found.values(), key=lambda p: (-(p.memory or 0), p.pid)))
