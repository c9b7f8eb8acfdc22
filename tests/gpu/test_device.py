"""What the state of a device means, on made-up evidence; and what is said of an app that is well."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from checks.gpu_device import (
    APPLICATION_XIDS,
    HARDWARE_XIDS,
    gpu_live_arch,
    gpu_live_device,
    gpu_live_hardware,
    gpu_live_level,
    unfit,
)
from gradio_doctor.evidence import Absent, Gpu, Gpus, Instances, KernelLog, LogEvents, LogMatch, Run, Source, Xid
from gradio_doctor.probes.kernel_log import parse_kernel_lines
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Check, Finding

NONE = Absent("")
L4 = Gpu(0, "GPU-0", "NVIDIA L4", 1000, 100, 900, capability=(8, 9))


def log(*names: str) -> LogEvents:
    return LogEvents((), tuple(LogMatch(n, {}, "", Source("log", "a.log", 1), "app") for n in names))


TROUBLE, QUIET = log("gpu.no-device"), log("gpu.cuda-init-warning", "gpu.smi-memory")


def ids(check: Check, *evidence: object) -> set[str]:
    found = [f for f in check(*evidence) if f.seen]
    assert all(isinstance(f, Finding) and f.id in check.finds for f in found)
    return {f.id for f in found}


@pytest.mark.parametrize(
    ("gpus", "finding"),
    [
        (Gpus(fault="no-library"), "gpu.no-driver-library"), (Gpus(fault="mismatch"), "gpu.driver-mismatch"),
        (Gpus(fault="hangs"), "gpu.driver-hangs"), (Gpus(fault="no-permission"), "gpu.driver-forbids"),
        (Gpus((Gpu(0, "GPU-0", "L4", lost=True),)), "gpu.device-lost"),
        (Gpus((Gpu(0, "GPU-0", "L4", hidden=True),), visible="7"), "gpu.hidden-by-variable"),
    ],
)
def test_it_is_told_to_an_app_in_trouble_only(gpus: Gpus, finding: str) -> None:
    assert ids(gpu_live_device, gpus, TROUBLE, NONE) == {finding}
    assert ids(gpu_live_device, gpus, QUIET, NONE) == set()


def test_an_instance_that_is_visible_is_enough() -> None:
    devices = (Gpu(0, "GPU-0", "A100", hidden=True), Gpu(0, "MIG-1", "A100 MIG", instance_of="GPU-0"))
    assert ids(gpu_live_device, Gpus(devices, visible="MIG-1"), TROUBLE, NONE) == set()


def test_a_failed_start_makes_a_warning_count() -> None:
    failed = Run(("python",), "/", 5, "exited", 1.0)
    assert ids(gpu_live_device, Gpus(fault="mismatch"), QUIET, failed) == {"gpu.driver-mismatch"}
    assert ids(gpu_live_device, Gpus(fault="mismatch"), log(), failed) == set()


def test_memory_errors() -> None:
    gpus = Gpus((Gpu(0, "GPU-0", "L4", uncorrected=2, retiring=True),))
    assert ids(gpu_live_hardware, gpus, TROUBLE, NONE, NONE, NONE) == {"gpu.ecc-errors", "gpu.memory-retiring"}
    assert ids(gpu_live_hardware, gpus, QUIET, NONE, NONE, NONE) == set()


def test_xids_of_the_kernel_log() -> None:
    lines = [
        "[ 10.5] NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
        "[ 11.5] NVRM: Xid (PCI:0000:3b:00): 31, pid=4711, name=python, Ch 00000008, intr 00000000. MMU Fault",
        "[ 12.5] python[12]: segfault at 0 ip 1 sp 2 error 4 in libc.so.6[7f0+1]",
    ]
    kernel = parse_kernel_lines(lines, 0.0)
    assert [(x.number, x.pid) for x in kernel.xids] == [(79, 0), (31, 4711)]
    assert [e.kind for e in kernel.events] == ["segfault"]
    assert kernel.xids[0].time
    run = Run(("python",), "/", 4711, "exited", 1.0)
    assert ids(gpu_live_hardware, Gpus(), TROUBLE, run, kernel, NONE) == {"gpu.xid-now", "gpu.xid-of-app"}
    other = Run(("python",), "/", 4712, "exited", 1.0)
    assert ids(gpu_live_hardware, Gpus(), TROUBLE, other, kernel, Instances("")) == {"gpu.xid-now"}
    assert ids(gpu_live_hardware, Gpus(), TROUBLE, run, KernelLog((), (Xid(68, ""),)), NONE) == set()


def test_the_numbers_are_those_of_the_signatures(loaded: Loaded) -> None:
    signatures = loaded.knowledge.signatures
    for name, numbers in (("gpu.xid", set(HARDWARE_XIDS)), ("gpu.xid-application", set(APPLICATION_XIDS))):
        lines = {n: f"NVRM: Xid (PCI:0000:3b:00): {n}, pid=1" for n in range(200)}
        (pattern,) = signatures[name].patterns
        assert {n for n, line in lines.items() if re.search(pattern, line)} == numbers


@pytest.mark.parametrize(
    ("build", "capability", "needs"),
    [
        ("12.4", (12, 0), ">= 12.8"), ("12.8", (12, 0), ""), ("12.9", (12, 1), ""), ("12.6", (10, 0), ">= 12.8"),
        ("11.7", (9, 0), ">= 11.8"), ("11.8", (9, 0), ""), ("11.8", (8, 9), ""), ("10.2", (8, 6), ">= 11.0"),
        ("13.0", (7, 0), "<= 12.9"), ("13.0", (7, 5), ""), ("13.0", (6, 1), "<= 12.9"), ("12.4", (3, 5), "<= 11.8"),
        ("12.4", (7, 0), ""), ("12", (8, 0), ""), ("", (8, 0), ""), ("odd", (8, 0), ""), ("13.0", (99, 0), ""),
    ],
)
def test_which_builds_serve_which_cards(build: str, capability: tuple[int, int], needs: str) -> None:
    assert unfit(build, capability) == needs


def test_the_build_of_torch_against_the_card() -> None:
    blackwell = Gpu(0, "GPU-0", "RTX 5090", capability=(12, 0))
    told = Gpus((blackwell,), cuda_build="12.4", torch="2.6.0")
    assert ids(gpu_live_arch, told, TROUBLE, NONE) == {"gpu.build-without-card"}
    assert ids(gpu_live_arch, told, QUIET, NONE) == set()
    assert ids(gpu_live_arch, Gpus((L4,), cuda_build="12.4"), TROUBLE, NONE) == set()
    assert ids(gpu_live_arch, Gpus((L4,), cuda_build=""), TROUBLE, NONE) == {"gpu.build-without-cuda"}
    assert ids(gpu_live_arch, Gpus((), cuda_build=""), TROUBLE, NONE) == set()
    assert ids(gpu_live_arch, Gpus((blackwell,), cuda_build=None), TROUBLE, NONE) == set()


@pytest.mark.parametrize(
    ("used", "alert", "seen"), [(850, 85, True), (849, 85, False), (900, 95, False), (500, 50, True)]
)
def test_the_alert_level(used: int, alert: float, seen: bool) -> None:
    gpus = Gpus((Gpu(0, "GPU-0", "L4", 1000, used, 1000 - used),), alert=alert)
    assert ids(gpu_live_level, gpus) == ({"gpu.memory-short"} if seen else set())


def test_levels_are_predictions_and_never_causes(loaded: Loaded) -> None:
    knowledge = loaded.knowledge
    for name in gpu_live_level.finds:
        assert knowledge.findings[name].predicts == "info"


def test_clocks_held_down_for_want_of_power_are_ordinary() -> None:
    hot = Gpu(0, "GPU-0", "L4", temperature=95, throttled=("temperature (hardware)",))
    assert ids(gpu_live_level, Gpus((hot,))) == {"gpu.clocks-held-down"}
    capped = Gpu(0, "GPU-0", "L4", throttled=("power limit", "temperature (software)"))
    assert ids(gpu_live_level, Gpus((capped,))) == set()


@pytest.mark.parametrize(
    ("reasons", "busy", "told"),
    [
        (("power limit",), 100, False), (("temperature (software)",), 100, False),
        (("hardware slowdown",), 0, False), (("hardware slowdown",), 90, True), (("power brake",), None, True),
        (("temperature (hardware)",), 0, True), ((), 100, False),
    ],
)
def test_clocks_held_down_for_no_ordinary_reason(reasons: tuple[str, ...], busy: int | None, told: bool) -> None:
    card = Gpus((replace(L4, throttled=reasons, utilisation=busy),))
    assert ("gpu.clocks-held-down" in ids(gpu_live_level, card)) is told
    assert ("gpu.held-back" in ids(gpu_live_hardware, card, TROUBLE, NONE, NONE, NONE)) is told
    assert not ids(gpu_live_hardware, card, QUIET, NONE, NONE, NONE)


def test_memory_that_cannot_be_replaced() -> None:
    for card, found in ((replace(L4, remap_failed=True, retiring=True), {"gpu.remap-failed"}),
                        (replace(L4, retiring=True), {"gpu.memory-retiring"}),
                        (replace(L4, uncorrected=0, remap_failed=False), set())):
        assert ids(gpu_live_hardware, Gpus((card,)), TROUBLE, NONE, NONE, NONE) == found
