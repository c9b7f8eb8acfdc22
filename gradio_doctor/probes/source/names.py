"""What an expression is: an own function, class or module, something from a library, or nobody knows."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass

from gradio_doctor.probes.source.modules import Program
from gradio_doctor.probes.source.scopes import Binding, Class, Module, Scope

MAX_DEPTH = 60  # of a chain of names, calls and attributes
MAX_BASES = 20
BUILTIN_NAMES = frozenset(dir(builtins))
PARTIALS = frozenset({"functools.partial", "functools.partialmethod"})


@dataclass(frozen=True, slots=True)
class External:
    """Something from a library, as the code that gets it: "gradio.Button().click"."""

    path: str

    @property
    def root(self) -> str:
        """The top-level module it comes from."""
        return self.path.partition(".")[0].partition("(")[0]

    @property
    def is_gradio(self) -> bool:
        """True for Gradio and for custom components, which are distributed as `gradio_something`."""
        return self.root == "gradio" or (self.root.startswith("gradio_") and self.root != "gradio_client")


@dataclass(frozen=True, slots=True)
class Instance:
    """An object of a class of the app."""

    cls: Class


@dataclass(frozen=True, slots=True)
class Anonymous:
    """A lambda."""

    node: ast.Lambda
    scope: Scope


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an own function; what callers pass is not followed."""

    name: str
    scope: Scope


Origin = External | Instance | Anonymous | Parameter | Scope | Class | Module
Found = Scope | Class | str | list[Binding] | Parameter


