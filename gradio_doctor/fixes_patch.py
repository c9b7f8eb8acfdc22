"""Changes of a source file by position, and the patch that makes them."""

from __future__ import annotations

import ast
import difflib
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from gradio_doctor.probes.redact import clean, redact_text

_MOST_LINES, _MOST_COLUMNS = 60, 300
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+/-]{0,200}")


@dataclass(frozen=True, slots=True)
class Edit:
    """Put `text` in place of the characters from `start` up to `end`."""

    start: int
    end: int
    text: str


class Module:
    """A source file with its tree, and the places of its nodes as offsets into the text."""

    def __init__(self, text: str, tree: ast.Module) -> None:
        self.text, self.tree = text, tree
        self.lines = _lines(text)
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line))

    @classmethod
    def of(cls, text: str) -> Module | None:
        """The file parsed; None when it does not parse, or has line ends that positions would be wrong with."""
        tree = None if "\r" in text or "\f" in text else _parsed(text)
        return cls(text, tree) if tree else None

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a node begins and ends in the text."""
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno or 0, node.end_col_offset or 0)

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and a column as `ast` counts them: from 1, and in bytes."""
        inside = self.lines[line - 1].encode()[:column].decode() if line <= len(self.lines) else ""
        return self._starts[line - 1] + len(inside)

    def code(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def line(self, number: int) -> str:
        """One line without the blanks around it; "" when there is none."""
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""


def patch(module: Module, edits: Sequence[Edit], name: str) -> str:
    """The edits as a unified diff of the file `name`; "" when the result would not parse, or must not be shown.

    A diff with a secret in it, or with characters that a report cannot carry unchanged, would not be one that applies.
    """
    new = module.text
    for edit in sorted(edits, key=lambda e: -e.start):
        new = new[: edit.start] + edit.text + new[edit.end :]
    if not edits or not _NAME.fullmatch(name) or ".." in name or _parsed(new) is None:
        return ""
    rows = list(difflib.unified_diff(module.lines, _lines(new), name, name))
    fit = all(redact_text(clean(row.rstrip("\n"), _MOST_COLUMNS)) == row.rstrip("\n") for row in rows)
    if not fit or len(rows) > _MOST_LINES:
        return ""
    return "".join(row if row.endswith("\n") else row + "\n\\ No newline at end of file\n" for row in rows)


def _lines(text: str) -> list[str]:
    """Lines as Python counts them: str.splitlines() takes far more characters for a line end."""
    return io.StringIO(text, newline="\n").readlines()


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a wrong escape in the user's source is not our concern
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
