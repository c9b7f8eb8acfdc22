"""What the driver says of the GPUs themselves: whether there is one to use, whether it is sound, whether it fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gradio_doctor.sdk import Absent, Finding, Gpu, Gpus, Instances, KernelLog, LogEvents, Run, Source, check, in_words

# Lines that speak of GPUs without anything being wrong: an app goes on after them, on the CPU or as it was.
_HARMLESS = frozenset({
    "gpu.cuda-init-warning", "gpu.provider-fallback", "gpu.low-vram-notice", "gpu.smi-memory", "gpu.arch-range-notice",
})
_WORDS = ("cuda", "gpu", "nvidia", "nvml")
_FAULTS: Mapping[str, str] = {
    "no-library": "gpu.no-driver-library", "mismatch": "gpu.driver-mismatch", "no-driver": "gpu.driver-silent",
    "no-permission": "gpu.driver-forbids", "no-device": "gpu.no-device-seen", "hangs": "gpu.driver-hangs",
    "lost": "gpu.device-lost", "other": "gpu.driver-silent",
}
# The first CUDA toolkit that makes code for a generation (nvcc release notes); code for an older generation of the
# same major version runs on it, so the major version is what counts.
_FIRST_CUDA = {8: (11, 0), 9: (11, 8), 10: (12, 8), 11: (13, 0), 12: (12, 8)}
_LAST_CUDA = {3: (11, 8), 5: (12, 9), 6: (12, 9), 7: (12, 9)}  # 7.0; a 7.5 still runs with 13
# Xids of the catalogue (GPU deployment guide), as in the signatures gpu.xid and gpu.xid-application.
HARDWARE_XIDS = frozenset({
    48, 61, 62, 63, 64, 74, 79, 81, 88, 92, 94, 95, 119, 120, 121, 140, 143, 149, *range(150, 160),
})
APPLICATION_XIDS = frozenset({6, 7, 8, 13, 31, 32, 43, 45, 69, 109})
_HEAT = ("temperature (hardware)",)
_BRAKES = ("power brake", "hardware slowdown")
_BUSY = 20  # percent


def troubled(log: LogEvents, run: Run | Absent) -> bool:
    """Whether the app has trouble that could be the GPU's: its log says so, or it failed with words about GPUs."""
    if any(m.signature.startswith("gpu.") and m.signature not in _HARMLESS for m in log.matches):
        return True
    failed = not isinstance(run, Absent) and run.outcome in ("exited", "timeout")
    hinted = failed and any(m.signature in _HARMLESS for m in log.matches)
    return hinted or any(_speaks(k.message) or any(_speaks(f.text) for f in k.frames if f.own)
                         for t in log.tracebacks for k in t.links)


def _speaks(text: str) -> bool:
    return any(word in text.lower() for word in _WORDS)


@check("gpu-live-device", cost=0.1, finds=(*dict.fromkeys(_FAULTS.values()), "gpu.hidden-by-variable"))
def gpu_live_device(gpus: Gpus, log: LogEvents, run: Run | Absent) -> Iterator[Finding]:
    """Is there a GPU that the app may use? Asked when it has trouble with one: many apps do well without."""
    if not troubled(log, run):
        return
    if name := _FAULTS.get(gpus.fault):
        detail = {"detail": gpus.detail or gpus.fault, "driver": gpus.driver}
        yield Finding(name, facts=detail, source=Source("process", "NVML"), witness="gpu-driver")
    lost = [d for d in gpus.devices if d.lost]
    if lost:
        facts = {"device": lost[0].label, "index": str(lost[0].index)}
        yield Finding("gpu.device-lost", facts=facts, source=_source(lost[0]))
    whole = [d for d in gpus.devices if not d.instance_of]
    if gpus.visible is not None and whole and not gpus.usable:
        value, device = gpus.visible or "''", whole[0].label
        facts = {"value": value, "of": gpus.visible_of, "count": str(len(whole)), "device": device}
        yield Finding("gpu.hidden-by-variable", facts=facts, source=Source("process", gpus.visible_of or "environment"))


