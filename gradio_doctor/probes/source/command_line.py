"""The command line options that the app declares with argparse, and their defaults."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from gradio_doctor.probes.source.modules import Program
from gradio_doctor.probes.source.scopes import Scope


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its default as code (None: there is none), and the scope to read that in."""

    default: ast.expr | None
    scope: Scope
    flags: tuple[str, ...]


def options_of(program: Program) -> dict[str, Option]:
    """Options by the attribute they become (`--server-port` -> server_port); the first declaration wins."""
    found: dict[str, Option] = {}
    for module in program.all():
        for scope in module.scopes:
            for site in scope.sites:
                for name, option in _declared(site.node, scope):
                    found.setdefault(name, option)
    return found


def _declared(node: ast.AST, scope: Scope) -> Iterator[tuple[str, Option]]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "add_argument":
        return
    flags = tuple(a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))
    keywords = {k.arg: k.value for k in node.keywords if k.arg}
    name = _destination(flags, keywords.get("dest"))
    if name:
        yield name, Option(_default(keywords), scope, flags)


def _destination(flags: tuple[str, ...], dest: ast.expr | None) -> str:
    if isinstance(dest, ast.Constant) and isinstance(dest.value, str):
        return dest.value
    long = [f for f in flags if f.startswith("--")] or list(flags)
    return long[0].lstrip("-").replace("-", "_") if long else ""


def _default(keywords: dict[str, ast.expr]) -> ast.expr | None:
    if "default" in keywords:
        return keywords["default"]
    action = keywords.get("action")
    if isinstance(action, ast.Constant) and action.value in ("store_true", "store_false"):
        return ast.Constant(value=action.value == "store_false")
    return None
