"""The source lines around a place in the user's code."""

from __future__ import annotations

import stat
from pathlib import Path

from gradio_doctor.evidence import Location
from gradio_doctor.probes.redact import clean, redact_text

_AROUND = 2
_MAX_BYTES = 2_000_000


def read_snippet(location: Location) -> tuple[tuple[int, str], ...]:
    """(line number, text) of the lines around a location; () when they cannot be had.

    The path may come from a log, which nobody vouches for: only a regular .py file is read, and only if its line is
    the one that the traceback printed (otherwise the file is another version than the one that ran).
    """
    path = Path(location.file)
    if path.suffix != ".py" or location.line < 1:
        return ()
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode) or info.st_size > _MAX_BYTES:
            return ()
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return ()
    if location.line > len(lines):
        return ()
    if location.text and location.text.strip() != lines[location.line - 1].strip():
        return ()
    first = max(location.line - _AROUND, 1)
    last = min(location.line + _AROUND, len(lines))
    return tuple((n, redact_text(clean(lines[n - 1], 200))) for n in range(first, last + 1))
