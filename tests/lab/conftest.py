from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.harness import Lab, free_ports
from tests.lab.watching import APP, Bench, begun


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
