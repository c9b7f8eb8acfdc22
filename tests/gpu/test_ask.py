"""What NVML tells, read through the real binding in a child process."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from gradio_doctor.evidence import Gpus
from gradio_doctor.probes import gpus_ask
from gradio_doctor.probes.gpus_ask import ask_nvml, read_told
from tests.gpu.standin import CARD, Nvml

MIB = 2**20


@pytest.fixture
def ask(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> Nvml:
    for name, value in nvml.environment.items():
        monkeypatch.setenv(name, value)
    return nvml


def test_a_device_with_all_it_tells(ask: Nvml) -> None:
    ask.say(
        "driver 555.42", "cuda 12050", f"gpu {CARD} 20000 NVIDIA L4", "uuid GPU-abc", "reserved 500", "utilisation 97",
        "temperature 84", "throttled 0x45", "ecc 2", "remapped 1 0", "capability 8 9", "mode 3",
        "proc 11 1500 c", "proc 12 18000 c", "proc 11 1500 g", "proc 13 4 g",
    )
    told = ask_nvml()
    (card,) = told.devices
    assert (told.driver, told.nvml, told.cuda, told.fault) == ("555.42", "12.550.54.15", "12.5", "")
    assert (card.index, card.name, card.uuid) == (0, "NVIDIA L4", "GPU-abc")
    assert (card.total, card.used, card.reserved) == (int(CARD) * MIB, 20000 * MIB, 500 * MIB)
    assert card.free == (int(CARD) - 20500) * MIB
    assert (card.utilisation, card.temperature, card.uncorrected, card.retiring) == (97, 84, 2, True)
    assert card.throttled == ("power limit", "temperature (hardware)")
    assert (card.capability, card.mode, card.pci, card.mig) == ((8, 9), "exclusive", "00000000:01:00.0", False)
    assert [(p.pid, p.memory, p.kind) for p in card.processes] == [
        (12, 18000 * MIB, "compute"), (11, 1500 * MIB, "compute"), (13, 4 * MIB, "graphics"),
    ]
    assert card.unaccounted == 496 * MIB


def test_what_is_not_supported_costs_its_own_field_only(ask: Nvml) -> None:
    refused = ["utilisation=3", "temperature=3", "throttled=3", "ecc=3", "remapped=3", "retired=3", "mig=3", "mode=999"]
    ask.say(f"gpu {CARD} 20000", *refused, "proc 7 -1 c")
    (card,) = ask_nvml().devices
    assert (card.utilisation, card.temperature, card.uncorrected, card.retiring, card.mig) == (None,) * 5
    assert (card.throttled, card.mode, card.used) == ((), "", 20000 * MIB)
    assert [(p.pid, p.memory) for p in card.processes] == [(7, None)]
    assert card.unaccounted is None
    assert ("utilisation", "NVMLError_NotSupported") in card.unread
    assert not card.lost


def test_no_list_of_processes_is_not_an_empty_list(ask: Nvml) -> None:
    ask.say(f"gpu {CARD} 20000", "compute=3", "graphics=3")
    (card,) = ask_nvml().devices
    assert not card.processes_known
    assert card.unaccounted is None


def test_a_lost_device_beside_a_sound_one(ask: Nvml) -> None:
    calls = ["memory", "compute", "graphics", "utilisation", "temperature", "capability", "name"]
    ask.say(f"gpu {CARD} 20000", *[f"{call}=15" for call in calls], f"gpu {CARD} 30")
    lost, sound = ask_nvml().devices
    assert (lost.lost, lost.used) == (True, None)
    assert (sound.lost, sound.used) == (False, 30 * MIB)


def test_the_instances_of_a_divided_device(ask: Nvml) -> None:
    parts = ["part 9728 9000 NVIDIA A100 MIG 1g.10gb", "proc 5 8900 c", "part 9728 0"]
    ask.say("gpu 81559 500 NVIDIA A100", "mig", *parts)
    told = ask_nvml()
    whole, first, second = told.devices
    assert (whole.mig, whole.instance_of) == (True, "")
    assert first.instance_of == second.instance_of == whole.uuid
    assert [p.pid for p in first.processes] == [5]
    assert told.usable == (first, second)


@pytest.mark.parametrize(
    ("code", "fault"), [(18, "mismatch"), (9, "no-driver"), (4, "no-permission"), (15, "lost"), (999, "other")]
)
def test_nvml_that_cannot_be_used(ask: Nvml, code: int, fault: str) -> None:
    ask.say(f"init {code}")
    told = ask_nvml()
    assert (told.fault, told.devices) == (fault, ())
    assert told.detail


def test_a_driver_without_a_device(ask: Nvml) -> None:
    assert ask_nvml().fault == "no-device"


def test_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_text("no library, so that a driver of this machine is not found either\n")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    told = ask_nvml()
    assert told.fault == "no-library" or told.devices, "the loader goes on to the driver that this machine has"


def test_a_driver_that_hangs_is_left_behind(ask: Nvml) -> None:
    ask.say("hang 60")
    started = time.monotonic()
    assert ask_nvml(0.5).fault == "hangs"
    assert time.monotonic() - started < 3
    assert not [c for c in psutil.Process().children() if "pynvml" in " ".join(c.cmdline()) and c.status() != "zombie"]


def test_a_library_that_crashes_costs_the_answer_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "crash.c"
    source.write_text("#include <stdlib.h>\nint nvmlInitWithFlags(unsigned f) { (void)f; abort(); }\n")
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert ask_nvml().fault == "other"


def test_a_pynvml_in_the_directory_is_not_run(ask: Nvml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pynvml.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    ask.say(f"gpu {CARD} 30")
    assert len(ask_nvml().devices) == 1
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("told", [{}, {"devices": [{}]}, {"devices": 3}, {"devices": [{"index": "x", "failed": {}}]}])
def test_an_answer_of_another_shape(told: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_told(told)
    monkeypatch.setattr(gpus_ask, "_run", lambda *_: (1, "no json", "first\nlast line"))
    assert ask_nvml() == Gpus(fault="other", detail="last line")


def test_names_cannot_drive_the_terminal(ask: Nvml) -> None:
    ask.say(f"gpu {CARD} 30 evil\x1b]0;title\x07")
    assert "\x1b" not in ask_nvml().devices[0].name
    assert os.environ["FAKE_NVML"] == str(ask.file)