@check("gpu-live-hardware", cost=0.1, finds=(
    "gpu.ecc-errors", "gpu.memory-retiring", "gpu.remap-failed", "gpu.held-back", "gpu.xid-now", "gpu.xid-of-app",
))
def gpu_live_hardware(
    gpus: Gpus, log: LogEvents, run: Run | Absent, kernel: KernelLog | Absent, instances: Instances | Absent,
) -> Iterator[Finding]:
    """Is the card sound? ECC, memory waiting to be taken out of use, and the driver's Xids in the kernel log."""
    if not troubled(log, run):
        return
    for device in gpus.usable:
        facts = {"device": device.label, "index": str(device.index)}
        if device.uncorrected:
            yield Finding("gpu.ecc-errors", facts=facts | {"count": str(device.uncorrected)}, source=_source(device))
        if device.remap_failed:
            yield Finding("gpu.remap-failed", facts=facts, source=_source(device))
        elif device.retiring:
            yield Finding("gpu.memory-retiring", facts=facts, source=_source(device))
        if reasons := held_back(device):
            yield Finding("gpu.held-back", facts=facts | _held_facts(device, reasons), source=_source(device))
    pids = set() if isinstance(instances, Absent) else {p.pid for p in instances.all}
    pids |= set() if isinstance(run, Absent) else {run.pid}
    for xid in () if isinstance(kernel, Absent) else kernel.xids:
        source = Source("kernel", "kernel log", time=xid.time)
        facts = {"xid": str(xid.number), "text": xid.text, "pid": str(xid.pid)}
        if xid.number in HARDWARE_XIDS:
            yield Finding("gpu.xid-now", facts=facts, source=source)
        elif xid.number in APPLICATION_XIDS and xid.pid in pids:
            yield Finding("gpu.xid-of-app", facts=facts, source=source)


@check("gpu-live-arch", cost=0.1, finds=("gpu.build-without-card", "gpu.build-without-cuda"))
def gpu_live_arch(gpus: Gpus, log: LogEvents, run: Run | Absent) -> Iterator[Finding]:
    """Was the app's torch built for this card? From the CUDA version in torch/version.py and the card's generation."""
    if gpus.cuda_build is None or not troubled(log, run):
        return
    facts = {"torch": gpus.torch, "build": gpus.cuda_build}
    if not gpus.cuda_build:
        device = next(iter(gpus.usable), None)
        if device is not None:
            yield Finding("gpu.build-without-cuda", facts=facts | {"device": device.label}, source=_source(device))
        return
    for device in gpus.usable:
        if device.capability and (wanted := unfit(gpus.cuda_build, device.capability)):
            arch = "sm_{}{}".format(*device.capability)
            more = {"card": device.name, "device": device.label, "arch": arch, "wanted": wanted}
            yield Finding("gpu.build-without-card", facts=facts | more, source=_source(device))
            return


def unfit(build: str, capability: tuple[int, int]) -> str:
    """The CUDA version that a card needs, as a comparison (">= 12.8"), when a build for `build` cannot serve it."""
    parts = [int(p) for p in build.split(".")[:2] if p.isdigit()]
    version = (parts[0], parts[1] if len(parts) > 1 else 0) if parts else (0, 0)
    first, last = _FIRST_CUDA.get(capability[0]), _LAST_CUDA.get(capability[0])
    if version == (0, 0):
        return ""
    if first is not None and version < first:
        return f">= {first[0]}.{first[1]}"
    too_new = last is not None and version > last and capability < (7, 5)
    return f"<= {last[0]}.{last[1]}" if too_new and last else ""


@check("gpu-live-level", cost=0.1, finds=("gpu.memory-short", "gpu.clocks-held-down"))
def gpu_live_level(gpus: Gpus) -> Iterator[Finding]:
    """Is a card nearly full, or held back? Worth a word, and never a cause: servers may fill a card on purpose."""
    for device in gpus.usable:
        percent = 100 * (device.used or 0) / device.total if device.total else 0.0
        if percent >= gpus.alert:
            facts = {"device": device.label, "used": in_words(device.used or 0), "total": in_words(device.total or 0),
                     "percent": f"{percent:.0f}", "alert": f"{gpus.alert:g}"}
            yield Finding("gpu.memory-short", facts=facts, source=_source(device))
        if reasons := held_back(device):
            yield Finding("gpu.clocks-held-down", facts=_held_facts(device, reasons), source=_source(device))


def held_back(device: Gpu) -> list[str]:
    """Why a card's clocks are held down, as far as that is no ordinary thing: a cap on power under load is one.

    An idle card reports hardware slowdown while it changes clocks; heat is told whether it works or not.
    """
    busy = device.utilisation is None or device.utilisation >= _BUSY
    return [r for r in device.throttled if r in _HEAT or (busy and r in _BRAKES)]


def _held_facts(device: Gpu, reasons: list[str]) -> dict[str, str]:
    temperature = "?" if device.temperature is None else str(device.temperature)
    busy = "?" if device.utilisation is None else str(device.utilisation)
    return {"device": device.label, "reasons": ", ".join(reasons), "temperature": temperature, "busy": busy}


def _source(device: Gpu) -> Source:
    return Source("process", f"NVML GPU {device.index}")
