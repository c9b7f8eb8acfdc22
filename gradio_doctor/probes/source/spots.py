"""The calls of one function: which library or own code each goes to, and what surrounds it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from gradio_doctor.probes.source.flow import Place
from gradio_doctor.probes.source.names import Anonymous, External, Instance, Names, Origin
from gradio_doctor.probes.source.scopes import Class, Function, Scope
from gradio_doctor.probes.source.slow_names import HANDS_OVER
from gradio_doctor.probes.source.wrappers import wrapper_of

_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LOCKS = ("threading.", "multiprocessing.", "asyncio.", "anyio.", "filelock.")


@dataclass(frozen=True, slots=True)
class Spot:
    """A call, what it goes to, and how it stands. `plain`: under no condition. `awaited`: directly."""

    node: ast.Call
    target: Origin
    awaited: bool
    plain: bool
    handed: bool = False  # inside the arguments of what runs a coroutine in another thread or on another loop


class Surroundings:
    """What a walk over a function's own code (not that of functions in it) finds about its parts, by id of the node."""

    def __init__(self, root: ast.AST) -> None:
        self.awaited: set[int] = set()
        self.nodes: list[ast.AST] = []
        self.shadowed: set[str] = set()  # names that belong to a comprehension or a lambda
        todo: list[ast.AST] = list(root.body) if isinstance(root, Function) else [root]
        while todo:
            node = todo.pop()
            self.nodes.append(node)
            if isinstance(node, _NESTED):
                continue
            if isinstance(node, ast.Await):
                self.awaited.add(id(node.value))
            elif isinstance(node, ast.AsyncWith):  # async with session.get(url) as answer
                self.awaited |= {id(i.context_expr) for i in node.items}
            elif isinstance(node, ast.comprehension):
                self.shadowed |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
            todo.extend(ast.iter_child_nodes(node))


def spots_of(body: Scope | Anonymous, names: Names) -> Iterator[Spot]:
    """The calls that running a function makes, those that can be followed."""
    scope = body.scope if isinstance(body, Anonymous) else body
    around = Surroundings(body.node.body if isinstance(body, Anonymous) else body.node or ast.Pass())
    shadowed = around.shadowed | (_parameters(body.node) if isinstance(body, Anonymous) else set())
    calls = _calls_of_lambda(around) if isinstance(body, Anonymous) else _calls(body)
    found = [(n, p, names.origin(n.func, scope)) for n, p in calls if _base(n.func) not in shadowed]
    handed = {id(inner) for node, _, target in found if _hands_over(node, target)
              for value in [*node.args, *(k.value for k in node.keywords)] for inner in ast.walk(value)}
    for node, place, target in found:
        if target is not None:
            yield Spot(node, target, id(node) in around.awaited, place.reach == "yes", id(node) in handed)


def _calls(scope: Scope) -> Iterator[tuple[ast.Call, Place]]:
    for site in scope.sites:
        if isinstance(site.node, ast.Call) and site.place.reach not in ("unreachable", "function"):
            yield site.node, site.place


def _calls_of_lambda(around: Surroundings) -> Iterator[tuple[ast.Call, Place]]:
    return ((node, Place()) for node in around.nodes if isinstance(node, ast.Call))


def _parameters(node: ast.Lambda) -> set[str]:
    return {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}


def _base(expr: ast.expr) -> str:
    """The name that a chain of attributes, calls and subscripts starts with."""
    while isinstance(expr, (ast.Attribute, ast.Call, ast.Subscript)):
        expr = expr.func if isinstance(expr, ast.Call) else expr.value
    return expr.id if isinstance(expr, ast.Name) else ""


def _hands_over(node: ast.Call, target: Origin | None) -> bool:
    if isinstance(target, External):
        return bool(HANDS_OVER.fullmatch(target.path))
    return isinstance(node.func, ast.Attribute) and node.func.attr in ("run_in_executor", "submit", "add_task")


def is_lock(expr: ast.expr, scope: Scope, names: Names) -> bool:
    """True for a lock, by what it is or, when that cannot be told, by what it is called."""
    found = names.origin(expr, scope)
    if isinstance(found, External) and found.root != "builtins":
        return found.path.startswith(_LOCKS)
    text = expr.attr if isinstance(expr, ast.Attribute) else _base(expr)
    return any(word in text.lower() for word in ("lock", "mutex", "sem"))


