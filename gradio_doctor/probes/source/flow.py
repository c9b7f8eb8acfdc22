"""Which statements of a body are reached, and under what: main guard, condition, try, after an exit."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gradio_doctor.evidence.source import Reach

SEVERITY: tuple[Reach, ...] = ("yes", "main-guard", "conditional", "unreachable", "function")
EXITS = frozenset({"sys.exit", "os._exit", "exit", "quit", "os.abort"})
IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
KEY_ERRORS = frozenset({"KeyError", "LookupError", "Exception", "BaseException"})
Try: tuple[type[ast.AST], ...] = (ast.Try, getattr(ast, "TryStar", ast.Try))


def combine(outer: Reach, inner: Reach) -> Reach:
    """How a statement is reached in a body that itself is reached some way: the less certain of both."""
    return max(outer, inner, key=SEVERITY.index)


@dataclass(frozen=True, slots=True)
class Place:
    """What surrounds a statement in its own module or function."""

    reach: Reach = "yes"
    import_guarded: bool = False
    key_guarded: bool = False
    present: frozenset[str] = frozenset()  # variables that `if "X" in os.environ` has seen
    owner: ast.ClassDef | None = None

    def under(self, reach: Reach) -> Place:
        """The place of something further in."""
        return replace(self, reach=combine(self.reach, reach))


Body = tuple[list[ast.stmt], Place]


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of names, "" of anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


def bodies(stmt: ast.stmt, place: Place) -> list[Body]:
    """The statement lists inside a compound statement that run as part of it, each with its place."""
    if isinstance(stmt, ast.If):
        return _if(stmt, place)
    if isinstance(stmt, Try):
        return _try(stmt, place)
    if isinstance(stmt, (ast.With, ast.AsyncWith)):
        caught = _suppressed(stmt)
        return [(stmt.body, _guarded(place, caught))]
    if isinstance(stmt, (ast.For, ast.AsyncFor, ast.While)):
        inner = place.under("unreachable") if isinstance(stmt, ast.While) and _constant(stmt.test) is False else place
        return [(stmt.body, inner), (stmt.orelse, place)]
    if isinstance(stmt, ast.ClassDef):
        return [(stmt.body, replace(place, owner=stmt))]
    if isinstance(stmt, ast.Match):
        return [(case.body, place.under("conditional")) for case in stmt.cases]
    return []


def _if(stmt: ast.If, place: Place) -> list[Body]:
    guard = _main_guard(stmt.test)
    if guard is not None:
        inside, outside = ("main-guard", "unreachable") if guard else ("unreachable", "main-guard")
        return [(stmt.body, place.under(_reach(inside))), (stmt.orelse, place.under(_reach(outside)))]
    known = _constant(stmt.test)
    if known is not None:
        return [(stmt.body, place.under("yes" if known else "unreachable")),
                (stmt.orelse, place.under("unreachable" if known else "yes"))]
    inner = place.under("conditional")
    seen, negated = _environment_test(stmt.test)
    with_name = replace(inner, present=inner.present | seen)
    return [(stmt.body, inner if negated else with_name), (stmt.orelse, with_name if negated else inner)]


def _reach(word: str) -> Reach:
    return "main-guard" if word == "main-guard" else "unreachable"


def _try(stmt: ast.stmt, place: Place) -> list[Body]:
    assert isinstance(stmt, Try)  # noqa: S101  for mypy: Try is a tuple of classes
    node: ast.Try = stmt  # type: ignore[assignment]
    caught = [name for handler in node.handlers for name in _caught(handler.type)]
    found: list[Body] = [(node.body, _guarded(place, caught))]
    found += [(handler.body, place.under("conditional")) for handler in node.handlers]
    return [*found, (node.orelse, place), (node.finalbody, place)]


def _guarded(place: Place, caught: Iterable[str]) -> Place:
    names = set(caught)
    imports = place.import_guarded or bool(names & IMPORT_ERRORS)
    return replace(place, import_guarded=imports, key_guarded=place.key_guarded or bool(names & KEY_ERRORS))


def _caught(kind: ast.expr | None) -> list[str]:
    """The names of the exceptions that an except clause catches; a bare one catches BaseException."""
    if kind is None:
        return ["BaseException"]
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return [dotted(k).rpartition(".")[2] for k in kinds]


def _suppressed(stmt: ast.With | ast.AsyncWith) -> list[str]:
    """What `with contextlib.suppress(...)` suppresses."""
    calls = [item.context_expr for item in stmt.items if isinstance(item.context_expr, ast.Call)]
    return [name for call in calls if dotted(call.func).rpartition(".")[2] == "suppress"
            for arg in call.args for name in _caught(arg)]


def _main_guard(test: ast.expr) -> bool | None:
    """True for `__name__ == "__main__"`, False for its opposite, None for another test."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _main_guard(test.operand)
        return None if inner is None else not inner
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    sides = (test.left, test.comparators[0])
    names = any(isinstance(s, ast.Name) and s.id == "__name__" for s in sides)
    mains = any(isinstance(n, ast.Constant) and n.value == "__main__" for s in sides for n in ast.walk(s))
    if not (names and mains):
        return None
    return isinstance(test.ops[0], (ast.Eq, ast.In)) if isinstance(test.ops[0], _EQUALITY) else None


