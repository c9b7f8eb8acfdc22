"""The names and the sites of each module and function: what a name was bound to, and which code is worth reading."""

from __future__ import annotations

import ast
import time
from dataclasses import dataclass, field

from gradio_doctor.evidence.source import Reach
from gradio_doctor.probes.source.flow import Body, Endings, Place, bodies
from gradio_doctor.probes.source.nodes import assigned, header, parts
from gradio_doctor.probes.source.reading import Parsed

Function = ast.FunctionDef | ast.AsyncFunctionDef
CHANGING = frozenset({"update", "setdefault", "pop", "clear", "append", "extend", "insert", "remove", "popitem"})
CHECK_EVERY = 2048  # nodes between two looks at the clock


class OutOfTime(Exception):  # noqa: N818  it ends the reading, it is no error
    """The time for reading the source is used up."""


@dataclass(slots=True)
class Clock:
    """The moment (time.monotonic) at which reading must stop."""

    deadline: float

    def check(self) -> None:
        """Raise OutOfTime when the deadline has passed."""
        if time.monotonic() > self.deadline:
            raise OutOfTime


@dataclass(frozen=True, slots=True)
class Site:
    """A piece of code (call, import, subscript, decorator) and how it is reached inside its own scope."""

    node: ast.AST
    place: Place


@dataclass(eq=False, slots=True)
class Class:
    """A class of the app: its methods and the values of its attributes."""

    node: ast.ClassDef
    scope: Scope
    methods: dict[str, Scope] = field(default_factory=dict)
    values: dict[str, list[Binding]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Binding:
    """What a name was bound to. `expr` is None when that cannot be followed (a loop variable, an unpacked value)."""

    expr: ast.expr | None
    scope: Scope
    index: int | None = None  # which element of an unpacked value


@dataclass(eq=False, slots=True)
class Scope:
    """A module or function of the app. Only `functions` and `classes` defined directly in it, not in its children."""

    module: Module
    node: Function | None = None
    parent: Scope | None = None
    owner: Class | None = None  # the class whose method this is
    functions: dict[str, Scope] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)  # local name -> dotted name
    stars: list[str] = field(default_factory=list)
    values: dict[str, list[Binding]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)  # names whose objects are changed in place
    stored: dict[int, ast.expr] = field(default_factory=dict)  # id of a subscript -> what is assigned to it
    sites: list[Site] = field(default_factory=list)
    returns: list[ast.expr] = field(default_factory=list)
    reach: Reach = "function"

    @property
    def name(self) -> str:
        """The function's name, "" for a module."""
        return self.node.name if self.node else ""


@dataclass(eq=False, slots=True)
class Module:
    """One file of the app. `name` is dotted, as its own code imports it; `package` is what `from .` means in it."""

    name: str
    package: str
    parsed: Parsed
    is_main: bool = False
    scopes: list[Scope] = field(default_factory=list)  # the module's own scope first

    @property
    def top(self) -> Scope:
        """The module's own scope."""
        return self.scopes[0]

    @property
    def path(self) -> str:
        """Its file."""
        return self.parsed.path


class Decorated(ast.AST):
    """A decorator together with the function below it, as a node for a site."""

    _fields = ()

    def __init__(self, decorator: ast.expr, function: Scope) -> None:
        super().__init__()
        self.decorator = decorator
        self.function = function
        self.lineno = decorator.lineno
        self.col_offset = decorator.col_offset


def _position(site: Site) -> tuple[int, int]:
    """Where a site stands in the source; the links of a chain of calls stand where their names end."""
    node = site.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.end_lineno or node.lineno, node.func.end_col_offset or node.col_offset
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def build_scopes(module: Module, clock: Clock) -> None:
    """Fill `module.scopes` with the module's own scope and one for each function in it."""
    endings = Endings()
    todo = [Scope(module)]
    while todo:
        scope = todo.pop()
        module.scopes.append(scope)
        body = scope.node.body if scope.node else module.parsed.tree.body
        _Reader(scope, endings, clock, todo).read(body)


