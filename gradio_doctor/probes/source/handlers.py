"""The functions that Gradio calls on events, and whether they run on the event loop (async) or in a thread."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gradio_doctor.evidence.source import Handler
from gradio_doctor.probes.source.calls import listener_settings
from gradio_doctor.probes.source.code import text_of
from gradio_doctor.probes.source.constants import Constants
from gradio_doctor.probes.source.names import Anonymous, External, Instance, Names, Origin, Parameter
from gradio_doctor.probes.source.scopes import Class, Decorated, Scope
from gradio_doctor.probes.source.vocabulary import AMBIGUOUS, LISTENER_KEYWORDS, LISTENERS, MAKERS
from gradio_doctor.probes.source.wrappers import made_by, wrapper_of

MAX_CHOICES = 20  # functions that one `fn=` may stand for


@dataclass(frozen=True, slots=True)
class Root:
    """A handler and the code that it runs."""

    handler: Handler
    body: Scope | Anonymous
    wrapped: tuple[Scope | Anonymous, ...] = ()  # what `wrap(f)` was given, when the wrapper calls that where it runs


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A place where a handler is expected."""

    event: str
    expr: ast.expr


def read_roots(scope: Scope, constants: Constants, unread: list[str]) -> Iterator[Root]:
    """The handlers that a scope registers, in source order, each with its code."""
    names = constants.names
    for site in scope.sites:
        if site.place.reach == "unreachable":
            continue
        found: Iterable[Root] = ()
        call: ast.AST = site.node
        if isinstance(site.node, Decorated):
            call = site.node.decorator
            event = _decorator_event(site.node.decorator, scope, names)
            found = [root_of(site.node.function, event, names)] if event else ()
        elif isinstance(site.node, ast.Call):
            found = [r for wanted in _wanted(site.node, scope, names) for r in _resolve(wanted, scope, names, unread)]
        settings = listener_settings(call, scope, constants) if found and isinstance(call, ast.Call) else ()
        yield from (replace(r, handler=replace(r.handler, settings=settings)) for r in found)


def _wanted(call: ast.Call, scope: Scope, names: Names) -> Iterator[_Wanted]:
    func = call.func
    if isinstance(func, ast.Attribute) and func.attr in LISTENERS and _is_listener(call, func, scope, names):
        for event, expr in ((func.attr, argument(call, 0, "fn")), ("validator", argument(call, -1, "validator"))):
            if expr is not None:
                yield _Wanted(event, expr)
        return
    if not isinstance(func, (ast.Name, ast.Attribute)):
        return
    made = names.origin(func, scope)
    if not isinstance(made, External) or not made.is_gradio or "(" in made.path:
        return
    last = made.path.rpartition(".")[2]
    if last in MAKERS:
        expr = argument(call, MAKERS[last], "fn")
        if expr is not None:
            yield _Wanted(last, expr)
    elif last[:1].isupper():
        yield from _computed_value(call, scope, names)


def _computed_value(call: ast.Call, scope: Scope, names: Names) -> Iterator[_Wanted]:
    """A function as a component's value is called when the page loads (and every so often), others by its script."""
    served = argument(call, -1, "server_functions")
    if served is not None:
        yield _Wanted("server_function", served)
    expr = argument(call, 0, "value")
    if isinstance(expr, (ast.Name, ast.Lambda, ast.Attribute)):
        found = names.origin(expr, scope)
        if isinstance(found, (Scope, Anonymous)):
            yield _Wanted("load", expr)


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """An argument by name or position. None when it is not given, or given as None."""
    found = next((k.value for k in call.keywords if k.arg == name), None)
    if found is None and 0 <= position < len(call.args):
        found = call.args[position]
        if any(isinstance(a, ast.Starred) for a in call.args[: position + 1]):
            return None
    return None if isinstance(found, ast.Constant) else found


def _is_listener(call: ast.Call, func: ast.Attribute, scope: Scope, names: Names) -> bool:
    """True when `.click(...)` and the like is one of Gradio: its object is, or the arguments look so."""
    owner = names.origin(func.value, scope)
    if isinstance(owner, External):
        return owner.is_gradio and "(" in owner.path
    if isinstance(owner, Instance):
        member = names.member(owner.cls, func.attr)
        return isinstance(member, External) and member.is_gradio
    if owner is not None and not isinstance(owner, Parameter):
        return False
    if any(k.arg in LISTENER_KEYWORDS for k in call.keywords):
        return True
    first = argument(call, 0, "fn")
    if first is None or not isinstance(names.origin(first, scope), (Scope, Anonymous)):
        return False
    return func.attr not in AMBIGUOUS or (len(call.args) >= 2 and _is_components(call.args[1]))


