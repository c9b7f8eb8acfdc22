"""No GPU to use, or the wrong one, end to end: the reason that the driver gives, beside apps that do well without."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.gpu.standin import CARD, SERVING, Nvml, failing
from tests.lab.harness import Lab, doctor, write_app

NO_GPU = failing("No CUDA GPUs are available", "RuntimeError", "builtins")
NO_KERNEL = failing("CUDA error: no kernel image is available for execution on the device", "AcceleratorError")


def seen(report: dict[str, object]) -> set[str]:
    evidence = report["evidence"]
    assert isinstance(evidence, list)
    return {i["finding"] for i in evidence if i["seen"]}


@pytest.mark.parametrize(
    ("says", "finding"),
    [(["init 18"], "gpu.driver-mismatch"), ([], "gpu.no-device-seen")],
)
def test_why_there_is_no_gpu(lab: Lab, port: int, nvml: Nvml, says: list[str], finding: str) -> None:
    nvml.say(*says)
    app = write_app(lab.directory, NO_GPU, port=port)
    top = doctor("diagnose", app, cwd=lab.directory, env=nvml.environment).assert_first("gpu.unavailable")
    assert finding in seen(top)


def test_a_variable_hides_every_gpu(lab: Lab, port: int, nvml: Nvml) -> None:
    nvml.say(f"gpu {CARD} 100", f"gpu {CARD} 100")
    app = write_app(lab.directory, NO_GPU, port=port)
    told = nvml.environment | {"CUDA_VISIBLE_DEVICES": "7"}
    top = doctor("diagnose", app, cwd=lab.directory, env=told).assert_first("gpu.unavailable")
    assert top["says"] == "No usable GPU: CUDA_VISIBLE_DEVICES=7 hides all of them."
    assert any("unset CUDA_VISIBLE_DEVICES" in r["commands"] and r["safe"] for r in top["remedies"])


def test_a_driver_that_hangs_does_not_hang_us(lab: Lab, port: int, nvml: Nvml) -> None:
    nvml.say("hang 60")
    app = write_app(lab.directory, failing("CUDA error: unknown error", "AcceleratorError"), port=port)
    report = doctor("diagnose", app, cwd=lab.directory, env=nvml.environment)
    assert "gpu.driver-hangs" in {i["finding"] for c in report.data["causes"] for i in c["evidence"] if i["seen"]}
    assert report.data["seconds"] < 30


def test_an_app_that_does_well_without_is_healthy(lab: Lab, port: int, nvml: Nvml) -> None:
    app = write_app(lab.directory, SERVING, port=port)
    lab.start(app, wait=port, env={"CUDA_VISIBLE_DEVICES": ""})
    for says in (["init 18"], [f"gpu {CARD} 22900", "throttled 0x40", "ecc 3"], []):
        nvml.say(*says)
        doctor("diagnose", app, cwd=lab.directory, env=nvml.environment).assert_healthy()


FAULTED = failing("CUDA error: unspecified launch failure", "AcceleratorError")


@pytest.mark.parametrize(
    ("says", "finding"), [(["ecc 2"], "gpu.ecc-errors"), (["remapped 0 1", "throttled 0x48"], "gpu.remap-failed")]
)
def test_the_card_fails(lab: Lab, port: int, nvml: Nvml, says: list[str], finding: str) -> None:
    nvml.say(f"gpu {CARD} 100", *says)
    app = write_app(lab.directory, FAULTED, port=port)
    report = doctor("diagnose", app, cwd=lab.directory, env=nvml.environment)
    top = report.assert_first("gpu.hardware")
    assert finding in seen(top)


def test_the_same_error_on_a_sound_card_is_the_kernels(lab: Lab, port: int, nvml: Nvml) -> None:
    """The twin: at its power limit, rows remapped long ago that wait for nothing, slow clocks while it idles."""
    nvml.say(f"gpu {CARD} 100", "throttled 0xc", "ecc 0", "utilisation 0", "temperature 60")
    app = write_app(lab.directory, FAULTED, port=port)
    report = doctor("diagnose", app, cwd=lab.directory, env=nvml.environment)
    report.assert_first("gpu.kernel-fault")
    assert "gpu.hardware" not in report.ids


def test_torch_was_not_built_for_the_card(lab: Lab, port: int, nvml: Nvml, tmp_path: Path) -> None:
    """The card's generation against torch/version.py of the app's own interpreter; nothing of it is imported."""
    nvml.say("gpu 32607 100 NVIDIA GeForce RTX 5090", "capability 12 0")
    packages = tmp_path / "packages"
    (packages / "torch").mkdir(parents=True)
    (packages / "torch" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (packages / "torch" / "version.py").write_text("__version__ = '2.6.0'\ncuda: Optional[str] = '12.4'\n")
    info = packages / "torch-2.6.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.6.0\n")
    (info / "top_level.txt").write_text("torch\n")
    app = write_app(lab.directory, "def later():\n    import torch\n")
    source = app.read_text() + write_app(lab.directory, NO_KERNEL, "rest.py", port=port).read_text()
    app.write_text(source)
    told = nvml.environment | {"PYTHONPATH": str(packages)}
    report = doctor("diagnose", app, "--python", sys.executable, cwd=lab.directory, env=told)
    top = report.assert_first("gpu.unsupported-arch")
    assert top["says"] == "NVIDIA GeForce RTX 5090 (sm_120) needs CUDA >= 12.8; the installed torch was built for 12.4."
