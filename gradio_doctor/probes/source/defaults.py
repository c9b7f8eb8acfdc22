"""Default values that all calls share: `def add(item, items=[])`, called without its list."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from gradio_doctor.probes.source.constants import parameter_default
from gradio_doctor.probes.source.names import Names, Parameter
from gradio_doctor.probes.source.scopes import Scope
from gradio_doctor.probes.source.spots import Surroundings

_MUTABLE = (ast.List, ast.Dict, ast.Set)
Defaults = dict[int, dict[str, ast.expr]]  # by id of the function: parameter -> its default


def used_defaults(functions: Iterable[Scope], names: Names) -> Defaults:
    """The mutable defaults of the functions that some call among them leaves to the default."""
    every = list(functions)
    known = {id(f) for f in every}
    found: Defaults = {}
    for function in every:
        for node in Surroundings(function.node or ast.Pass()).nodes:
            target = names.origin(node.func, function) if isinstance(node, ast.Call) else None
            if isinstance(target, Scope) and id(target) in known and isinstance(node, ast.Call):
                for name, default in _left_out(node, target):
                    found.setdefault(id(target), {})[name] = default
    return found


def _left_out(call: ast.Call, target: Scope) -> Iterator[tuple[str, ast.expr]]:
    if target.node is None or any(k.arg is None for k in call.keywords):
        return
    if any(isinstance(a, ast.Starred) for a in call.args):
        return
    args = target.node.args
    order = [a.arg for a in [*args.posonlyargs, *args.args]][1 if target.owner is not None else 0 :]
    given = {*order[: len(call.args)], *(k.arg for k in call.keywords)}
    for name in [*order, *(a.arg for a in args.kwonlyargs)]:
        default = parameter_default(Parameter(name, target))
        if name not in given and isinstance(default, _MUTABLE):
            yield name, default
