"""Shared by all tests: our own Python, and the knowledge loaded once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded, load

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


@pytest.fixture(scope="session")
def loaded() -> Loaded:
    return load(plugins=False)


@pytest.fixture(autouse=True, scope="session")
def _private_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests neither read nor leave derived data in the user's cache."""
    import os

    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
