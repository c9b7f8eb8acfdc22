"""The same on a real GPU: pytest -m gpu. Deselected otherwise, so that nothing passes by being skipped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradio_doctor.evidence import Gpus
from gradio_doctor.probes.gpus_ask import ask_nvml
from tests.gpu.standin import SERVING, failing, out_of_memory
from tests.lab.harness import Lab, doctor, write_app

pytestmark = pytest.mark.gpu
HOLDER = Path(__file__).with_name("cuda_holder.py")
MIB = 2**20


DATA_CENTRE = ("H100", "H200", "A100", "B200")


@pytest.fixture(scope="module", autouse=True)
def awake() -> None:
    """Without persistence mode the first question loads the driver, which takes longer than we wait for an answer."""
    assert ask_nvml(60).fault == ""


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of another script that holds nearly all that is free."""
    (card, *_) = ask_nvml().devices
    assert card.free is not None
    place = tmp_path / "elsewhere"  # not the app's directory: it is no run of the app
    place.mkdir()
    command = [sys.executable, str(HOLDER), str(int(0.93 * card.free / MIB))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=place) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "holding"
            yield process
        finally:
            process.kill()


def test_the_driver_tells_it_all() -> None:
    told = ask_nvml()
    assert told.fault == "", told
    assert told.driver and told.nvml and told.cuda
    assert whole(told)
    for card in whole(told):
        assert card.name and card.uuid and card.total and card.used is not None and card.free is not None
        assert card.used + card.free + (card.reserved or 0) <= card.total * 1.01
        assert card.capability is not None and card.temperature is not None


def test_the_state_of_a_sound_card_is_read_and_does_not_alarm() -> None:
    """What consumer cards refuse, cards of data centres tell; one that is lent to us has no failing memory."""
    for card in whole(ask_nvml()):
        if any(name in card.name for name in DATA_CENTRE):
            assert not {"throttled", "uncorrected", "retiring", "remap_failed"} & {name for name, _ in card.unread}
            assert not card.uncorrected and card.remap_failed is False, card


def test_it_agrees_with_nvidia_smi() -> None:
    query = ["nvidia-smi", "--query-gpu=index,uuid,name,driver_version,memory.total", "--format=csv,noheader,nounits"]
    rows = subprocess.run(query, capture_output=True, text=True, check=True, timeout=60).stdout.strip().splitlines()
    told = ask_nvml()
    for row, card in zip(rows, whole(told), strict=True):
        *names, size = row.split(", ")
        assert names == [str(card.index), card.uuid, card.name, told.driver]
        assert abs(int(size) - (card.total or 0) / MIB) <= 1  # it rounds


def whole(told: Gpus) -> list:  # type: ignore[type-arg]
    return [d for d in told.devices if not d.instance_of]


def message() -> str:
    total = (ask_nvml().devices[0].total or 0) / 2**30
    return out_of_memory("8.00 GiB", "120.00 MiB", "500.00 MiB", "80.00 MiB", total=f"{total:.2f} GiB")


def test_another_program_holds_the_card(lab: Lab, port: int, hold: subprocess.Popen[str]) -> None:
    app = write_app(lab.directory, failing(message()), port=port)
    report = doctor("diagnose", app, cwd=lab.directory)
    top = report.assert_first("gpu.held-by-other")
    live = {"gpu.held-by-program", "gpu.held-by-hidden"}  # hidden: inside a container the driver gives the host's pids
    assert live & {i["finding"] for i in top["evidence"] if i["seen"]}, report.describe()


def test_the_same_message_without_numbers_on_an_empty_card(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, failing("CUDA error: out of memory", "AcceleratorError"), port=port)
    report = doctor("diagnose", app, cwd=lab.directory)
    report.assert_first("gpu.out-of-memory")


def test_a_variable_hides_the_card(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, failing("No CUDA GPUs are available", "RuntimeError", "builtins"), port=port)
    report = doctor("diagnose", app, cwd=lab.directory, env={"CUDA_VISIBLE_DEVICES": "99"})
    assert "CUDA_VISIBLE_DEVICES=99" in report.assert_first("gpu.unavailable")["says"]


def test_a_healthy_app_beside_a_full_card(lab: Lab, port: int, hold: subprocess.Popen[str]) -> None:
    app = write_app(lab.directory, SERVING, port=port)
    lab.start(app, wait=port)
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()
