"""Derived data kept between runs as JSON, so that what never changes is worked out once."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradio_doctor import __version__

_KEPT = 8


def directory() -> Path:
    """Where derived data is kept (XDG_CACHE_HOME, else ~/.cache)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(base) / "gradio-doctor"


def key_of(*parts: object) -> str:
    """A name that changes with any of the parts (plain data) and with our version."""
    return hashlib.sha256(json.dumps([__version__, *parts]).encode()).hexdigest()[:24]


def key_of_files(paths: Sequence[Path]) -> str:
    """A name that changes when any of the files does. Raises OSError when one is gone."""
    return key_of([(str(p), s.st_mtime_ns, s.st_size) for p in paths for s in [p.stat()]])


def cached(kind: str, key: str) -> dict[str, Any] | None:
    """Data kept under a key, or None. Anything unreadable counts as not kept."""
    try:
        data = json.loads((directory() / f"{kind}-{key}.json").read_bytes())
    except (OSError, ValueError, RuntimeError):
        return None
    return data if isinstance(data, dict) else None


def keep(kind: str, key: str, data: dict[str, Any]) -> None:
    """Keep data under a key. Of each kind the newest few stay (one for every installation that is in use).

    A cache that cannot be written is no error.
    """
    try:
        place = directory()
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place, delete=False, suffix=".tmp") as file:
            json.dump(data, file)
        Path(file.name).replace(place / f"{kind}-{key}.json")
        for old in sorted(place.glob(f"{kind}-*.json"), key=lambda p: p.stat().st_mtime)[:-_KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: no home directory is known
        return
