"""Filling prose and command templates with facts. Facts come from logs and process names: none of them is trusted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from string import Formatter

from gradio_doctor.knowledge.model import Prose

_MAX_VALUE = 300
_WHOLE = {"block": 4000, "opening": 4000}  # text to paste, which is of no use when it is cut
_MAX_COMMAND = 2000


def placeholders(template: str) -> tuple[str, ...]:
    """The names of a template's {placeholders}. Raises ValueError on anything but plain names."""
    names = []
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"only plain {{name}} placeholders are allowed, not {{{name}}}")
        names.append(name)
    return tuple(names)


def fill(template: str, facts: Mapping[str, str], *, quote: bool = False) -> str | None:
    """The template with its placeholders filled, or None when a fact is missing or empty.

    With `quote`, every value is quoted as one word of a POSIX shell command; that of a name that ends in `_command`
    word by word: it is a command line itself.
    """
    try:
        names = placeholders(template)
    except ValueError:
        return template  # braces that are no placeholder (JSON, a config block): taken as they stand
    values = {}
    for name in names:
        value = facts.get(name, "")
        words = _words(name, value)
        if not any(words) or (quote and (_unfit(words[0]) or not all(w.isprintable() for w in words))):
            return None
        values[name] = shlex.join(words) if quote else value[: _WHOLE.get(name, _MAX_VALUE)]
    return template.format_map(values)


def _words(name: str, value: str) -> list[str]:
    """The words that a value stands for: one, but for a command line."""
    if not name.endswith("_command") or len(value) > _MAX_COMMAND:
        return [value] if value else []
    try:
        return shlex.split(value)
    except ValueError:
        return []


def _unfit(value: str) -> bool:
    """A value that no command should be built from: too long, not printable, or an option in disguise."""
    return len(value) > _MAX_VALUE or not value.isprintable() or value.startswith("-")


def fill_prose(prose: Prose, facts: Mapping[str, str]) -> Prose | None:
    """Both languages filled, or None when the English one cannot be."""
    english = fill(prose.en, facts)
    if english is None:
        return None
    return Prose(english, fill(prose.zh, facts) or "" if prose.zh else "")
