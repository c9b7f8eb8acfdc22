"""Own functions that wrap another one: decorators, and `wrap(f)` where a handler is expected."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from gradio_doctor.probes.source.names import Names
from gradio_doctor.probes.source.scopes import Scope


@dataclass(frozen=True, slots=True)
class Wrapper:
    """The function that takes the place of the wrapped one. `direct`: it calls that one itself, where it runs."""

    function: Scope
    direct: bool


def wrapper_of(expr: ast.expr, scope: Scope, names: Names) -> Wrapper | None:
    """What an own decorator (`@wrap`, `@wrap(3)`) makes of a function, None when that cannot be told."""
    made = names.origin(expr.func if isinstance(expr, ast.Call) else expr, scope)
    if isinstance(made, Scope) and isinstance(expr, ast.Call) and made.returns:
        made = names.origin(made.returns[-1], made)
    return made_by(made, names) if isinstance(made, Scope) else None


def made_by(factory: Scope, names: Names) -> Wrapper | None:
    """The function that an own function returns when it is given another one."""
    if not factory.returns:
        return None
    inner = names.origin(factory.returns[-1], factory)
    if not isinstance(inner, Scope) or inner.node is None or inner is factory or factory.node is None:
        return None
    first = next((a.arg for a in factory.node.args.args), "")
    called = (s.node.func for s in inner.sites if isinstance(s.node, ast.Call) and s.place.reach != "function")
    return Wrapper(inner, any(isinstance(f, ast.Name) and f.id == first for f in called))
