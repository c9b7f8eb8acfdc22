"""Which names in a handler stand for objects that all users share: globals, closures, attributes of lasting objects."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from gradio_doctor.probes.source.defaults import used_defaults
from gradio_doctor.probes.source.names import Anonymous, External, Instance, Names, parameters
from gradio_doctor.probes.source.scopes import Binding, Class, Module, Scope

_CONTAINERS = frozenset({
    "builtins.list", "builtins.dict", "builtins.set", "collections.deque", "collections.defaultdict",
    "collections.OrderedDict", "collections.Counter",
})
_LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_PER_SESSION = frozenset({"State", "BrowserState"})


@dataclass(frozen=True, slots=True)
class Shared:
    """An object that all users share: where it is defined, its name there, and what it is bound to."""

    owner: Scope | Class
    name: str
    bindings: tuple[Binding, ...]

    @property
    def key(self) -> tuple[int, str]:
        """The same for every mention of the object."""
        return id(self.owner), self.name

    @property
    def module(self) -> Module:
        """The file in which it is defined."""
        return self.owner.scope.module if isinstance(self.owner, Class) else self.owner.module

    @property
    def line(self) -> int:
        """The line in which it is first bound, 0 when that is not known."""
        found = [b.expr.lineno for b in self.bindings if b.expr is not None and b.scope.module is self.module]
        return min(found, default=0)


class SharedNames:
    """Resolves names and attributes. `running` are the functions that handlers come to: what they make is per call."""

    def __init__(self, names: Names, running: list[Scope]) -> None:
        self.names = names
        self.running = {id(f) for f in running}
        self.defaults = used_defaults((f for f in running if f.node is not None), names)
        self.lasting = _Lasting(names, self.running)

    def of(self, expr: ast.expr, scope: Scope, declared: frozenset[str]) -> Shared | None:
        """The shared object that an expression in a function names. `declared`: its global and nonlocal names."""
        if isinstance(expr, ast.Name):
            return self._name(expr.id, scope, declared)
        if not isinstance(expr, ast.Attribute):
            return None
        base = self.names.origin(expr.value, scope)
        if isinstance(base, Module):
            return _bound(base.top, expr.attr)
        if isinstance(base, (Instance, Class)):
            return self._attribute(base, expr.attr)
        return None

    def _name(self, name: str, scope: Scope, declared: frozenset[str]) -> Shared | None:
        if name not in declared and (name in scope.values or name in parameters(scope)):
            default = self.defaults.get(id(scope), {}).get(name)
            rebound = default is None or name in scope.values
            return None if rebound else Shared(scope, name, (Binding(default, scope),))
        current: Scope | None = scope.parent
        while current is not None:
            if current.node is not None and id(current) in self.running:
                return None  # a closure made while an event runs
            if name in current.values:
                return _bound(current, name)
            if name in current.aliases:
                return self._imported(current.aliases[name])
            if name in current.functions or name in current.classes or name in parameters(current):
                return None
            current = current.parent
        return None

    def _imported(self, dotted: str) -> Shared | None:
        owned = self.names.program.own(dotted)
        return _bound(owned[0].top, owned[1]) if owned and owned[1] and "." not in owned[1] else None

    def _attribute(self, base: Instance | Class, name: str) -> Shared | None:
        cls = base.cls if isinstance(base, Instance) else base
        for one in self.names.bases(cls):
            if isinstance(one, Class) and name in one.values:
                bindings = tuple(one.values[name])
                of_class = all(b.scope.owner is not one for b in bindings)
                if of_class or (isinstance(base, Instance) and self.lasting(cls)):
                    return Shared(one, name, bindings)
                return None
        return None

    def is_container(self, shared: Shared) -> bool:
        """True when the object is a list, dict, set or the like."""
        return any(b.expr is not None and self._makes_container(b.expr, b.scope) for b in shared.bindings)

    def _makes_container(self, expr: ast.expr, scope: Scope) -> bool:
        if isinstance(expr, _LITERALS):
            return True
        if not isinstance(expr, ast.Call):
            return False
        made = self.names.origin(expr.func, scope)
        return isinstance(made, External) and made.path in _CONTAINERS


def _bound(scope: Scope, name: str) -> Shared | None:
    return Shared(scope, name, tuple(scope.values[name])) if name in scope.values else None


class _Lasting:
    """Tells classes whose objects are made while the app starts, once for all users."""

    def __init__(self, names: Names, running: set[int]) -> None:
        self._made: dict[int, bool] = {}
        for module in names.program.all():
            for scope in module.scopes:
                for site in scope.sites:
                    if isinstance(site.node, ast.Call) and site.place.reach != "unreachable":
                        self._note(site.node, scope, site.place.reach == "function", names, running)

    def _note(self, node: ast.Call, scope: Scope, in_lambda: bool, names: Names, running: set[int]) -> None:
        made = names.origin(node.func, scope)
        if isinstance(made, Class):
            lasts = id(scope) not in running and not in_lambda
            self._made[id(made)] = self._made.get(id(made), True) and lasts
        elif isinstance(made, External) and made.is_gradio and made.path.rpartition(".")[2] in _PER_SESSION:
            for value in [*node.args, *(k.value for k in node.keywords)]:
                inner = names.origin(value, scope)
                if isinstance(inner, Instance):
                    self._made[id(inner.cls)] = False
                elif isinstance(inner, (Class, Anonymous)):
                    self._made[id(inner)] = False

    def __call__(self, cls: Class) -> bool:
        """True when every object of the class that the app makes lasts, and it makes one."""
        return self._made.get(id(cls), False)
