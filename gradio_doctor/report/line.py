"""One styled line of the text report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradio_doctor.report.words import WORDS


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report. `hang` is the indent of what a terminal has to wrap."""

    text: str = ""
    style: str = ""
    indent: int = 0
    hang: int = 2


def heading(key: str, lang: str) -> list[Line]:
    """A blank line and the heading of a part."""
    return [Line(), Line(WORDS[key].pick(lang), "heading")]


def more(count: int, lang: str) -> Iterator[Line]:
    """How many entries were left out, when some were."""
    if count > 0:
        yield Line(WORDS["more"].pick(lang).format(count=count), "dim", 2)


def with_block(text: str, indent: int, style: str = "") -> Iterator[Line]:
    """A sentence, and below it the lines of what is to be pasted, as they are."""
    first, *rest = text.splitlines() or [""]
    yield Line(first, style, indent)
    yield from (Line(row, "code", indent + 4, 0) for row in rest)
