from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.harness import HEALTHY, Lab, write_app
from tests.lab.watching import APP, Bench, begun
from tests.ports import free_ports


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.close()


@pytest.fixture
def port() -> int:
    return free_ports()[0]


@pytest.fixture
def bench(lab: Lab) -> Iterator[Bench]:
    made = begun(lab, APP)
    yield made
    for watch in made.watches:
        watch.process.kill()
        watch.process.wait(10)


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A healthy app that many tests share, for looking at only: its port and its log."""
    lab, port = Lab(tmp_path_factory.mktemp("standing")), free_ports()[0]
    lab.start(write_app(lab.directory, HEALTHY, port=port), wait=port)
    yield port, lab.directory / "app.log"
    lab.close()