_EQUALITY = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)


def _constant(test: ast.expr) -> bool | None:
    """What a test is whatever happens: a literal, `__debug__` or TYPE_CHECKING (False at run time)."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    return False if dotted(test).rpartition(".")[2] == "TYPE_CHECKING" else None


def _environment_test(test: ast.expr) -> tuple[frozenset[str], bool]:
    """The variable of `"X" in os.environ` or `os.environ.get("X")`, and True when the test is its negation."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        names, negated = _environment_test(test.operand)
        return names, not negated
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        found = [_environment_test(v) for v in test.values[:20]]
        return frozenset(n for names, negated in found if not negated for n in names), False
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.In, ast.NotIn)):
        here = dotted(test.comparators[0]).rpartition(".")[2] == "environ"
        return _text(test.left) if here else frozenset(), isinstance(test.ops[0], ast.NotIn)
    if isinstance(test, ast.Call) and test.args and dotted(test.func).endswith(("environ.get", "getenv")):
        return _text(test.args[0]), False
    return frozenset(), False


def _text(node: ast.expr) -> frozenset[str]:
    return frozenset({node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else ())


class Endings:
    """Which statements never let the next one run. Remembers what it has found out."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def body(self, body: list[ast.stmt]) -> bool:
        """True when the end of a list of statements is never reached."""
        return any(self.statement(s) for s in body)

    def statement(self, stmt: ast.stmt) -> bool:
        """True when the statement after this one is never reached."""
        key = id(stmt)
        if key not in self._known:
            self._known[key] = self._ends(stmt)
        return self._known[key]

    def _ends(self, stmt: ast.stmt) -> bool:
        if isinstance(stmt, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
            return True
        if isinstance(stmt, ast.Expr):
            return isinstance(stmt.value, ast.Call) and dotted(stmt.value.func) in EXITS
        if isinstance(stmt, (ast.With, ast.AsyncWith)):
            return not _suppressed(stmt) and self.body(stmt.body)
        if isinstance(stmt, ast.While):
            return _constant(stmt.test) is True and not _breaks(stmt.body)
        if isinstance(stmt, Try):
            node: ast.Try = stmt  # type: ignore[assignment]
            normal = self.body(node.body) or self.body(node.orelse)
            return self.body(node.finalbody) or (normal and all(self.body(h.body) for h in node.handlers))
        return self._if_ends(stmt) if isinstance(stmt, ast.If) else False

    def _if_ends(self, stmt: ast.If) -> bool:
        """An `elif` chain can be thousands long: a loop, no recursion."""
        while True:
            known = _constant(stmt.test)
            if known is True or (known is None and not self.body(stmt.body)):
                return self.body(stmt.body)
            if len(stmt.orelse) != 1 or not isinstance(stmt.orelse[0], ast.If):
                return self.body(stmt.orelse)
            stmt = stmt.orelse[0]


def _breaks(body: list[ast.stmt]) -> bool:
    """True when a `break` in a loop's body leaves that very loop."""
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Break):
            return True
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            todo.extend(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)):
            todo.extend(ast.iter_child_nodes(node))
    return False
