"""Defaults from `[tool.gradio-doctor]` in pyproject.toml or from gradio-doctor.toml, whichever is nearest."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

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
            tool = _read(project).get("tool")
            table = tool.get("gradio-doctor") if isinstance(tool, dict) else None
            if table is not None:
                return project, table
    return None


def defaults(start: Path, flags: Mapping[str, click.Option]) -> dict[str, Any]:
    """The settings of the nearest configuration by long flag name. Raises UsageError on an unknown key or bad value."""
    found = find(start)
    if found is None:
        return {}
    path, table = found
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [tool.gradio-doctor] must be a table")
    return dict(_setting(path, str(key), value, flags) for key, value in table.items())


def _setting(path: Path, key: str, value: Any, flags: Mapping[str, click.Option]) -> tuple[str, Any]:
    name = key.replace("_", "-")
    if name in NOT_FROM_FILES:
        raise UsageError(f"{path}: {key!r} cannot be set in a file, because it runs code; give it as a flag")
    if name not in flags:
        raise UsageError(f"{path}: unknown key {key!r}; known are {', '.join(sorted(flags.keys() - NOT_FROM_FILES))}")
    flag = flags[name]
    if flag.multiple and isinstance(value, str):
        value = [value]
    if fault := _fault(flag, value):
        raise UsageError(f"{path}: {key}: {fault}")
    return name, value


def _fault(flag: click.Option, value: Any) -> str:
    """What is wrong with the value of a setting, "" when nothing is."""
    if flag.is_flag != isinstance(value, bool):
        return "wants true or false" if flag.is_flag else f"{value!r} is no value for it"
    if flag.multiple != isinstance(value, list) or isinstance(value, dict):
        return "wants a list of texts" if flag.multiple else f"{value!r} is no value for it"
    if flag.multiple and not all(isinstance(v, str) for v in value):
        return "wants a list of texts"
    try:
        flag.type_cast_value(click.Context(click.Command("")), value)
    except click.BadParameter as error:
        return error.message
    return ""


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    if path.name != OWN_FILE and b"gradio-doctor" not in raw:
        return {}  # somebody else's pyproject.toml: its faults are not ours to complain about
    if len(raw) > _MAX_BYTES:
        raise UsageError(f"{path}: too large for a configuration (over {_MAX_BYTES} bytes)")
    return _parsed(path, raw)


def _parsed(path: Path, raw: bytes) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table: dict[str, Any] = tomllib.loads(raw.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: cannot be read as TOML: {error}") from None
    return table
