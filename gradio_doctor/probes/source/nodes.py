"""The parts of statements and expressions, and how each is reached when the whole is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gradio_doctor.probes.source.flow import Place


def parts(node: ast.AST, place: Place) -> Iterator[tuple[ast.AST, Place]]:
    """The children of an expression, with how they are reached when the expression itself is."""
    if isinstance(node, ast.Lambda):
        yield node.body, place.under("function")
    elif isinstance(node, ast.IfExp):
        yield node.test, place
        yield node.body, place.under("conditional")
        yield node.orelse, place.under("conditional")
    elif isinstance(node, ast.BoolOp):
        yield node.values[0], place
        for value in node.values[1:]:
            yield value, place.under("conditional")
    else:
        for child in ast.iter_child_nodes(node):
            yield child, place


def header(stmt: ast.stmt) -> Iterator[ast.expr]:
    """The expressions that belong to a statement itself, not to the statements inside it."""
    if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from stmt.decorator_list
        yield from stmt.args.defaults
        yield from (d for d in stmt.args.kw_defaults if d is not None)
        return
    if isinstance(stmt, (ast.With, ast.AsyncWith)):
        yield from (item.context_expr for item in stmt.items)
        return
    for child in ast.iter_child_nodes(stmt):
        if isinstance(child, ast.expr):
            yield child


def assigned(stmt: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """The targets a statement assigns to, each with its value, None when it cannot be followed."""
    if isinstance(stmt, ast.Assign):
        yield from ((target, stmt.value) for target in stmt.targets)
    elif isinstance(stmt, ast.AnnAssign) and stmt.value is not None:
        yield stmt.target, stmt.value
    elif isinstance(stmt, (ast.With, ast.AsyncWith)):
        yield from ((i.optional_vars, i.context_expr) for i in stmt.items if i.optional_vars is not None)
    elif isinstance(stmt, (ast.For, ast.AsyncFor)):
        yield stmt.target, None
