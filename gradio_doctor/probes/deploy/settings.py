"""gunicorn's Python configuration (parsed, never run) and the header of a Hugging Face README."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import islice

from gradio_doctor.evidence.deployment import Said
from gradio_doctor.probes.deploy.saying import said
from gradio_doctor.probes.deploy.yaml_lines import read_documents

_MOST = 200


def read_gunicorn(text: str, file: str) -> tuple[Said, ...]:
    """The settings of a gunicorn configuration in its order; what is computed is not known. Raises ValueError.

    One by the name of "*" stands for whatever another module gives it.
    """
    try:
        tree = ast.parse(text[:200_000])
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"not Python: {str(error)[:100]}") from None
    found: list[Said] = []
    for node in tree.body[:_MOST]:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            found += _assigned(node, file)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found += _hidden(node, file)
    return tuple(found[:_MOST])


def _assigned(node: ast.Assign | ast.AnnAssign, file: str) -> Iterator[Said]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    plain = node.value.value if isinstance(node.value, ast.Constant) else None
    for target in targets:
        for name in [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]:
            if isinstance(plain, str | int | float) and isinstance(target, ast.Name):
                yield said(name, str(plain), file, node.lineno)
            else:
                yield Said(name[:100], "", file, node.lineno, known=False)


def _hidden(node: ast.stmt, file: str) -> Iterator[Said]:
    """What is set under a condition, added to, or imported under any name ("*"): not known."""
    for inner in islice(ast.walk(node), 5000):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store | ast.Del):
            yield Said(inner.id[:100], "", file, inner.lineno, known=False)
        elif isinstance(inner, ast.ImportFrom):
            for name in inner.names:
                yield Said((name.asname or name.name)[:100], "", file, inner.lineno, known=False)


def read_space(text: str, file: str) -> tuple[Said, ...]:
    """The header of a Space's README; () when the file has none of that kind. Raises ValueError when it is broken."""
    found = re.match(r"---[ \t]*\r?\n(.{0,20000}?)\r?\n---[ \t]*(?:\r?\n|\Z)", text, re.DOTALL)
    if not found or not re.search(r"^sdk(?:_version)?:", found[1], re.MULTILINE):
        return ()
    documents = read_documents(found[1])
    keys = documents[0].keys if documents else {}
    return tuple(said(name, node.value, file, node.line + 1) for name, node in list(keys.items())[:_MOST] if node.value)
