"""Wrapping text at a number of terminal columns, where a Chinese character takes two."""

from __future__ import annotations


def wrapped(text: str, width: int, indent: str = "", hang: str = "") -> str:
    """Lines of at most `width` columns, the first behind `indent`, the others behind `indent` and `hang`."""
    from rich.console import Console
    from rich.text import Text

    room = max(width - len(indent) - len(hang), 20)
    first, *rest = Text(" ".join(text.split())).wrap(Console(width=room), room) or [Text()]
    lines = [indent + first.plain.rstrip(), *(indent + hang + part.plain.rstrip() for part in rest)]
    return "".join(f"{line}\n" for line in lines)
