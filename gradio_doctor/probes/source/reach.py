"""Follows calls from the main file through own functions and modules: what runs when the app is started."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator

from gradio_doctor.evidence.source import Reach
from gradio_doctor.probes.source.flow import SEVERITY, Place, combine
from gradio_doctor.probes.source.modules import Program, imported_names
from gradio_doctor.probes.source.names import External, Instance, Names
from gradio_doctor.probes.source.scopes import Class, Decorated, Scope, Site

COMMANDS = frozenset({"command", "callback", "group", "default"})  # typer, click, cyclopts


def spread(program: Program, names: Names) -> None:
    """Set `reach` of every module and function that is run by the main file, best way first."""
    commands = _commands(program, names)
    program.main.top.reach = "yes"
    queue = deque([program.main.top])
    while queue:
        scope = queue.popleft()
        for site in scope.sites:
            reach = reach_of(site.place, scope)
            for target in _targets(site, scope, names, commands):
                if SEVERITY.index(reach) < SEVERITY.index(target.reach):
                    target.reach = reach
                    queue.append(target)


def reach_of(place: Place, scope: Scope) -> Reach:
    """How code at a place in a scope is reached. The main guard of an imported module never lets anything run."""
    inner = place.reach
    if inner == "main-guard" and not scope.module.is_main:
        inner = "unreachable"
    return combine(scope.reach, inner)


def _targets(site: Site, scope: Scope, names: Names, commands: dict[object, list[Scope]]) -> Iterator[Scope]:
    if isinstance(site.node, (ast.Import, ast.ImportFrom)):
        for name in imported_names(site, scope.module):
            yield from _modules(name, names.program)
    elif isinstance(site.node, ast.Call):
        yield from _called(site.node, scope, names, commands)


def _modules(name: str, program: Program) -> Iterator[Scope]:
    """The scopes of the own modules that importing a dotted name runs, packages on the way included."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        module = program.modules.get(".".join(parts[:count]))
        if module is not None:
            yield module.top


def _called(call: ast.Call, scope: Scope, names: Names, commands: dict[object, list[Scope]]) -> Iterator[Scope]:
    function = names.origin(call.func, scope)
    if isinstance(function, Scope):
        yield function
        yield from commands.get(function, ())
    elif isinstance(function, Class):
        yield from _method(function, "__init__", names)
    elif isinstance(function, Instance):
        yield from _method(function.cls, "__call__", names)
    elif isinstance(function, External) and not function.is_gradio:
        yield from commands.get(function.path, ())
        for value in [*call.args, *(k.value for k in call.keywords)]:
            handed = names.origin(value, scope) if isinstance(value, (ast.Name, ast.Attribute, ast.Call)) else None
            if isinstance(handed, Scope) and not isinstance(value, ast.Call):
                yield handed  # typer.run(main), Thread(target=serve)


def _method(cls: Class, name: str, names: Names) -> Iterator[Scope]:
    found = names.member(cls, name)
    if isinstance(found, Scope):
        yield found


def _commands(program: Program, names: Names) -> dict[object, list[Scope]]:
    """What calling a typer app or click group runs: the functions registered with `@app.command()`."""
    found: dict[object, list[Scope]] = {}
    for module in program.all():
        for scope in module.scopes:
            for site in scope.sites:
                if isinstance(site.node, Decorated):
                    owner = _registered_with(site.node.decorator, scope, names)
                    if owner is not None:
                        found.setdefault(owner, []).append(site.node.function)
    return found


def _registered_with(decorator: ast.expr, scope: Scope, names: Names) -> object:
    """The command line app that a decorator belongs to: an own function, or the path of a library object."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    if not isinstance(target, ast.Attribute) or target.attr not in COMMANDS:
        return None
    owner = names.origin(target.value, scope)
    if isinstance(owner, External):
        return owner.path if owner.path.endswith("()") and not owner.is_gradio else None
    return owner if isinstance(owner, Scope) else None
