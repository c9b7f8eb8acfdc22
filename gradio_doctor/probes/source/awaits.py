"""Awaited calls of asynchronous network clients, and how long they may wait."""

from __future__ import annotations

import ast
import math
import re

from gradio_doctor.probes.source.constants import Constants
from gradio_doctor.probes.source.scopes import Scope
from gradio_doctor.probes.source.slow_names import MAX_PATH

_VERBS = "get|post|put|delete|patch|head|options|request"
# How long a call of a library waits when it is not told otherwise, in seconds (httpx 0.28, aiohttp 3.13, openai 2).
_LIMITS: tuple[tuple[str, float], ...] = (
    (rf"httpx\.AsyncClient\(\)\.(?:{_VERBS}|send|stream)", 5.0),
    (rf"aiohttp\.ClientSession\(\)\.(?:{_VERBS})", 300.0),
    (r"(?:openai\.Async(?:Azure)?OpenAI|anthropic\.AsyncAnthropic\w*|groq\.AsyncGroq|together\.AsyncTogether)\(\)"
     r"(?:\.\w+){1,3}\.(?:create|parse|generate|edit|stream)", 600.0),
    (r"litellm\.a(?:completion|embedding)", 600.0),
    (r"huggingface_hub\.AsyncInferenceClient\(\)(?:\.\w+){1,3}", math.inf),
    (r"ollama\.AsyncClient\(\)\.(?:chat|generate|embed|embeddings)", math.inf),
    (r"asyncio\.open_connection\(\)\[0\]\.(?:read|readline|readexactly|readuntil)", math.inf),
    (r"websockets\.(?:\w+\.)*connect\(\)\.recv|aiohttp\.ClientSession\(\)\.ws_connect\(\)\.receive\w*", math.inf),
    (r"asyncpg\.(?:connect|create_pool)\(\)(?:\.acquire\(\))?\.(?:fetch\w*|execute\w*)", math.inf),
    (r"redis\.asyncio\.(?:Redis|StrictRedis|from_url|Redis\.from_url)\(\)\.(?:get|set|blpop|brpop|xread|execute_command)",
     math.inf),
)
_RULES = tuple((re.compile(pattern), limit) for pattern, limit in _LIMITS)
_DEADLINES = frozenset({"timeout", "timeout_at", "fail_after", "move_on_after"})  # of asyncio, anyio, async_timeout


def waits_at_most(path: str, node: ast.Call, scope: Scope, constants: Constants) -> float | None:
    """How long an awaited call may wait, in seconds, infinity for ever; None when it is no network call that is known.

    A limit is looked for in the call, then where its client is made, then in what the library does by itself. One that
    the source does not tell counts as a short one.
    """
    default = next((limit for pattern, limit in _RULES if pattern.fullmatch(path[:MAX_PATH])), None)
    if default is None or _has_deadline(scope):
        return None
    for call in (node, _maker(node, scope, constants)):
        if call is None:
            continue
        if any(k.arg is None for k in call.keywords):
            return 0.0
        given = next((k.value for k in call.keywords if k.arg in ("timeout", "socket_timeout")), None)
        if given is not None:
            return _seconds(given, scope, constants)
    return default


def _seconds(given: ast.expr, scope: Scope, constants: Constants) -> float:
    """A limit as it is given: a number, None for none, or a ClientTimeout or Timeout with its total."""
    if isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute | ast.Name):
        name = given.func.attr if isinstance(given.func, ast.Attribute) else given.func.id
        reads = ("total", "sock_read") if name == "ClientTimeout" else ("read", "timeout")
        parts = [k.value for k in given.keywords if k.arg in reads] + given.args[:1]
        if not parts:
            return math.inf if name == "ClientTimeout" and not given.keywords else 0.0
        return min(_seconds(p, scope, constants) for p in parts)
    reading = constants.read(given, scope)
    if reading.known and reading.value is None:
        return math.inf
    value = reading.likely
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0


def _maker(node: ast.Call, scope: Scope, constants: Constants) -> ast.Call | None:
    """The call that made the client whose method is called, where the source shows it."""
    expr: ast.expr = node.func
    while isinstance(expr, ast.Attribute):
        expr = expr.value
    if isinstance(expr, ast.Name):
        found = constants.names.lookup(expr.id, scope)
        bound = found if isinstance(found, list) else []
        expr = next((b.expr for b in reversed(bound) if b.expr is not None), expr)
    while isinstance(expr, ast.Await):
        expr = expr.value
    return expr if isinstance(expr, ast.Call) and expr is not node else None


def _has_deadline(scope: Scope) -> bool:
    """True when the function sets a deadline for what it awaits."""
    for part in ast.walk(scope.node) if scope.node else ():
        if isinstance(part, ast.With | ast.AsyncWith):
            calls = [i.context_expr for i in part.items if isinstance(i.context_expr, ast.Call)]
            names = {c.func.attr if isinstance(c.func, ast.Attribute) else getattr(c.func, "id", "") for c in calls}
            if names & _DEADLINES:
                return True
    return False
