"""Defaults from `[tool.gradio-doctor]` in pyproject.toml or from gradio-doctor.toml, whichever is nearest."""

from __future__ import annotations

import sys
from collections.abc import Set
from pathlib import Path
from typing import Any

from gradio_doctor.errors import UsageError

OWN_FILE = "gradio-doctor.toml"
# --checks runs Python code and --python a program; a file that lies about in a checkout may not cause that.
NOT_FROM_FILES = frozenset({"checks", "python", "debug"})
_MAX_BYTES = 1_000_000


def find(start: Path) -> tuple[Path, dict[str, Any]] | None:
    """The nearest configuration at or above a directory, and its table. gradio-doctor.toml wins over pyproject.toml."""
    for directory in (start, *start.parents):
        own = directory / OWN_FILE
        if own.is_file():
            return own, _read(own)
        project = directory / "pyproject.toml"
        if project.is_file():
            table = _read(project).get("tool", {}).get("gradio-doctor")
            if table is not None:
                return project, table
    return None


def defaults(start: Path, known: Set[str]) -> dict[str, Any]:
    """The settings of the nearest configuration, by parameter name. Raises UsageError on an unknown key."""
    found = find(start)
    if found is None:
        return {}
    path, table = found
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [tool.gradio-doctor] must be a table")
    out = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name in NOT_FROM_FILES:
            raise UsageError(f"{path}: {key!r} cannot be set in a file, because it runs code; give it as a flag")
        if name not in known:
            raise UsageError(f"{path}: unknown key {key!r}; known are {', '.join(sorted(known - NOT_FROM_FILES))}")
        out[name] = value
    return out


def _read(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path}: too large for a configuration (over {_MAX_BYTES} bytes)")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as TOML: {error}") from None