def runs_inline(function: Scope, names: Names) -> bool:
    """True unless a decorator may run a plain function elsewhere (in a thread, a worker, a task)."""
    node = function.node
    if node is None or isinstance(node, ast.AsyncFunctionDef):
        return True
    return all(_is_inline(d, function, names) for d in node.decorator_list)


_INLINE = frozenset({
    "functools.lru_cache", "functools.cache", "functools.wraps", "functools.cached_property", "torch.no_grad",
    "torch.inference_mode", "torch.autocast", "torch.compile", "spaces.GPU", "contextlib.contextmanager",
    "builtins.staticmethod", "builtins.classmethod", "builtins.property", "tenacity.retry", "abc.abstractmethod",
})


def _is_inline(decorator: ast.expr, function: Scope, names: Names) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    made = names.origin(target, function.parent or function)
    if isinstance(made, External):
        return made.path in _INLINE or made.is_gradio
    wrapper = wrapper_of(decorator, function.parent or function, names)
    return wrapper is not None and wrapper.direct and not isinstance(wrapper.function.node, ast.AsyncFunctionDef)


def own_target(spot: Spot, names: Names) -> Scope | None:
    """The own function that a call runs where it stands, None for any other call."""
    target: Origin | None = spot.target
    if isinstance(target, Class):
        target = names.member(target, "__init__")
    elif isinstance(target, Instance):
        target = names.member(target.cls, "__call__")
    if not isinstance(target, Scope) or target.node is None:
        return None
    if isinstance(target.node, ast.AsyncFunctionDef):
        return None if spot.handed else target
    if spot.awaited and target.node.decorator_list:
        return None
    return target if runs_inline(target, names) else None


def library_path(spot: Spot, names: Names) -> str:
    """The path of the library code that a call runs, "" for own code. An own class may inherit from a library's."""
    target: Origin | None = spot.target
    if isinstance(target, Instance):
        target = names.member(target.cls, "__call__")
    elif isinstance(target, Class):
        target = names.member(target, "__init__")
    return target.path if isinstance(target, External) else ""


_CACHES = frozenset({"functools.lru_cache", "functools.cache", "gradio.cache", "joblib.Memory().cache"})


def is_cached(function: Scope, names: Names) -> bool:
    """True when a decorator makes a function run once only (per arguments)."""
    for decorator in function.node.decorator_list if function.node else ():
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        made = names.origin(target, function.parent or function)
        text = target.attr if isinstance(target, ast.Attribute) else _base(target)
        if (isinstance(made, External) and made.path in _CACHES) or "cache" in text.lower() or "once" in text.lower():
            return True
    return False


def kept_for_later(call: ast.AST, body: Scope | Anonymous) -> bool:
    """True when what a call makes may outlive the function (a global, an attribute, a container), or be a cache's."""
    if isinstance(body, Anonymous) or body.node is None:
        return False
    nodes = Surroundings(body.node).nodes
    line = getattr(call, "lineno", 0)
    if any(isinstance(n, ast.Return) and n.lineno < line for n in nodes):
        return True  # found already, mostly
    outer = {name for n in nodes if isinstance(n, (ast.Global, ast.Nonlocal)) for name in n.names}
    made = {id(call)}
    assigned = [n for n in nodes if isinstance(n, (ast.Assign, ast.AnnAssign)) and n.value is not None]
    local: set[str] = set()
    for node in sorted(assigned, key=lambda n: n.lineno):
        value = node.value
        parts = [] if value is None else list(ast.walk(value))
        if any(id(p) in made or (isinstance(p, ast.Name) and p.id in local and p is value) for p in parts):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_outlives(t, outer) for t in targets):
                return True
            local |= {t.id for t in targets if isinstance(t, ast.Name)}
    return False


def _outlives(target: ast.expr, outer: set[str]) -> bool:
    if isinstance(target, (ast.Tuple, ast.List)):
        return any(_outlives(t, outer) for t in target.elts)
    return isinstance(target, (ast.Attribute, ast.Subscript)) or (isinstance(target, ast.Name) and target.id in outer)
