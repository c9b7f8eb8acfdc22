"""The value of an expression as far as the source tells it. Nothing is evaluated by Python itself."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from gradio_doctor.evidence.source import Value
from gradio_doctor.probes.source.command_line import Option, options_of
from gradio_doctor.probes.source.modules import Program
from gradio_doctor.probes.source.names import External, Names, Parameter
from gradio_doctor.probes.source.scopes import Binding, Class, Module, Scope

MAX_DEPTH = 40
MAX_TEXT = 1000  # characters of a computed string
MAX_NUMBER = 2**63

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod, ast.Div: operator.truediv,
}
_GETTERS = frozenset({"os.getenv", "os.environ.get", "os.environ.setdefault"})
_CONVERSIONS: dict[str, Callable[[Value], Value]] = {
    "builtins.int": lambda v: int(v) if isinstance(v, (int, float, str)) else None,
    "builtins.float": lambda v: float(v) if isinstance(v, (int, float, str)) else None,
    "builtins.str": str,
    "builtins.bool": bool,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the source says about a value: the value, or where it comes from and what it is by default."""

    value: Value = None
    known: bool = False
    origin: str = ""
    default: Value = None

    @property
    def likely(self) -> Value:
        """The value, or its default."""
        return self.value if self.known else self.default


def known(value: Value) -> Reading:
    """A value that is plain in the source."""
    return Reading(value, known=True)


def unknown(origin: str, default: Value = None) -> Reading:
    """A value that comes from `origin` (in words), with a default."""
    said = "" if default is None else f", default {default!r}"
    return Reading(None, False, f"{origin}{said}", default)


NOT_READ = Reading()


