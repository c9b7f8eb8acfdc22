"""Handlers that change what all users share, without a lock around it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gradio_doctor.evidence import Call, Handler, Location, SharedWrite
from gradio_doctor.evidence.source import SharedKind
from gradio_doctor.probes.redact import redact_text
from gradio_doctor.probes.source.handlers import Root
from gradio_doctor.probes.source.names import Anonymous, Names, Parameter
from gradio_doctor.probes.source.scopes import Scope
from gradio_doctor.probes.source.shared_names import Shared, SharedNames
from gradio_doctor.probes.source.spots import Surroundings, is_lock
from gradio_doctor.probes.source.told import mentions, told_names
from gradio_doctor.probes.source.wrappers import wrapper_of

_ADDING = frozenset({"append", "extend", "insert", "add", "appendleft", "extendleft"})
Visited = dict[int, tuple[Scope, list[Root]]]


@dataclass(frozen=True, slots=True)
class _Write:
    """One change of a shared object in a function."""

    shared: Shared
    kind: SharedKind
    node: ast.AST


@dataclass(slots=True)
class _Function:
    """What is known of one function before its changes are judged."""

    scope: Scope
    nodes: list[ast.AST]
    declared: frozenset[str]
    told: set[str]  # names that hold what a user sent
    guarded: set[tuple[int, str]] = field(default_factory=set)  # shared objects that a condition asks about
    locked: set[int] = field(default_factory=set)


def read_shared(visited: Visited, names: Names, calls: Iterable[Call]) -> Iterator[SharedWrite]:
    """The changes of shared objects in the functions that handlers come to (`visited`), in source order."""
    resolver = SharedNames(names, [scope for scope, _ in visited.values()])
    scopes = [scope for scope, _ in visited.values() if scope.node is not None]
    handlers = {id(body) for _, roots in visited.values() for r in roots for body in (r.body, *r.wrapped)}
    told = told_names(scopes, handlers, names)
    functions = [_function(scope, names, told[id(scope)]) for scope in scopes]
    covered = {id(t) for f in functions for t in _called_under_lock(f, names)}
    covered |= {id(f.scope) for f in functions if _decorated_with_lock(f.scope, names)}
    covered |= {id(b) for _, roots in visited.values() for r in roots if _calls_given(r.body, names) for b in r.wrapped}
    read = {key for f in functions for key in _read_keys(f, resolver)}
    crowded = _crowded([c for c in calls if c.name == "queue"])
    for function in sorted(functions, key=lambda f: (f.scope.module.path, f.scope.node.lineno if f.scope.node else 0)):
        if id(function.scope) in covered or function.locked == {-1}:
            continue
        roots = visited[id(function.scope)][1]
        tests = [n.test for n in function.nodes if isinstance(n, (ast.If, ast.IfExp))]
        function.guarded |= {k for t in tests for k in _keys(ast.walk(t), function, resolver)}
        done: set[tuple[object, ...]] = set()
        for write in _writes(function, resolver):
            key = (write.shared.key, write.kind)
            if id(write.node) not in function.locked and key not in done:
                done.add(key)
                yield _found(write, function, roots, crowded, write.shared.key in read)


def _function(scope: Scope, names: Names, told: set[str]) -> _Function:
    nodes = Surroundings(scope.node or ast.Pass()).nodes
    declared = frozenset(n for node in nodes if isinstance(node, (ast.Global, ast.Nonlocal)) for n in node.names)
    found = _Function(scope, nodes, declared, told)
    for node in nodes:
        if isinstance(node, (ast.With, ast.AsyncWith)) and _locks(node, scope, names):
            found.locked |= {id(inner) for stmt in node.body for inner in ast.walk(stmt)}
        if isinstance(node, ast.Attribute) and node.attr == "acquire" and is_lock(node.value, scope, names):
            found.locked = {-1}  # by hand: up to where cannot be told
            break
    return found


def _locks(node: ast.With | ast.AsyncWith, scope: Scope, names: Names) -> bool:
    return any(is_lock(item.context_expr, scope, names) for item in node.items)


def _called_under_lock(function: _Function, names: Names) -> Iterator[Scope]:
    for node in function.nodes:
        if isinstance(node, ast.Call) and (id(node) in function.locked or function.locked == {-1}):
            target = names.origin(node.func, function.scope)
            if isinstance(target, Scope):
                yield target


def _decorated_with_lock(scope: Scope, names: Names) -> bool:
    """True when a decorator lets one caller in at a time."""
    decorators = scope.node.decorator_list if scope.node else []
    wrappers = (wrapper_of(d, scope.parent or scope, names) for d in decorators)
    return any(w is not None and _calls_given(w.function, names) for w in wrappers)


def _calls_given(body: Scope | Anonymous, names: Names) -> bool:
    """True when a wrapper calls the function that it was given under a lock."""
    if isinstance(body, Anonymous) or body.node is None:
        return False
    wrapper = _function(body, names, set())
    under = (n for n in wrapper.nodes if id(n) in wrapper.locked or wrapper.locked == {-1})
    return any(isinstance(n, ast.Call) and isinstance(names.origin(n.func, body), Parameter) for n in under)


def _read_keys(function: _Function, resolver: SharedNames) -> Iterator[tuple[int, str]]:
    """The shared objects that a function reads, other than to change them."""
    changed = {id(n.func.value) for n in function.nodes if isinstance(n, ast.Call)
               and isinstance(n.func, ast.Attribute) and n.func.attr in _ADDING}
    return _keys((n for n in function.nodes if id(n) not in changed), function, resolver)


def _keys(nodes: Iterable[ast.AST], function: _Function, resolver: SharedNames) -> Iterator[tuple[int, str]]:
    """The shared objects that are read among some pieces of code."""
    for node in nodes:
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            shared = resolver.of(node, function.scope, function.declared)
            if shared is not None:
                yield shared.key


def _writes(function: _Function, resolver: SharedNames) -> Iterator[_Write]:
    for node in function.nodes:
        resolver.names.program.clock.check()
        if isinstance(node, ast.AugAssign):
            yield from _augmented(node, function, resolver)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _assigned(node, target, function, resolver)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _adds(node.func):
            shared = resolver.of(node.func.value, function.scope, function.declared)
            told = any(mentions(a, function.told) for a in node.args)
            if told and shared is not None and resolver.is_container(shared):
                yield _Write(shared, "content", node)


def _adds(func: ast.Attribute) -> bool:
    return func.attr in _ADDING


def _place(target: ast.expr, function: _Function, resolver: SharedNames) -> Shared | None:
    """The shared object that an assignment changes: a declared global, an attribute, a fixed key of a container."""
    if isinstance(target, ast.Name):
        if target.id not in function.declared:
            return None
        return resolver.of(target, function.scope, function.declared)
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        shared = resolver.of(target.value, function.scope, function.declared)
        return shared if shared is not None and resolver.is_container(shared) else None
    return resolver.of(target, function.scope, function.declared) if isinstance(target, ast.Attribute) else None


def _augmented(node: ast.AugAssign, function: _Function, resolver: SharedNames) -> Iterator[_Write]:
    shared = _place(node.target, function, resolver)
    if shared is None:
        return
    if isinstance(node.target, ast.Subscript) or not resolver.is_container(shared):
        yield _Write(shared, "update", node)
    elif mentions(node.value, function.told):
        yield _Write(shared, "content", node)


def _assigned(node: ast.Assign, target: ast.expr, function: _Function, resolver: SharedNames) -> Iterator[_Write]:
    shared = _place(target, function, resolver)
    if shared is None:
        return
    if "cache" in shared.name.lower() or shared.key in function.guarded:
        yield _Write(shared, "once", node)
    elif shared.key in _keys(ast.walk(node.value), function, resolver):
        yield _Write(shared, "update", node)
    elif mentions(node.value, function.told):
        yield _Write(shared, "replace", node)


def _crowded(queues: list[Call]) -> bool:
    """True when queue() lets one function run several times at once."""
    settings = [s for c in queues for name in ("default_concurrency_limit", "concurrency_count") if (s := c.get(name))]
    return any(_more_than_one(s.value if s.known else s.default, s.known) for s in settings)


def _more_than_one(value: object, known: bool) -> bool:
    if value is None:
        return known
    return isinstance(value, int) and not isinstance(value, bool) and value > 1


def at_once(handler: Handler, crowded: bool) -> bool:
    """True when Gradio (or FastAPI) runs a function several times at once, each in a thread of its own."""
    if handler.event in ("route", "middleware"):
        return True
    queue, limit = handler.get("queue"), handler.get("concurrency_limit")
    if queue is not None and queue.value is False:
        return True
    if limit is not None and (limit.known or limit.default is not None) and limit.value != "default":
        return _more_than_one(limit.value if limit.known else limit.default, limit.known)
    return crowded


def _found(write: _Write, function: _Function, roots: list[Root], crowded: bool, read: bool) -> SharedWrite:
    scope, shared = function.scope, write.shared
    threads = [r for r in roots if not r.handler.is_async]
    several = len({id(r.body) for r in threads}) > 1 or any(at_once(r.handler, crowded) for r in threads)
    handlers = tuple(dict.fromkeys(r.handler for r in roots))
    line = getattr(write.node, "lineno", 0)
    return SharedWrite(
        shared.name, write.kind, _location(scope, line, scope.name),
        _location(shared, shared.line, ""), handlers, concurrent=several and bool(threads), read=read,
    )


def _location(at: Scope | Shared, line: int, function: str) -> Location:
    lines = at.module.parsed.lines
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return Location(at.module.path, line, function, redact_text(text)[:200])
