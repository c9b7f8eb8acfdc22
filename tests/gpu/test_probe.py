"""When the GPU is looked at at all, and what of the app's own files is read for it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest

from gradio_doctor.evidence import (
    Absent,
    AppSource,
    Environment,
    Gpus,
    Import,
    Instances,
    Interpreter,
    LogEvents,
    LogMatch,
    ModuleOrigin,
    Processes,
    Source,
    Target,
)
from gradio_doctor.probes import gpus
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.gpus import built_for, concerned, probe_gpus
from tests.gpu.standin import CARD, Nvml

T = TypeVar("T")


class World:
    """Evidence that is given."""

    def __init__(self, *evidence: object, alert: float = 85.0) -> None:
        self.target, self.options = Target("script", "app.py", script="/x/app.py"), Options(gpu_alert=alert)
        self.evidence = {type(e): e for e in evidence}

    def get(self, kind: type[T]) -> T | Absent:
        return self.evidence.get(kind, Absent("not given"))  # type: ignore[return-value]

    def known(self, kind: type[T]) -> T | Absent | None:
        return self.evidence.get(kind)  # type: ignore[return-value]


def source(module: str) -> AppSource:
    return AppSource("/x/app.py", imports=(Import("gradio", "app.py", 1, False), Import(module, "app.py", 2, False)))


def log(signature: str) -> LogEvents:
    return LogEvents((), (LogMatch(signature, {}, "", Source("log", "a", 1), "app"),))


@pytest.mark.parametrize(
    ("evidence", "looked"),
    [
        (source("torch.nn"), True), (source("diffusers"), True), (source("pandas"), False),
        (source("torchless"), False), (log("gpu.bare-oom"), True), (log("port.address-in-use"), False),
        (Instances("app.py"), False),
    ],
)
def test_an_app_that_has_nothing_to_do_with_gpus_pays_nothing(
    evidence: object, looked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def answer(seconds: float) -> Gpus:
        asked.append(seconds)
        return Gpus()

    monkeypatch.setattr(gpus, "ask_nvml", answer)
    found = probe_gpus(World(evidence))  # type: ignore[arg-type]
    assert isinstance(found, Gpus if looked else Absent)
    assert len(asked) == looked
    assert concerned(World(evidence)) == looked  # type: ignore[arg-type]


def test_all_together(nvml: Nvml, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in nvml.environment.items():
        monkeypatch.setenv(name, value)
    nvml.say(f"gpu {CARD} 300", f"gpu {CARD} 20000", "proc 4711 19000 c")
    (tmp_path / "version.py").write_text("__all__ = ['x']\ncuda: Optional[str] = '12.4'\nhip = None\n")
    interpreter = Interpreter(
        "python", (3, 11, 0), "--python", (("torch", "2.6.0+cu124"),),
        (ModuleOrigin("torch", str(tmp_path / "__init__.py"), "torch"),),
    )
    processes = Processes({}, 100.0, hidden=True)
    told = probe_gpus(World(  # type: ignore[arg-type]
        log("gpu.bare-oom"), processes, interpreter, Environment({"CUDA_VISIBLE_DEVICES": "1"}, "pid 5"), alert=50,
    ))
    assert isinstance(told, Gpus)
    assert [d.hidden for d in told.devices] == [True, False]
    assert (told.visible, told.visible_of, told.alert) == ("1", "pid 5", 50)
    assert (told.torch, told.cuda_build) == ("2.6.0+cu124", "12.4")
    assert [p.known for p in told.devices[1].processes] == ["not-visible"]
    assert [d.index for d in told.usable] == [1]


@pytest.mark.parametrize(
    ("text", "build"),
    [
        ("cuda: Optional[str] = '12.4'\n", "12.4"), ("cuda = '11.8'\n", "11.8"), ('cuda = "10.2"', "10.2"),
        ("cuda: Optional[str] = None\n", ""), ("cuda = None", ""), ("# no word of it", None), ("mycuda = '1.0'", None),
    ],
)
def test_what_torch_was_built_for(tmp_path: Path, text: str, build: str | None) -> None:
    (tmp_path / "version.py").write_text(text)
    assert built_for(str(tmp_path / "__init__.py")) == build


def test_no_version_file(tmp_path: Path) -> None:
    assert built_for(str(tmp_path / "__init__.py")) is None
