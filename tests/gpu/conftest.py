"""A library that answers for NVML: built once, told by a file what to say, loaded by the real binding."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gpu.standin import Nvml, build
from tests.lab.conftest import lab, port

__all__ = ["lab", "port"]  # fixtures


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the built libnvidia-ml.so.1."""
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def nvml(library: Path, tmp_path: Path) -> Nvml:
    return Nvml(library, tmp_path / "nvml.txt")


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another program, in a directory of its own."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    process = subprocess.Popen(["sleep", "300"], cwd=place)
    yield process
    process.kill()
    process.wait()
