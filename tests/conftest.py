"""Shared by all tests: our own Python, and the knowledge loaded once."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded, load

# Started in the background of a script, a process ignores Ctrl-C, and so do its children; these tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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
