"""Getting blocking work off the event loop: a plain def, asyncio.sleep, or a worker thread."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from gradio_doctor.fixes_names import Function, around, defined, dotted, is_rebound, modules, own
from gradio_doctor.fixes_patch import Edit, Module

_ASYNC_DEF = re.compile(r"async[ \t]{1,8}(?=def\b)")
_AWAITS = (ast.Await, ast.AsyncFor, ast.AsyncWith)
_NOT_SIMPLE = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.Lambda, ast.comprehension)
_LISTENERS = frozenset({"on", "render", "then", "success", "failure"})
_ROUTES = frozenset({"get", "post", "put", "delete", "patch", "head", "options", "api_route"})
_NEEDS_LOOP = frozenset({"asyncio", "anyio", "trio"})
_NEEDS_ITS_THREAD = frozenset({"sqlite3", "tkinter", "playwright", "selenium"})  # objects of one thread only


def plain_def(module: Module, line: int, event: str, elsewhere: Iterable[Module] = ()) -> list[Edit]:
    """`def` for the `async def` around a line, that Gradio calls on an event; [] unless it surely may be one.

    It may when it awaits nothing, needs no loop, nobody else calls it, and its decorators take either kind.
    """
    functions = around(module.tree, line)
    node = next((f for f in functions if isinstance(f, ast.AsyncFunctionDef)), None)
    if node is None or event == "middleware" or node.name.startswith("__"):
        return []
    if any(map(_awaits, own(node))) or any(map(_uses_loop, ast.walk(node))):
        return []
    if not all(_takes_both(d, event) for d in node.decorator_list):
        return []
    if any(_calls(m.tree, node.name) for m in (module, *elsewhere)) or _namesakes(module, node.name) > 1:
        return []
    start = module.span(node)[0]
    found = _ASYNC_DEF.match(module.text, start)
    return [Edit(start, found.end(), "")] if found else []


def _awaits(node: ast.AST) -> bool:
    return isinstance(node, _AWAITS) or (isinstance(node, ast.comprehension) and bool(node.is_async))


def _uses_loop(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in _NEEDS_LOOP


def _takes_both(decorator: ast.expr, event: str) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr in {event} | _LISTENERS | _ROUTES


def _calls(tree: ast.Module, name: str) -> bool:
    """True when code itself calls the function, and so expects something to await."""
    calls = (n.func for n in ast.walk(tree) if isinstance(n, ast.Call))
    return any((isinstance(f, ast.Name) and f.id == name) or (isinstance(f, ast.Attribute) and f.attr == name)
               for f in calls)


def _namesakes(module: Module, name: str) -> int:
    return sum(isinstance(n, Function) and n.name == name for n in ast.walk(module.tree))


def awaited(module: Module, line: int, *, threads: bool = True) -> list[Edit]:
    """`await` and a thread (or asyncio.sleep) for the one call of a line of an `async def`; [] unless that is certain.

    `threads` is False for a Python that has no asyncio.to_thread (before 3.9).
    """
    functions = around(module.tree, line)
    if not functions or not isinstance(functions[0], ast.AsyncFunctionDef):
        return []
    call = _only_call(functions[0], line)
    if call is None:
        return []
    edits, asyncio = _rewritten(module, call, threads=threads), _import_asyncio(module)
    return edits + asyncio if edits and asyncio is not None else []


def _only_call(node: Function, line: int) -> ast.Call | None:
    """The call of a statement `f(x)`, `y = f(x)` or `return f(x)` that is one line with nothing else called in it."""
    for one in own(node):
        if not isinstance(one, ast.Expr | ast.Assign | ast.Return) or (one.lineno, one.end_lineno) != (line, line):
            continue
        inner = [n for n in ast.walk(one) if isinstance(n, _NOT_SIMPLE)]
        if isinstance(one.value, ast.Call) and inner == [one.value]:
            return one.value
    return None


def _rewritten(module: Module, call: ast.Call, *, threads: bool) -> list[Edit]:
    start, end = module.span(call)
    name_end = module.span(call.func)[1]
    if module.span(call.func)[0] != start or module.text[name_end] != "(":
        return []
    arguments = module.text[name_end + 1 : end - 1].strip()
    name = dotted(module.tree, call.func)
    if name == "time.sleep":
        plain = len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Starred)
        return [Edit(start, name_end, "await asyncio.sleep")] if plain else []
    mine = isinstance(call.func, ast.Name) and defined(module.tree, call.func.id) is not None
    of_module = bool(name) and not name.startswith(".") and name.rpartition(".")[2].islower()  # no class, no own module
    if not threads or not (mine or of_module) or modules(module.tree) & _NEEDS_ITS_THREAD:
        return []
    code = module.text[start:name_end]
    return [Edit(start, end, f"await asyncio.to_thread({', '.join(filter(None, [code, arguments]))})")]


def _import_asyncio(module: Module) -> list[Edit] | None:
    """What makes the name asyncio known: [] when it is, None when it is taken by something else."""
    tree = module.tree
    imports = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    aliases = [a for n in imports if isinstance(n, ast.Import) for a in n.names]
    if is_rebound(tree, "asyncio") or any(a.asname == "asyncio" for n in imports for a in n.names):
        return None
    if any(a.name == "asyncio" and a.asname is None for a in aliases):
        return []
    first = next((n for n in imports if not (isinstance(n, ast.ImportFrom) and n.module == "__future__")), None)
    if first is None or first.col_offset:
        return None
    at = module.offset(first.lineno, 0)
    return [Edit(at, at, "import asyncio\n")]
