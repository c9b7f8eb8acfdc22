"""The routes and middleware of the web app around Gradio (FastAPI, Starlette), which share its event loop."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gradio_doctor.probes.source.calls import configures
from gradio_doctor.probes.source.handlers import Root, argument, root_of
from gradio_doctor.probes.source.names import External, Names
from gradio_doctor.probes.source.scopes import Class, Decorated, Scope
from gradio_doctor.probes.source.vocabulary import ROUTE_ADDERS, ROUTES

_APPS = frozenset({
    "fastapi.FastAPI()", "fastapi.applications.FastAPI()", "fastapi.APIRouter()", "fastapi.routing.APIRouter()",
    "starlette.applications.Starlette()", "gradio.Server()", "gradio.routes.App()",
})
_ROUTE_CLASSES = frozenset({
    "starlette.routing.Route", "starlette.routing.WebSocketRoute", "fastapi.routing.APIRoute",
})


def read_routes(scope: Scope, names: Names) -> Iterator[Root]:
    """The routes and middleware that a scope registers, in source order."""
    for site in scope.sites:
        if site.place.reach == "unreachable":
            continue
        if isinstance(site.node, Decorated):
            event = _decorator_event(site.node.decorator, scope, names)
            if event:
                yield root_of(site.node.function, event, names)
        elif isinstance(site.node, ast.Call):
            yield from _handed(site.node, scope, names)
            if isinstance(site.node.func, ast.Attribute):
                yield from _added(site.node, site.node.func, scope, names)


def _is_app(expr: ast.expr, scope: Scope, names: Names) -> bool:
    owner = names.origin(expr, scope)
    if not isinstance(owner, External):
        return False
    launched = owner.is_gradio and owner.path.endswith(("launch()[0]", ".app", "mount_gradio_app()"))
    return owner.path in _APPS or launched


def _decorator_event(decorator: ast.expr, scope: Scope, names: Names) -> str:
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
        return ""
    method = decorator.func.attr
    if method == "api":
        owner = names.origin(decorator.func.value, scope)
        return "api" if isinstance(owner, External) and owner.path == "gradio.Server()" else ""
    if method not in ROUTES or not _is_app(decorator.func.value, scope, names):
        return ""
    return "middleware" if method == "middleware" else "route"


def _handed(call: ast.Call, scope: Scope, names: Names) -> Iterator[Root]:
    """`launch(auth=f)`, `mount_gradio_app(auth_dependency=f)` and `Route("/x", f)` of Starlette."""
    taken: list[tuple[str, ast.expr | None]] = []
    if any(k.arg in ("auth", "auth_dependency") for k in call.keywords):
        if configures(call, scope, names) in ("launch", "mount_gradio_app"):
            taken = [(name, argument(call, -1, name)) for name in ("auth", "auth_dependency")]
    elif isinstance(call.func, (ast.Name, ast.Attribute)):
        made = names.origin(call.func, scope)
        if isinstance(made, External) and made.path in _ROUTE_CLASSES:
            taken = [("route", argument(call, 1, "endpoint"))]
    for event, expr in taken:
        found = names.origin(expr, scope) if expr is not None and not isinstance(expr, ast.Call) else None
        if isinstance(found, Scope) and found.node is not None:
            yield root_of(found, event, names)


def _added(call: ast.Call, func: ast.Attribute, scope: Scope, names: Names) -> Iterator[Root]:
    if func.attr not in ROUTE_ADDERS and func.attr != "add_middleware":
        return
    if not _is_app(func.value, scope, names):
        return
    if func.attr == "add_middleware":
        yield from _middleware(call, scope, names)
        return
    expr = argument(call, ROUTE_ADDERS[func.attr], "endpoint")
    found = names.origin(expr, scope) if expr is not None and not isinstance(expr, ast.Call) else None
    if isinstance(found, Scope):
        yield root_of(found, "route", names)


def _middleware(call: ast.Call, scope: Scope, names: Names) -> Iterator[Root]:
    """`add_middleware(Class)` runs the class's dispatch() or __call__(), `dispatch=f` runs that function."""
    expr = argument(call, 0, "middleware_class")
    found = names.origin(expr, scope) if expr is not None else None
    handed = argument(call, -1, "dispatch")
    function = names.origin(handed, scope) if handed is not None else None
    candidates = [function]
    if isinstance(found, Class):
        candidates += [found.methods.get("dispatch"), found.methods.get("__call__")]
    for one in candidates:
        if isinstance(one, Scope) and one.node is not None:
            yield root_of(one, "middleware", names)
