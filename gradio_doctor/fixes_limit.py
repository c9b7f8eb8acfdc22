"""A time limit for calls that would wait for another machine for ever."""

from __future__ import annotations

import ast

from gradio_doctor.fixes_names import dotted
from gradio_doctor.fixes_patch import Edit, Module

SECONDS = 30
_VERBS = ("get", "post", "put", "delete", "head", "patch", "options", "request")
_UNLIMITED = {"urllib.request.urlopen": 2} | {f"requests.{verb}": 3 for verb in _VERBS}  # most positional arguments
_LIMITED = frozenset(f"httpx.{verb}" for verb in (*_VERBS, "stream"))  # 5 seconds, unless it says None


def limited(module: Module, line: int) -> list[Edit]:
    """`timeout=30` for the one request that a line makes; [] when there is none without, or more than one."""
    calls = [n for n in ast.walk(module.tree) if isinstance(n, ast.Call) and n.lineno <= line <= (n.end_lineno or 0)]
    known = [(c, name) for c in calls if (name := dotted(module.tree, c.func)) in _UNLIMITED or name in _LIMITED]
    return _with_limit(module, *known[0]) if len(known) == 1 else []


def _with_limit(module: Module, call: ast.Call, name: str) -> list[Edit]:
    given = next((k for k in call.keywords if k.arg == "timeout"), None)
    if given is not None:
        unlimited = isinstance(given.value, ast.Constant) and given.value.value is None
        return [Edit(*module.span(given.value), str(SECONDS))] if unlimited else []
    starred = any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords)
    values = [*call.args, *(k.value for k in call.keywords)]
    if starred or not values or len(call.args) > _UNLIMITED.get(name, 0):
        return []
    after = max(module.span(value)[1] for value in values)
    end = module.span(call)[1] - 1
    simple = after <= end and module.text[after:end].strip() in ("", ",")  # a generator shares the call's parentheses
    return [Edit(after, after, f", timeout={SECONDS}")] if simple else []
