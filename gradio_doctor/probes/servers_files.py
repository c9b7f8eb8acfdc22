"""What lies beside a server, read as text and never run: gunicorn's configuration file, and the app's module."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from gradio_doctor.evidence.servers import AppObject, ServerOption
from gradio_doctor.probes.redact import redact_value
from gradio_doctor.probes.scripts import absolute
from gradio_doctor.probes.source_text import read_source

_BLOCKS = frozenset({"Blocks", "Interface", "TabbedInterface", "ChatInterface"})
_ASGI = frozenset({"FastAPI", "Starlette", "mount_gradio_app", "Quart", "Sanic", "Litestar", "BlackSheep"})
_WSGI = frozenset({"Flask", "Bottle", "get_wsgi_application", "Dash", "ASGIMiddleware"})
_OPAQUE = ("globals", "locals", "exec", "eval", "setattr", "vars")


def config_file(given: str, directory: str) -> str:
    """The configuration file that gunicorn reads: the one it is given, else ./gunicorn.conf.py; "" for none."""
    name = given.removeprefix("file:") or "./gunicorn.conf.py"
    if name.startswith("python:") or not directory:
        return ""
    try:
        path = absolute(name, directory)
        return path if Path(path).is_file() else ""
    except (OSError, ValueError, RuntimeError):
        return ""


def read_config(path: str) -> dict[str, ServerOption]:
    """The settings of a gunicorn configuration file; empty when it is not there or no Python."""
    tree = _parse(path)
    out: dict[str, ServerOption] = {}
    for node in tree.body if tree else ():
        for name, value in _assigned(node):
            origin = f"{Path(path).name}:{node.lineno}"
            shown, known = _shown(value)
            out[name] = ServerOption(redact_value(name, shown, 300), origin, known)
    return out


def app_object(path: str, name: str) -> AppObject:
    """What a module's top level says an object is: "missing" only when nothing in it could make such a name."""
    if not name.isidentifier():
        return ""
    tree = _parse(path)
    if tree is None:
        return ""
    names, whole = _names(tree)
    if name in names or not whole:
        return names.get(name, "")
    return "" if any(isinstance(n, ast.Call) and _called(n) in _OPAQUE for n in ast.walk(tree)) else "missing"


def asgi_names(path: str) -> tuple[str, ...]:
    """The names of a module that its top level makes ASGI apps: what a server can be told to serve."""
    tree = _parse(path)
    return tuple(n for n, kind in _names(tree)[0].items() if kind == "asgi") if tree else ()


def _names(tree: ast.Module) -> tuple[dict[str, AppObject], bool]:
    """The names that a module's top level makes, and whether these are all of them."""
    names: dict[str, AppObject] = {}
    for node in tree.body:
        if _hides(node):
            return names, False
        names.update(_made(node))
    return names, True


def _parse(path: str) -> ast.Module | None:
    try:
        text = read_source(path)
        return ast.parse(text) if text else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _shown(value: ast.expr) -> tuple[str, bool]:
    """A value, or the code that computes it, and whether it is the value; "?" for what is too deep or too long."""
    try:
        return str(ast.literal_eval(value)), True
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        pass
    try:
        return ast.unparse(value), False
    except (ValueError, RecursionError, MemoryError):
        return "?", False


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((t.id, node.value) for t in node.targets if isinstance(t, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        yield node.target.id, node.value


def _hides(node: ast.stmt) -> bool:
    """True for statements after which a module may have any name: `from x import *`, a module's __getattr__."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return node.name == "__getattr__"
    return any(a.name == "*" for n in ast.walk(node) if isinstance(n, ast.ImportFrom) for a in n.names)


def _made(node: ast.stmt) -> Mapping[str, AppObject]:
    """The names that a statement makes, with what they are; every name that a compound statement mentions."""
    found: dict[str, AppObject] = {}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            found.setdefault(inner.id, "")
        elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.setdefault(inner.name, "")
        elif isinstance(inner, ast.alias):
            found.setdefault((inner.asname or inner.name).partition(".")[0], "")
    if isinstance(node, ast.With):
        found.update({i.optional_vars.id: _kind(i.context_expr) for i in node.items
                      if isinstance(i.optional_vars, ast.Name)})
    found.update({name: _kind(value) for name, value in _assigned(node)})
    return found


def _kind(value: ast.expr) -> AppObject:
    called = _called(value) if isinstance(value, ast.Call) else ""
    if called in _BLOCKS:
        return "blocks"
    return "asgi" if called in _ASGI else "wsgi" if called in _WSGI else ""


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(
        function, ast.Name) else ""
