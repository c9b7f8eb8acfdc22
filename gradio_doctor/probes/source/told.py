"""Which names below handlers hold what a user sent: the handlers' parameters, and what is made of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gradio_doctor.probes.source.constants import parameter_default
from gradio_doctor.probes.source.names import External, Instance, Names, Parameter, parameters
from gradio_doctor.probes.source.scopes import Class, Scope
from gradio_doctor.probes.source.spots import Surroundings

_ROUNDS = 6  # calls deep
_NOT_SENT = frozenset({"gradio.Progress", "gradio.Request"})
Told = dict[int, set[str]]  # by id of the function


def told_names(functions: list[Scope], handlers: set[int], names: Names) -> Told:
    """For each function, its names that hold what a user sent. `handlers` are the ids of those that Gradio calls."""
    nodes = {id(f): Surroundings(f.node or ast.Pass()).nodes for f in functions}
    told: Told = {id(f): set(_sent(f, names)) if id(f) in handlers else set() for f in functions}
    changed = set(told)
    for _ in range(_ROUNDS):
        if not changed:
            break
        now, changed = changed, set()
        for function in functions:
            names.program.clock.check()
            if id(function) in now:
                _spread(nodes[id(function)], told[id(function)])
                for target, parameter in _passed(function, nodes[id(function)], told[id(function)], names):
                    if id(target) in told and parameter not in told[id(target)]:
                        told[id(target)].add(parameter)
                        changed.add(id(target))
    return told


def _sent(function: Scope, names: Names) -> Iterator[str]:
    """A handler's parameters, without `self` and what Gradio itself hands in."""
    assert function.node is not None  # noqa: S101  a module is no handler
    args = function.node.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))]
    outside = function.parent or function
    for number, one in enumerate(every):
        if number == 0 and function.owner is not None:
            continue
        default = parameter_default(Parameter(one.arg, function))
        found = names.origin(default, outside) if default is not None else None
        noted = names.origin(one.annotation, outside) if one.annotation is not None else None
        paths = {o.path.removesuffix("()") for o in (found, noted) if isinstance(o, External)}
        if paths.isdisjoint(_NOT_SENT):
            yield one.arg


def _spread(nodes: list[ast.AST], told: set[str]) -> None:
    """Add the local names whose values are made of names that are told."""
    before = -1
    for _ in range(3):
        if before == len(told):
            return
        before = len(told)
        for node in nodes:
            value: ast.expr | None = None
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                value, targets = node.value, node.targets
            elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
                value, targets = node.value, [node.target]
            elif isinstance(node, (ast.For, ast.AsyncFor)):
                value, targets = node.iter, [node.target]
            if value is not None and mentions(value, told):
                told |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and _stores(n)}


def _stores(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def mentions(expr: ast.AST, told: set[str]) -> bool:
    """True when an expression has one of the names in it."""
    return any(isinstance(n, ast.Name) and n.id in told for n in ast.walk(expr))


def _passed(function: Scope, nodes: list[ast.AST], told: set[str], names: Names) -> Iterator[tuple[Scope, str]]:
    """The parameters of own functions that are given something told."""
    for node in nodes:
        if not isinstance(node, ast.Call) or not told:
            continue
        target = names.origin(node.func, function)
        if isinstance(target, (Class, Instance)):
            made = "__init__" if isinstance(target, Class) else "__call__"
            target = names.member(target if isinstance(target, Class) else target.cls, made)
        if not isinstance(target, Scope) or target.node is None:
            continue
        order = [a.arg for a in [*target.node.args.posonlyargs, *target.node.args.args]]
        order = order[1:] if target.owner is not None and not _is_static(target) else order
        for number, value in enumerate(node.args):
            if mentions(value, told):
                end = None if isinstance(value, ast.Starred) else number + 1
                yield from ((target, p) for p in order[number:end])
        known = parameters(target)
        for keyword in node.keywords:
            if keyword.arg in known and mentions(keyword.value, told):
                yield target, keyword.arg or ""


def _is_static(function: Scope) -> bool:
    decorators = function.node.decorator_list if function.node else []
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in decorators)
