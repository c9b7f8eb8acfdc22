"""Where the source ends the program by itself: sys.exit(), exit(), os._exit(), raise SystemExit."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gradio_doctor.evidence.source import Exit
from gradio_doctor.probes.redact import redact_text
from gradio_doctor.probes.source.code import text_of
from gradio_doctor.probes.source.constants import Constants
from gradio_doctor.probes.source.names import External
from gradio_doctor.probes.source.reach import reach_of
from gradio_doctor.probes.source.scopes import Scope

_EXITS = frozenset({"builtins.exit", "builtins.quit", "builtins.SystemExit", "sys.exit", "os._exit"})


def read_exits(scope: Scope, constants: Constants) -> Iterator[Exit]:
    """The calls of a scope that end the program, where it comes to them at all, in source order."""
    for site in scope.sites:
        if not isinstance(site.node, ast.Call) or not isinstance(site.node.func, (ast.Name, ast.Attribute)):
            continue
        reach = reach_of(site.place, scope)
        if reach != "unreachable" and _path(site.node.func, scope, constants) in _EXITS:
            text = redact_text(text_of(site.node, scope.module))
            yield Exit(scope.module.path, site.node.lineno, reach, _status(site.node, scope, constants), text)


def _path(function: ast.expr, scope: Scope, constants: Constants) -> str:
    found = constants.names.origin(function, scope)
    return found.path if isinstance(found, External) else ""


def _status(call: ast.Call, scope: Scope, constants: Constants) -> int | None:
    """The exit status: 0 for none, 1 for a text (Python prints it), the lower byte of a number; None: not told."""
    if not call.args:
        return 0
    reading = constants.read(call.args[0], scope)
    if isinstance(call.args[0], ast.JoinedStr) or (reading.known and isinstance(reading.value, str)):
        return 1
    if not reading.known:
        return None
    return 0 if reading.value is None else int(reading.value) & 0xFF if isinstance(reading.value, int) else 1
