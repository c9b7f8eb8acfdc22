"""The whole text of one of the user's source files, for a change that is made to it on paper."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MOST_BYTES = 1 << 20


def read_source(path: str) -> str:
    """The text of a regular .py file in UTF-8 of at most 1 MiB; "" when it is no such file, or cannot be read."""
    if not path.endswith(".py") or not path.startswith("/") or "\0" in path:
        return ""
    try:
        descriptor = os.open(Path(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            data = file.read(_MOST_BYTES + 1)
            return data.decode("utf-8") if len(data) <= _MOST_BYTES else ""
    except (OSError, ValueError):
        return ""