class Names:
    """Follows names through the app's own modules. Remembers what it found."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._known: dict[tuple[int, int], Origin | None] = {}

    def origin(self, expr: ast.expr, scope: Scope, depth: int = 0) -> Origin | None:
        """What an expression in a scope is, None when that cannot be told."""
        key = (id(expr), id(scope))
        if key not in self._known:
            if depth > MAX_DEPTH:
                return None
            self.program.clock.check()
            self._known[key] = None  # what refers to itself
            self._known[key] = self._origin(expr, scope, depth + 1)
        return self._known[key]

    def lookup(self, name: str, scope: Scope) -> Found | None:
        """What a name is bound to, seen from a scope: the innermost binding, as Python finds it."""
        current: Scope | None = scope
        while current is not None:
            found = self._bound(name, current)
            if found is not None:
                return found
            current = current.parent
        for star in scope.module.top.stars:
            owned = self.program.own(star)
            if owned and not owned[1] and owned[0] is not scope.module:
                found = self._bound(name, owned[0].top)
                if found is not None:
                    return found
        return None

    def _bound(self, name: str, scope: Scope) -> Found | None:
        if name in scope.functions:
            return scope.functions[name]
        if name in scope.classes:
            return scope.classes[name]
        if name in scope.aliases:
            return scope.aliases[name]
        if name in scope.values:
            return scope.values[name]
        return Parameter(name, scope) if name in parameters(scope) else None

    def dotted(self, name: str) -> Origin | None:
        """What a dotted name of an import stands for."""
        owned = self.program.own(name)
        if owned is None:
            return External(name)
        found: Origin | None = owned[0]
        for part in filter(None, owned[1].split(".")):
            found = self._attribute(found, part, 0)
        return found

    def _origin(self, expr: ast.expr, scope: Scope, depth: int) -> Origin | None:
        if isinstance(expr, ast.Name):
            return self._name(expr.id, scope, depth)
        if isinstance(expr, ast.Attribute):
            return self._attribute(self.origin(expr.value, scope, depth), expr.attr, depth)
        if isinstance(expr, ast.Call):
            return self._call(expr, scope, depth)
        if isinstance(expr, (ast.Await, ast.NamedExpr, ast.Starred)):
            return self.origin(expr.value, scope, depth)
        if isinstance(expr, ast.IfExp):
            return self.origin(expr.body, scope, depth) or self.origin(expr.orelse, scope, depth)
        if isinstance(expr, ast.Lambda):
            return Anonymous(expr, scope)
        if isinstance(expr, ast.Subscript):
            base = self.origin(expr.value, scope, depth)
            return base if isinstance(base, External) and base.root != "builtins" else None
        literal = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.DictComp)
        return External("builtins.literal") if isinstance(expr, literal) else None

    def _name(self, name: str, scope: Scope, depth: int) -> Origin | None:
        found = self.lookup(name, scope)
        if isinstance(found, str):
            return self.dotted(found)
        if isinstance(found, Parameter):
            return self._parameter(found)
        if isinstance(found, list):
            return self.of_bindings(found, depth)
        if found is not None:
            return found
        if "gradio" in scope.module.top.stars and name not in BUILTIN_NAMES:
            return External(f"gradio.{name}")
        return External(f"builtins.{name}") if name in BUILTIN_NAMES else None

    def _parameter(self, found: Parameter) -> Origin:
        """`self` and `cls` are known; another parameter is only a parameter."""
        node, owner = found.scope.node, found.scope.owner
        if owner and node and node.args.args and node.args.args[0].arg == found.name:
            kinds = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
            if "staticmethod" not in kinds:
                return owner if "classmethod" in kinds else Instance(owner)
        return self._annotated(found) or found

    def _annotated(self, found: Parameter) -> Origin | None:
        """An object of the class that a parameter is annotated with, when that is an own or a library's class."""
        args = found.scope.node.args if found.scope.node else None
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs] if args else []
        note = next((a.annotation for a in every if a.arg == found.name), None)
        if not isinstance(note, (ast.Name, ast.Attribute)):
            return None
        kind = self.origin(note, found.scope.parent or found.scope)
        if isinstance(kind, Class):
            return Instance(kind)
        named = isinstance(kind, External) and kind.root not in ("builtins", "typing") and "(" not in kind.path
        return External(f"{kind.path}()") if isinstance(kind, External) and named else None

    def of_bindings(self, bindings: list[Binding], depth: int = 0) -> Origin | None:
        """What a name bound several times is: what the last binding that can be followed says."""
        for binding in reversed(bindings[-MAX_BASES:]):
            if binding.expr is not None:
                found = self._of_binding(binding, binding.expr, depth)
                if found is not None:
                    return found
        return None

    def _of_binding(self, binding: Binding, expr: ast.expr, depth: int) -> Origin | None:
        if binding.index is None:
            return self.origin(expr, binding.scope, depth)
        expr = expr.value if isinstance(expr, ast.Await) else expr
        if not isinstance(expr, ast.Call):
            return None
        function = self.origin(expr.func, binding.scope, depth)
        if isinstance(function, External):  # args, _ = parser.parse_known_args()
            return External(f"{function.path}()[{binding.index}]")
        if isinstance(function, Scope):
            for value in function.returns[:MAX_BASES]:
                if isinstance(value, ast.Tuple) and binding.index < len(value.elts):
                    return self.origin(value.elts[binding.index], function, depth)
        return None

    def _attribute(self, base: Origin | None, name: str, depth: int) -> Origin | None:
        if isinstance(base, External):
            return External(f"{base.path}.{name}") if len(base.path) < 500 else None
        if isinstance(base, Module):
            sub = self.program.modules.get(f"{base.name}.{name}")
            return sub if sub and self._bound(name, base.top) is None else self._name(name, base.top, depth)
        if isinstance(base, (Instance, Class)):
            return self.member(base.cls if isinstance(base, Instance) else base, name, depth)
        return None

    def member(self, cls: Class, name: str, depth: int = 0) -> Origin | None:
        """A method or attribute of an own class or its bases."""
        for one in self.bases(cls):
            if isinstance(one, External):
                return External(f"{one.path}().{name}")
            if name in one.methods:
                return one.methods[name]
            if name in one.values:
                return self.of_bindings(one.values[name], depth)
        return None

    def bases(self, cls: Class) -> list[Class | External]:
        """A class and what it inherits from, nearest first; ends at the first library class."""
        found: list[Class | External] = []
        todo: list[Origin | None] = [cls]
        while todo and len(found) < MAX_BASES:
            one = todo.pop(0)
            if isinstance(one, Class) and one not in found:
                found.append(one)
                todo.extend(self.origin(base, one.scope) for base in one.node.bases)
            elif isinstance(one, External):
                found.append(one)
        return found

    def _call(self, expr: ast.Call, scope: Scope, depth: int) -> Origin | None:
        function = self.origin(expr.func, scope, depth)
        if isinstance(function, External):
            if function.path in PARTIALS and expr.args:
                return self.origin(expr.args[0], scope, depth)
            return External(f"{function.path}()") if len(function.path) < 500 else None
        if isinstance(function, Class):
            return Instance(function)
        if isinstance(function, Instance):
            function = self.member(function.cls, "__call__", depth)
        if isinstance(function, Scope):
            for value in function.returns[:MAX_BASES]:
                found = self.origin(value, function, depth)
                if found is not None:
                    return found
        return None


def parameters(scope: Scope) -> set[str]:
    """The names of a function's parameters."""
    if scope.node is None:
        return set()
    args = scope.node.args
    named = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return {a.arg for a in [*named, *filter(None, (args.vararg, args.kwarg))]}
