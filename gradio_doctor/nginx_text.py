"""Values of nginx directives, and blocks of its configuration as text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gradio_doctor.evidence import Directive, Route

_TIME = re.compile(r"(\d{1,12})(ms|[smhdwMy]?)")
_SECONDS = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_SIZE = re.compile(r"(\d{1,12})([kKmMgG]?)")
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_KEYED = frozenset({"proxy_set_header", "add_header", "proxy_hide_header", "set", "proxy_cookie_path"})
_MOST_LINES = 60
Line = tuple[str, ...]  # a directive: its name and its arguments


def seconds(text: str) -> float | None:
    """The seconds of "90", "90s", "1m 30s", "500ms"; None for what is no time (a variable)."""
    parts = text.replace(" ", "")
    found = list(_TIME.finditer(parts))
    if not found or "".join(f[0] for f in found) != parts:
        return None
    return float(sum(int(f[1]) * _SECONDS[f[2]] for f in found))


def size(text: str) -> int | None:
    """The bytes of "1m", "8k", "512"; None for what is no size."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _BYTES[found[2].lower()] if found else None


def quoted(argument: str) -> str:
    """An argument as it has to be written in a configuration."""
    if argument and not any(c in " \t;{}\"'#" for c in argument):
        return argument
    escaped = argument.replace('"', '\\"')
    return f'"{escaped}"'


def block(route: Route, *changes: Line) -> str:
    """The block of a route with these directives in it, each in the place of the one that it changes.

    What a block would no longer inherit because of them (nginx drops all inherited headers where one is set) is
    written into it as well. The user's own directives stay.
    """
    own = [*_inherited(route, changes), *route.own]
    wanted = {_key(c): c for c in changes}
    lines: list[str] = []
    for one in own:
        changed = wanted.pop(_key((one.name, *one.arguments)), None)
        lines += [_statement(changed)] if changed else _written(one)
    lines += [_statement(c) for c in wanted.values()]
    return "\n".join([route.opening, *(f"    {line}" for line in lines[:_MOST_LINES]), "}"])


def _inherited(route: Route, changes: Iterable[Line]) -> Iterator[Directive]:
    own = {d.name for d in route.own}
    for name in dict.fromkeys(c[0] for c in changes if c[0] in _KEYED):
        if name not in own:
            yield from route.all(name)


def _key(line: Line) -> Line:
    return (line[0], line[1].lower()) if line[0] in _KEYED and len(line) > 1 else line[:1]


def _statement(line: Line) -> str:
    return f"{' '.join((line[0], *map(quoted, line[1:])))};"


def _written(one: Directive) -> list[str]:
    if one.block is None:
        return [_statement((one.name, *one.arguments))]
    arguments = " ".join(map(quoted, one.arguments))
    opening = f"if ({' '.join(one.arguments)}) {{" if one.name == "if" else f"{one.name} {arguments} {{"
    return [opening, *(f"    {line}" for inner in one.block for line in _written(inner)), "}"]
