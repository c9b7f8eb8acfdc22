"""The text of a piece of code, for people."""

from __future__ import annotations

import ast

from gradio_doctor.probes.redact import clean
from gradio_doctor.probes.source.scopes import Module

MAX_TEXT = 160  # characters


def text_of(node: ast.expr, module: Module) -> str:
    """The code of an expression as written, on one line, cut at MAX_TEXT. Columns of a tree count UTF-8 bytes."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    lines = module.parsed.lines[first : min(last + 1, first + 20)]
    if not lines:
        return ""
    parts = [_bytes(line) for line in lines]
    if last - first < len(parts):
        parts[-1] = parts[-1][: node.end_col_offset]
    parts[0] = parts[0][node.col_offset :]
    text = " ".join(p.decode("utf-8", "replace").strip() for p in parts)
    return clean(text, MAX_TEXT)


def _bytes(line: str) -> bytes:
    return line.encode("utf-8", "replace")