class Constants:
    """Reads values through names, imports from own modules, argparse and the environment."""

    def __init__(self, program: Program, names: Names) -> None:
        self.names = names
        self._options: dict[str, Option] | None = None
        self._read: dict[tuple[int, int], Reading] = {}
        self.program = program

    @property
    def options(self) -> dict[str, Option]:
        """The app's command line options, looked for on first use."""
        if self._options is None:
            self._options = options_of(self.program)
        return self._options

    def read(self, expr: ast.expr, scope: Scope, depth: int = 0) -> Reading:
        """The value of an expression in a scope."""
        if depth > MAX_DEPTH:
            return NOT_READ
        key = (id(expr), id(scope))
        if key not in self._read:
            self.program.clock.check()
            self._read[key] = NOT_READ  # what refers to itself
            reader = self._READERS.get(type(expr))
            self._read[key] = reader(self, expr, scope, depth + 1) if reader else NOT_READ
        return self._read[key]

    def _constant(self, expr: ast.Constant, _scope: Scope, _depth: int) -> Reading:
        value = expr.value
        return known(value) if value is None or isinstance(value, (str, bool, int, float)) else NOT_READ

    def _name(self, expr: ast.Name, scope: Scope, depth: int) -> Reading:
        return self._found(self.names.lookup(expr.id, scope), expr.id, scope, depth)

    def _found(self, found: object, name: str, scope: Scope, depth: int) -> Reading:
        if isinstance(found, Parameter):
            return self._parameter(found, depth)
        if isinstance(found, str):
            owned = self.program.own(found)
            if owned and owned[1] and "." not in owned[1] and depth <= MAX_DEPTH:
                return self._found(self.names.lookup(owned[1], owned[0].top), owned[1], owned[0].top, depth + 1)
        if isinstance(found, list):
            return self._bindings(found, name, scope, depth)
        return NOT_READ

    def _bindings(self, bindings: list[Binding], name: str, scope: Scope, depth: int) -> Reading:
        """A name assigned once has that value; one assigned more often has it only as a default."""
        first = bindings[0]
        if first.expr is None or first.index is not None:
            return NOT_READ
        found = self.read(first.expr, first.scope, depth)
        changed = any(name in s.changed for s in (scope, first.scope))
        if (len(bindings) > 1 or changed) and found.known:
            return unknown(f"{name}, which is assigned more than once", found.value)
        return found

    def _parameter(self, found: Parameter, depth: int) -> Reading:
        default = parameter_default(found)
        scope = found.scope.parent or found.scope
        value = self.read(default, scope, depth).likely if default is not None else None
        return unknown(f"the parameter {found.name} of {found.scope.name}()", value)

    def _attribute(self, expr: ast.Attribute, scope: Scope, depth: int) -> Reading:
        base = self.names.origin(expr.value, scope)
        if isinstance(base, Module):
            return self._found(self.names.lookup(expr.attr, base.top), expr.attr, base.top, depth)
        if isinstance(base, Class):
            bindings = base.values.get(expr.attr)
            return self._bindings(bindings, expr.attr, base.scope, depth) if bindings else NOT_READ
        parsed = isinstance(base, External) and ".parse_" in base.path
        if expr.attr in self.options and (parsed or base is None or isinstance(base, Parameter)):
            return self._option(self.options[expr.attr], depth)
        return unknown("the command line") if parsed else NOT_READ

    def _option(self, option: Option, depth: int) -> Reading:
        reading = self.read(option.default, option.scope, depth) if option.default is not None else NOT_READ
        flag = f" ({max(option.flags, key=len)})" if option.flags else ""
        return unknown(f"the command line{flag}", reading.likely)

    def _call(self, expr: ast.Call, scope: Scope, depth: int) -> Reading:
        function = self.names.origin(expr.func, scope)
        path = function.path if isinstance(function, External) else ""
        if path in _GETTERS and expr.args:
            return self._variable(expr.args[0], expr.args[1] if len(expr.args) > 1 else None, scope, depth)
        if path in _CONVERSIONS and len(expr.args) == 1 and not expr.keywords:
            return _converted(self.read(expr.args[0], scope, depth), _CONVERSIONS[path])
        return NOT_READ

    def _variable(self, name: ast.expr, default: ast.expr | None, scope: Scope, depth: int) -> Reading:
        variable = self.read(name, scope, depth)
        value = self.read(default, scope, depth).likely if default is not None else None
        return unknown(f"the environment variable {variable.value}" if variable.known else "the environment", value)

    def _subscript(self, expr: ast.Subscript, scope: Scope, depth: int) -> Reading:
        base = self.names.origin(expr.value, scope)
        if isinstance(base, External) and base.path == "os.environ":
            return self._variable(expr.slice, None, scope, depth)
        return unknown("the command line") if isinstance(base, External) and base.path == "sys.argv" else NOT_READ

    def _binary(self, expr: ast.BinOp, scope: Scope, depth: int) -> Reading:
        left, right = self.read(expr.left, scope, depth), self.read(expr.right, scope, depth)
        if left.known and right.known:
            return _computed(type(expr.op), left.value, right.value)
        worst = left if not left.known else right
        guess = _computed(type(expr.op), left.likely, right.likely)
        return Reading(None, False, worst.origin, guess.value)

    def _unary(self, expr: ast.UnaryOp, scope: Scope, depth: int) -> Reading:
        inner = self.read(expr.operand, scope, depth)
        if inner.known and isinstance(expr.op, ast.Not):
            return known(not inner.value)
        if inner.known and isinstance(expr.op, ast.USub) and isinstance(inner.value, (int, float)):
            return known(-inner.value)
        return Reading(None, False, inner.origin)

    def _either(self, expr: ast.BoolOp, scope: Scope, depth: int) -> Reading:
        """`a or b`: the first that is true, when that can be told."""
        found = [self.read(v, scope, depth) for v in expr.values[:10]]
        stop = isinstance(expr.op, ast.Or)
        origin = next((r.origin for r in found if not r.known), "")
        for reading in found:
            if not reading.known and not origin:
                break
            if bool(reading.likely) is stop or reading is found[-1]:
                if all(r.known for r in found[: found.index(reading) + 1]):
                    return reading
                return unknown(origin.partition(", default ")[0], reading.likely) if origin else NOT_READ
        return NOT_READ

    def _conditional(self, expr: ast.IfExp, scope: Scope, depth: int) -> Reading:
        test = self.read(expr.test, scope, depth)
        if test.known:
            return self.read(expr.body if test.value else expr.orelse, scope, depth)
        return Reading(None, False, test.origin.partition(", default ")[0])

    def _text(self, expr: ast.JoinedStr, scope: Scope, depth: int) -> Reading:
        parts: list[str] = []
        for value in expr.values:
            inner = value.value if isinstance(value, ast.FormattedValue) else value
            plain = not isinstance(value, ast.FormattedValue) or (value.conversion == -1 and value.format_spec is None)
            reading = self.read(inner, scope, depth) if plain else NOT_READ
            if not reading.known:
                return Reading(None, False, reading.origin.partition(", default ")[0])
            parts.append(str(reading.value))
        text = "".join(parts)
        return known(text) if len(text) <= MAX_TEXT else NOT_READ

    _READERS: ClassVar[dict[type[ast.expr], Callable[..., Reading]]] = {
        ast.Constant: _constant, ast.Name: _name, ast.Attribute: _attribute, ast.Call: _call, ast.IfExp: _conditional,
        ast.Subscript: _subscript, ast.BinOp: _binary, ast.UnaryOp: _unary, ast.BoolOp: _either, ast.JoinedStr: _text,
    }


def parameter_default(found: Parameter) -> ast.expr | None:
    """The code of a parameter's default value."""
    if found.scope.node is None:
        return None
    args = found.scope.node.args
    positional = [*args.posonlyargs, *args.args]
    pairs: list[tuple[ast.arg, ast.expr | None]] = list(
        zip(reversed(positional), reversed(args.defaults), strict=False))
    pairs += zip(args.kwonlyargs, args.kw_defaults, strict=True)
    return next((default for arg, default in pairs if arg.arg == found.name), None)


def _computed(op: type[ast.operator], left: Value, right: Value) -> Reading:
    """Arithmetic on plain numbers and joining of strings, within limits."""
    if op is ast.Add and isinstance(left, str) and isinstance(right, str):
        return known(left + right) if len(left) + len(right) <= MAX_TEXT else NOT_READ
    if op not in _OPERATORS or not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
        return NOT_READ
    if abs(left) > MAX_NUMBER or abs(right) > MAX_NUMBER:
        return NOT_READ
    try:
        return known(_OPERATORS[op](left, right))
    except (ArithmeticError, ValueError):
        return NOT_READ


def _converted(inner: Reading, convert: Callable[[Value], Value]) -> Reading:
    """int("7860") and the like, of a value or of a default."""
    value = inner.likely
    if value is not None:
        try:
            value = convert(value) if len(str(value)) <= MAX_TEXT else None
        except (ValueError, OverflowError):
            value = None
    if inner.known:
        return known(value) if value is not None else NOT_READ
    return unknown(inner.origin.partition(", default ")[0], value) if inner.origin else NOT_READ
