"""Variables in a compose file, and the files of variables that deployment files name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping

from gradio_doctor.evidence.deployment import Said
from gradio_doctor.probes.deploy.saying import said

Fetch = Callable[[str], "str | None"]  # the text of a file beside, None when it is not to be had
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w{1,80})(?:(:?[-+?])([^{}]{0,300}))?\}|([A-Za-z_]\w{0,80}))")
_ASSIGNED = re.compile(r"(?:export\s{1,8})?([A-Za-z_][\w.]{0,80})\s{0,8}=\s{0,8}(.{0,4000})")
_MOST = 500


def fill(text: str, values: Mapping[str, str]) -> tuple[str, bool]:
    """The text with its variables filled in, by their default where they have no value; False when one was."""
    known = True

    def one(found: re.Match[str]) -> str:
        nonlocal known
        if found[1]:
            return "$"
        value, sign, other = values.get(found[2] or found[5]), found[3] or "", found[4] or ""
        if value:
            return other if sign.endswith("+") else value
        known = False  # whoever runs it may set it
        return other if sign.endswith("-") else "" if sign.endswith("+") else found[0]

    return _VARIABLE.sub(one, text[:4000]), known


def read_variables(text: str, file: str) -> tuple[Said, ...]:
    """NAME=value lines of an environment file, as compose reads them."""
    return tuple(said(name, value, file, line) for name, value, line in _lines(text))


def values_of(text: str) -> dict[str, str]:
    """The same as plain values, to fill other text with; they stay in the reader."""
    return {name: value for name, value, _ in _lines(text) if "$" not in value}


def _lines(text: str) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    for line, content in enumerate(text.split("\n")[: _MOST * 4], 1):
        told = _ASSIGNED.fullmatch(content.strip())
        if told and len(found) < _MOST:
            value = told[2].strip()
            quote = value[:1]
            if quote in ("'", '"') and quote in value[1:]:
                value = value[1 : value.index(quote, 1)]
            else:
                value = value.partition(" #")[0].strip()
            found.append((told[1], value, line))
    return found


def beside(name: str, file: str) -> str:
    """The path of a file that another one names, "" when it holds variables."""
    return "" if not name or "$" in name or "\0" in name else posixpath.normpath(
        posixpath.join(posixpath.dirname(file), name))
