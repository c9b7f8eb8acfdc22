"""A server's command line with some of its settings changed: what to type instead."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

_PYTHON = re.compile(r"(?:.*/)?(?:python|pypy)[0-9.]{0,8}")
# module:attribute, and not a host:port, a socket or a file for an option before it
_APP = re.compile(r"(?!(?:unix|file|python):)[A-Za-z_][\w.]{0,199}:[A-Za-z_][\w.()]{0,99}")
_HIDDEN = "***"
_MOST = 1900


def changed_command(
    command: Sequence[str], changes: Mapping[tuple[str, ...], str], drop: Sequence[str] = (), app: str = "",
) -> str:
    """The command to paste, "" when it cannot be told (secrets in it were hidden, or a title replaced it).

    `changes` maps the spellings of an option, the one to add first, to its new value; `drop` are switches to leave
    out; `app` replaces the first argument that names module:attribute.
    """
    words = list(command)
    if len(words) > 1 and _PYTHON.fullmatch(words[0]) and not words[1].startswith("-"):
        words = words[1:]  # the interpreter of a console script
    if not words or any(_HIDDEN in w for w in words) or words[0].startswith("gunicorn: "):
        return ""
    words = [w for w in words if w not in drop]
    for names, value in changes.items():
        words = _set(words, names, value)
    if app:
        at = next((i for i, w in enumerate(words) if i and _APP.fullmatch(w)), 0)
        words = [*words[:at], app, *words[at + 1 :]] if at else words
    line = shlex.join(words)
    return line if len(line) <= _MOST else ""


def _set(words: list[str], names: tuple[str, ...], value: str) -> list[str]:
    out: list[str] = []
    rest, done = list(words), False
    while rest:
        word = rest.pop(0)
        name, equals, _ = word.partition("=")
        short = next((n for n in names if len(n) == 2 and word.startswith(n) and len(word) > 2), "")
        if word in names:
            rest = rest[1:]
        elif not (equals and name in names) and not short:
            out.append(word)
            continue
        if not done:
            out += [names[0], value]
            done = True
    return out if done else [*out, names[0], value]
