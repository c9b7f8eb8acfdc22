"""What requirements files, pyproject.toml and `pip install` lines ask for."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from gradio_doctor.evidence.deployment import Pin
from gradio_doctor.probes.deploy.yaml_lines import split

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,80})\s*(?:\[[^\]]{0,200}\])?\s*([^;#]{0,200})")
_INSTALL = re.compile(r"\b(?:pip3?|python3? -m pip|uv pip)\s+install\b([^&|;\n]{0,4000})")
_SPECIFIER = re.compile(r"(?:===?|~=|!=|<=?|>=?)[\s\w.*+!,<>=~-]{0,120}|@.{0,200}")
_MOST = 500


def pins_of_requirements(text: str, file: str) -> tuple[Pin, ...]:
    """The requirements of a requirements.txt, comments and options passed over."""
    made = (_pin(line, file, number) for number, line in enumerate(text.splitlines()[:5000], 1))
    return tuple(p for _, p in zip(range(_MOST), filter(None, made), strict=False))


def pins_of_command(text: str, file: str, line: int) -> list[Pin]:
    """What `pip install NAME==1.0 ...` asks for by name."""
    found: list[Pin] = []
    taking = ("-r", "-c", "-i", "-f", "--index-url", "--extra-index-url", "--requirement", "--target", "-t")
    for installed in _INSTALL.findall(text):
        words, skip = split(installed), False
        for word in words[:200]:
            if not skip and not word.startswith("-") and "$" not in word and "/" not in word.partition("@")[0]:
                found += filter(None, [_pin(word, file, line)])
            skip = word in taking
    return [p for p in found if not p.package.endswith((".txt", ".whl"))]


def pins_of_project(text: str, file: str) -> tuple[Pin, ...]:
    """The dependencies of a pyproject.toml (PEP 621 and Poetry). Raises ValueError when it is not TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"not TOML: {str(error)[:100]}") from None
    return tuple(_of_tables(table, text.splitlines(), file))[:_MOST]


def _of_tables(table: dict[str, Any], lines: list[str], file: str) -> Iterator[Pin]:
    project = table.get("project")
    listed = project.get("dependencies") if isinstance(project, dict) else None
    for wanted in listed if isinstance(listed, list) else ():
        if isinstance(wanted, str) and (pin := _pin(wanted, file, _line_of(wanted, lines))):
            yield pin
    tool = table.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    named = poetry.get("dependencies") if isinstance(poetry, dict) else None
    for name, value in named.items() if isinstance(named, dict) else ():
        version = value.get("version") if isinstance(value, dict) else value
        if isinstance(version, str):
            plain = "" if version == "*" else f"=={version}" if version[:1].isdigit() else version
            yield Pin(normal(name), plain, file, _line_of(name, lines))


def _line_of(text: str, lines: list[str]) -> int:
    return next((n for n, line in enumerate(lines, 1) if text in line), 1)


def _pin(text: str, file: str, line: int) -> Pin | None:
    text = text.strip()
    found = _NAME.match(text)
    if not found or text.startswith(("#", "-")) or "://" in text.partition(" ")[0]:
        return None
    specifier = found[2].strip().strip("\"'() ")
    if specifier and not _SPECIFIER.fullmatch(specifier):
        specifier = "" if specifier.startswith("--") else specifier.partition(" ")[0]
    return Pin(normal(found[1]), specifier, file, line)


def normal(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
