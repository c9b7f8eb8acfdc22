"""gunicorn's Python configuration (parsed, never run) and the header of a Hugging Face README."""

from __future__ import annotations

import ast
import re

from gradio_doctor.evidence.deployment import Said
from gradio_doctor.probes.deploy.saying import said
from gradio_doctor.probes.deploy.yaml_lines import read_documents

_MOST = 200


def read_gunicorn(text: str, file: str) -> tuple[Said, ...]:
    """The settings at the top of a gunicorn configuration; what is computed is not known. Raises ValueError."""
    try:
        tree = ast.parse(text[:200_000])
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"not Python: {str(error)[:100]}") from None
    found = []
    for node in tree.body[:_MOST]:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name):
            plain = value.value if isinstance(value, ast.Constant) else None
            if isinstance(plain, str | int | float):
                found.append(said(target.id, str(plain), file, node.lineno))
            else:
                found.append(Said(target.id, "", file, node.lineno, known=False))
    return tuple(found)


def read_space(text: str, file: str) -> tuple[Said, ...]:
    """The header of a Space's README; () when the file has none of that kind. Raises ValueError when it is broken."""
    found = re.match(r"---[ \t]*\r?\n(.{0,20000}?)\r?\n---[ \t]*(?:\r?\n|\Z)", text, re.DOTALL)
    if not found or not re.search(r"^sdk(?:_version)?:", found[1], re.MULTILINE):
        return ()
    documents = read_documents(found[1])
    keys = documents[0].keys if documents else {}
    return tuple(said(name, node.value, file, node.line + 1) for name, node in list(keys.items())[:_MOST] if node.value)
