"""What the names of a source file stand for, as far as that is beyond doubt."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def around(tree: ast.Module, line: int) -> list[Function]:
    """The functions whose body a line is in, innermost first."""
    found = [n for n in ast.walk(tree) if isinstance(n, Function) and n.body[0].lineno <= line <= (n.end_lineno or 0)]
    return sorted(found, key=lambda n: -n.lineno)


def own(node: Function) -> Iterator[ast.AST]:
    """All that runs as part of a function: not what is inside of functions that it defines."""
    pending: list[ast.AST] = list(node.body)
    while pending:
        one = pending.pop()
        yield one
        if not isinstance(one, _SCOPES):
            pending += ast.iter_child_nodes(one)


def dotted(module: ast.Module, node: ast.expr) -> str:
    """The full name of a function taken from an imported module ("time.sleep"); "" when that is not certain."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or is_rebound(module, node.id):
        return ""
    origins = {origin for name, origin in _imported(module) if name == node.id}
    return ".".join([origins.pop(), *parts]) if len(origins) == 1 else ""


def defined(module: ast.Module, name: str) -> ast.FunctionDef | None:
    """The plain, undecorated function of the module itself that a name stands for, None when that is not certain."""
    if is_rebound(module, name) or any(bound == name for bound, _ in _imported(module)):
        return None
    those = [n for n in ast.walk(module) if isinstance(n, Function | ast.ClassDef) and n.name == name]
    one = those[0] if len(those) == 1 else None
    if not isinstance(one, ast.FunctionDef) or one not in module.body or one.decorator_list:
        return None
    return None if any(isinstance(n, ast.Yield | ast.YieldFrom) for n in own(one)) else one


def is_rebound(module: ast.Module, name: str) -> bool:
    """True when something assigns to a name anywhere, or takes it as a parameter: it may be another thing then."""
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.arg) and node.arg == name:
            return True
    return False


def _imported(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Each imported name, and what it stands for."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield alias.asname or top, alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}"


def modules(module: ast.Module) -> set[str]:
    """The top-level modules that a file imports from."""
    return {origin.partition(".")[0] for _, origin in _imported(module)}
