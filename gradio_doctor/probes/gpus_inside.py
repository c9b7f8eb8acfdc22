"""Runs in a process of its own, as the text of `python -c`: asks NVML everything, and prints it as JSON.

In a process of its own because a sick driver can hang any call for good (nvmlInit in an uninterruptible sleep), and a
thread that hangs there cannot be ended. Every call is guarded: one that is not supported costs its own field only.
"""

import sys

sys.path[:] = [entry for entry in sys.path if entry]  # not the directory that we happen to be started in

import json  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import pynvml  # noqa: E402

MOST_DEVICES, MOST_PROCESSES = 64, 512
ECC_UNCORRECTED, ECC_SINCE_LOAD = 1, 0


def error(fault: BaseException) -> dict[str, Any]:
    """An NVML error as its class name, or whatever else went wrong."""
    code = getattr(fault, "value", None)
    return {"error": type(fault).__name__, "code": code, "text": str(fault)[:200]}


class Asker:
    """Guarded calls on one device: values by name, and what failed."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self.failed: dict[str, dict[str, Any]] = {}

    def ask(self, name: str, call: Callable[[], Any]) -> Any:
        """The value of a call, None when it fails."""
        try:
            value = call()
        except Exception as fault:  # NVMLError, or the binding stumbles over an answer
            self.failed[name] = error(fault)
            return None
        self.told[name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return self.told[name]

    def result(self) -> dict[str, Any]:
        """All of it."""
        return {**self.told, "failed": self.failed}


def memory(handle: Any) -> dict[str, int]:
    """Bytes: version 2 tells apart what driver and firmware reserve (from driver 510 on)."""
    try:
        seen = pynvml.nvmlDeviceGetMemoryInfo(handle, pynvml.nvmlMemory_v2)
        return {"total": seen.total, "free": seen.free, "used": seen.used, "reserved": seen.reserved}
    except Exception:
        seen = pynvml.nvmlDeviceGetMemoryInfo(handle)
        return {"total": seen.total, "free": seen.free, "used": seen.used}


def processes(handle: Any, kind: str) -> list[Any]:
    """(pid, bytes or None) of the processes of a kind; older drivers have the older call only."""
    try:
        found = getattr(pynvml, f"nvmlDeviceGet{kind}RunningProcesses_v3")(handle)
    except pynvml.NVMLError as fault:
        if type(fault).__name__ != "NVMLError_FunctionNotFound":
            raise
        found = getattr(pynvml, f"nvmlDeviceGet{kind}RunningProcesses_v2")(handle)
    return [(p.pid, p.usedGpuMemory) for p in found[:MOST_PROCESSES]]


def throttling(handle: Any) -> int:
    """The bits of nvmlClocksEventReasons, by their older name where there is no other."""
    try:
        return int(pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle))
    except Exception:
        return int(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))


def retiring(handle: Any) -> bool:
    """True when memory is to be taken out of use at the next reset, or remapping it has failed."""
    try:
        return any(pynvml.nvmlDeviceGetRemappedRows(handle)[2:])
    except Exception:
        return bool(pynvml.nvmlDeviceGetRetiredPagesPendingStatus(handle))


def device(handle: Any, index: int) -> dict[str, Any]:
    """All about one device or MIG instance."""
    asker = Asker()
    asker.told["index"] = index
    asker.ask("name", lambda: pynvml.nvmlDeviceGetName(handle))
    asker.ask("uuid", lambda: pynvml.nvmlDeviceGetUUID(handle))
    asker.ask("memory", lambda: memory(handle))
    asker.ask("compute", lambda: processes(handle, "Compute"))
    asker.ask("graphics", lambda: processes(handle, "Graphics"))
    asker.ask("utilisation", lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    asker.ask("temperature", lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU))
    asker.ask("throttled", lambda: throttling(handle))
    asker.ask("uncorrected", lambda: pynvml.nvmlDeviceGetTotalEccErrors(handle, ECC_UNCORRECTED, ECC_SINCE_LOAD))
    asker.ask("retiring", lambda: retiring(handle))
    asker.ask("remap_failed", lambda: bool(pynvml.nvmlDeviceGetRemappedRows(handle)[3]))
    asker.ask("capability", lambda: list(pynvml.nvmlDeviceGetCudaComputeCapability(handle)))
    asker.ask("mode", lambda: pynvml.nvmlDeviceGetComputeMode(handle))
    asker.ask("pci", lambda: pynvml.nvmlDeviceGetPciInfo(handle).busId)
    asker.ask("mig", lambda: bool(pynvml.nvmlDeviceGetMigMode(handle)[0]))
    return asker.result()


def instances(handle: Any, parent: dict[str, Any]) -> list[Any]:
    """The MIG instances of a device, none where it has none or we may not see them."""
    found: list[Any] = []
    try:
        for number in range(min(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle), MOST_DEVICES)):
            try:
                part = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
            except pynvml.NVMLError:
                continue
            found.append({**device(part, parent["index"]), "instance_of": parent.get("uuid", "")})
    except Exception:
        return found
    return found


def everything() -> dict[str, Any]:
    """The driver and every device; "error" when NVML cannot be used at all."""
    try:
        pynvml.nvmlInit()
    except Exception as fault:
        return error(fault)
    asker = Asker()
    asker.ask("driver", pynvml.nvmlSystemGetDriverVersion)
    asker.ask("nvml", pynvml.nvmlSystemGetNVMLVersion)
    asker.ask("cuda", pynvml.nvmlSystemGetCudaDriverVersion)
    devices: list[Any] = []
    for index in range(min(asker.ask("count", pynvml.nvmlDeviceGetCount) or 0, MOST_DEVICES)):
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        except Exception as fault:
            devices.append({"index": index, "failed": {"handle": error(fault)}})
            continue
        devices.append(device(handle, index))
        if devices[-1].get("mig"):
            devices += instances(handle, devices[-1])
    return {**asker.result(), "devices": devices}


if __name__ == "__main__":
    print(json.dumps(everything()))