def _is_components(expr: ast.expr) -> bool:
    """True for what stands where inputs stand: a list, or None."""
    return isinstance(expr, (ast.List, ast.Set)) or (isinstance(expr, ast.Constant) and expr.value is None)


def _decorator_event(decorator: ast.expr, scope: Scope, names: Names) -> str:
    """The event that a decorator registers its function for, "" for another decorator."""
    call = decorator if isinstance(decorator, ast.Call) else ast.Call(func=decorator, args=[], keywords=[])
    if isinstance(call.func, ast.Attribute) and call.func.attr in LISTENERS:
        owner = names.origin(call.func.value, scope)
        if isinstance(owner, External):
            return call.func.attr if owner.is_gradio and "(" in owner.path else ""
        looks_so = any(k.arg in LISTENER_KEYWORDS for k in call.keywords)
        return call.func.attr if looks_so and (owner is None or isinstance(owner, Parameter)) else ""
    made = names.origin(call.func, scope)
    if isinstance(made, External) and made.root == "gradio" and "(" not in made.path:
        last = made.path.rpartition(".")[2]
        return last if last in ("on", "render", "api") else ""
    return ""


def _resolve(wanted: _Wanted, scope: Scope, names: Names, unread: list[str]) -> Iterator[Root]:
    for expr in _choices(wanted.expr):
        found = names.origin(expr, scope)
        root = _root(found, wanted.event, names, _is_partial(expr, scope, names))
        if root is not None:
            yield replace(root, wrapped=tuple(_wrapped(expr, scope, names)))
        else:
            place = names.program.place(scope.module, expr.lineno)
            text = text_of(expr, scope.module)
            unread.append(f"{place}: the handler of {wanted.event} is {text}, {_why(found)}")


def _wrapped(expr: ast.expr, scope: Scope, names: Names) -> Iterator[Scope | Anonymous]:
    """The function that `btn.click(wrap(f))` hands to an own wrapper which calls it itself."""
    if isinstance(expr, ast.Call) and expr.args:
        factory = names.origin(expr.func, scope)
        wrapper = made_by(factory, names) if isinstance(factory, Scope) else None
        found = names.origin(expr.args[0], scope) if wrapper is not None and wrapper.direct else None
        if isinstance(found, (Scope, Anonymous)):
            yield found


def _choices(expr: ast.expr) -> list[ast.expr]:
    """The expressions that `a if x else b` or a list of functions stands for."""
    found: list[ast.expr] = []
    todo = [expr]
    while todo and len(found) < MAX_CHOICES:
        one = todo.pop(0)
        if isinstance(one, ast.IfExp):
            todo[:0] = [one.body, one.orelse]
        elif isinstance(one, (ast.List, ast.Tuple)):
            todo[:0] = one.elts
        elif not isinstance(one, ast.Constant):
            found.append(one)
    return found


def _why(found: Origin | None) -> str:
    if isinstance(found, External):
        return "which is not in the app's own files"
    return "a parameter" if isinstance(found, Parameter) else "which could not be followed"


def _is_partial(expr: ast.expr, scope: Scope, names: Names) -> bool:
    """True when an expression that is a call makes a function: `partial(f, 1)`, or an own function that returns one."""
    if not isinstance(expr, ast.Call):
        return True
    function = names.origin(expr.func, scope)
    return isinstance(function, (External, Scope, Class, Instance))


def _root(found: Origin | None, event: str, names: Names, callable_: bool) -> Root | None:
    if isinstance(found, Scope) and callable_:
        return root_of(found, event, names)
    if isinstance(found, Anonymous):  # Gradio runs it in a thread, even when it returns a coroutine
        path, line, end = found.scope.module.path, found.node.lineno, found.node.end_lineno or 0
        return Root(Handler("<lambda>", path, line, False, event, end), found)
    if isinstance(found, Instance):  # likewise for an object, even when its __call__ is async
        method = names.member(found.cls, "__call__")
        if isinstance(method, Scope) and method.node:
            root = root_of(method, event, names)
            return Root(replace(root.handler, name=f"{found.cls.node.name}.__call__", is_async=False), method)
    return None


def root_of(function: Scope, event: str, names: Names) -> Root:
    """An own function as a handler. Async as inspect sees it: an own decorator may put another one in its place."""
    node = function.node
    assert node is not None  # noqa: S101  a module is no handler
    is_async, last = isinstance(node, ast.AsyncFunctionDef), None
    for decorator in reversed(node.decorator_list):
        wrapper = wrapper_of(decorator, function.parent or function, names)
        if wrapper is not None:
            last, is_async = wrapper, isinstance(wrapper.function.node, ast.AsyncFunctionDef)
    handler = Handler(node.name, function.module.path, node.lineno, is_async, event, node.end_lineno or 0)
    if last is None or last.direct:
        return Root(handler, function)
    return Root(handler, last.function)  # the wrapper has the function run elsewhere