class _Reader:
    """Reads the statements of one scope, without those of the functions in it."""

    def __init__(self, scope: Scope, endings: Endings, clock: Clock, children: list[Scope]) -> None:
        self.scope = scope
        self.endings = endings
        self.clock = clock
        self.children = children
        self.classes: dict[int, Class] = {}
        self.globals: set[str] = set()

    def read(self, body: list[ast.stmt]) -> None:
        """Read all, however deep, without recursion; then put the sites in source order."""
        todo: list[Body] = [(body, Place())]
        while todo:
            statements, place = todo.pop()
            for stmt in statements:
                self._statement(stmt, place)
                todo.extend(bodies(stmt, place))
                if self.endings.statement(stmt):
                    place = place.under("unreachable")
        self.scope.sites.sort(key=_position)

    def _statement(self, stmt: ast.stmt, place: Place) -> None:
        self.clock.check()
        if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._function(stmt, place)
        elif isinstance(stmt, ast.ClassDef):
            self._class(stmt)
        elif isinstance(stmt, (ast.Import, ast.ImportFrom)):
            self._import(stmt, place)
        elif isinstance(stmt, ast.Global):
            self.globals.update(stmt.names)
        elif isinstance(stmt, ast.Return) and stmt.value is not None:
            self.scope.returns.append(stmt.value)
        self._bindings(stmt, place)
        for child in header(stmt):
            self._expression(child, place)

    def _function(self, node: Function, place: Place) -> None:
        owner = self.classes.get(id(place.owner)) if place.owner else None
        child = Scope(self.scope.module, node, self.scope, owner)
        (owner.methods if owner else self.scope.functions)[node.name] = child
        self.children.append(child)
        for decorator in node.decorator_list:
            self.scope.sites.append(Site(Decorated(decorator, child), place))

    def _class(self, node: ast.ClassDef) -> None:
        found = Class(node, self.scope)
        self.classes[id(node)] = found
        self.scope.classes[node.name] = found

    def _import(self, node: ast.Import | ast.ImportFrom, place: Place) -> None:
        self.scope.sites.append(Site(node, place))
        base = imported_from(node, self.scope.module) if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            if alias.name == "*":
                self.scope.stars.append(base)
            elif isinstance(node, ast.ImportFrom):
                self.scope.aliases[alias.asname or alias.name] = f"{base}.{alias.name}" if base else alias.name
            elif alias.asname:
                self.scope.aliases[alias.asname] = alias.name
            else:
                top = alias.name.partition(".")[0]
                self.scope.aliases[top] = top

    def _bindings(self, stmt: ast.stmt, place: Place) -> None:
        owner = self.classes.get(id(place.owner)) if place.owner else None
        for target, value in assigned(stmt):
            self._bind(target, value, owner)
        if isinstance(stmt, ast.AugAssign) and isinstance(stmt.target, ast.Name):
            self.scope.changed.add(stmt.target.id)

    def _bind(self, target: ast.expr, value: ast.expr | None, owner: Class | None, index: int | None = None) -> None:
        if isinstance(target, ast.Name):
            self._bind_name(target.id, Binding(value, self.scope, index), owner)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for i, part in enumerate(target.elts):
                same = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
                if same and isinstance(value, (ast.Tuple, ast.List)):
                    self._bind(part, value.elts[i], owner)
                elif not isinstance(part, (ast.Tuple, ast.List)):
                    self._bind(part, value, owner, i)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            self._bind_attribute(target.value.id, target.attr, Binding(value, self.scope, index))
        elif isinstance(target, ast.Subscript):
            if isinstance(target.value, ast.Name):
                self.scope.changed.add(target.value.id)
            if value is not None and index is None:
                self.scope.stored[id(target)] = value

    def _bind_name(self, name: str, binding: Binding, owner: Class | None) -> None:
        if owner is not None:
            values = owner.values
        elif name in self.globals:
            values = self.scope.module.top.values
        else:
            values = self.scope.values
        values.setdefault(name, []).append(binding)

    def _bind_attribute(self, base: str, attribute: str, binding: Binding) -> None:
        """`self.x = ...` in a method belongs to its class."""
        owner = self.scope.owner
        node = self.scope.node
        if owner and node and node.args.args and node.args.args[0].arg == base:
            owner.values.setdefault(attribute, []).append(binding)

    def _expression(self, root: ast.expr, place: Place) -> None:
        """Note the calls and subscripts in an expression; parts that may not be evaluated are conditional."""
        todo: list[tuple[ast.AST, Place]] = [(root, place)]
        seen = 0
        while todo:
            node, here = todo.pop()
            seen += 1
            if seen % CHECK_EVERY == 0:
                self.clock.check()
            if isinstance(node, (ast.Call, ast.Subscript)):
                self.scope.sites.append(Site(node, here))
                self._change(node)
            elif isinstance(node, ast.NamedExpr):
                self._bind(node.target, node.value, None)
            todo.extend(parts(node, here))

    def _change(self, node: ast.Call | ast.Subscript) -> None:
        func = node.func if isinstance(node, ast.Call) else None
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.attr in CHANGING:
            self.scope.changed.add(func.value.id)


def imported_from(node: ast.ImportFrom, module: Module) -> str:
    """The dotted name that `from X import` means in a module, relative ones resolved."""
    if not node.level:
        return node.module or ""
    parts = module.package.split(".") if module.package else []
    kept = parts[: max(len(parts) - node.level + 1, 0)]
    return ".".join([*kept, *([node.module] if node.module else [])])
