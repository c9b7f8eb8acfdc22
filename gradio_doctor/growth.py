"""Watching files grow."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

PAUSE = 0.5  # seconds between looks


def grown(files: Sequence[str]) -> Iterator[None]:
    """Yield at once, and again each time any of the files has changed (grown, rotated or cut)."""
    before: list[tuple[int, int, int] | None] | None = None
    while True:
        now = [_state(f) for f in files]
        if now != before:
            before = now
            yield
        time.sleep(PAUSE)


def _state(file: str) -> tuple[int, int, int] | None:
    try:
        status = Path(file).stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
