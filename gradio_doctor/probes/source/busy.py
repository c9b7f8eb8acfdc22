"""Code that keeps its thread to itself without calling a library: long loops, and locks held while awaiting."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import cast

from gradio_doctor.evidence.source import SlowKind
from gradio_doctor.probes.source.constants import Constants
from gradio_doctor.probes.source.names import Anonymous, External, Names
from gradio_doctor.probes.source.scopes import Scope
from gradio_doctor.probes.source.spots import Surroundings

LONG = 2_000_000  # turns of a loop: at least a tenth of a second in CPython
_CLOCKS = frozenset({"time.time", "time.monotonic", "time.perf_counter"})
Found = tuple[ast.AST, str, SlowKind]


def busy_loops(body: Scope | Anonymous, constants: Constants) -> Iterator[Found]:
    """Loops of many turns, or that wait by looking at the clock, and never let the event loop run in between."""
    if isinstance(body, Anonymous) or body.node is None:
        return
    for node in Surroundings(body.node).nodes:
        if isinstance(node, ast.For) and not lets_go(node):
            turns = _turns(node.iter, body, constants)
            if turns >= LONG:
                yield node, f"a loop of {turns:,} turns", "cpu"
        elif isinstance(node, (ast.GeneratorExp, ast.ListComp, ast.SetComp)):
            turns = _turns(node.generators[0].iter, body, constants)
            if turns >= LONG and not lets_go(node):
                yield node, f"a loop of {turns:,} turns", "cpu"
        elif isinstance(node, ast.While) and _looks_at_clock(node, body, constants.names) and not lets_go(node):
            yield node, "a loop that waits by looking at the clock", "cpu"


def lets_go(loop: ast.AST) -> bool:
    """True when code inside awaits or yields, or calls something that may sleep (which is told by itself)."""
    inner = list(ast.walk(loop))
    if any(isinstance(n, (ast.Await, ast.Yield, ast.YieldFrom, ast.AsyncFor, ast.AsyncWith)) for n in inner):
        return True
    breaks = isinstance(loop, ast.For) and any(isinstance(n, (ast.Break, ast.Return)) for n in inner)
    sleeps = any(isinstance(n, ast.Attribute) and n.attr == "sleep" for n in inner)
    return breaks or sleeps or any(isinstance(n, ast.Name) and n.id == "sleep" for n in inner)


def _turns(expr: ast.expr, scope: Scope, constants: Constants) -> int:
    """How many turns `range(N)` makes at least, 0 when the source does not say."""
    if not isinstance(expr, ast.Call) or not expr.args or len(expr.args) > 3:
        return 0
    made = constants.names.origin(expr.func, scope)
    if not isinstance(made, External) or made.path != "builtins.range":
        return 0
    read = [_number(a, scope, constants) for a in expr.args]
    if not all(isinstance(v, int) and not isinstance(v, bool) for v in read):
        return 0
    numbers = cast("list[int]", read)
    if max(map(abs, numbers)) > 2**60 or (len(numbers) == 3 and numbers[2] == 0):
        return 0
    return len(range(*numbers))


def _number(expr: ast.expr, scope: Scope, constants: Constants) -> object:
    """The value of an expression, powers of small numbers included."""
    if isinstance(expr, ast.BinOp) and isinstance(expr.op, ast.Pow):
        base, power = constants.read(expr.left, scope).likely, constants.read(expr.right, scope).likely
        small = isinstance(base, int) and isinstance(power, int) and abs(base) <= 100 and 0 <= power <= 30
        return base**power if small and isinstance(base, int) and isinstance(power, int) else None
    return constants.read(expr, scope).likely


def _looks_at_clock(node: ast.While, scope: Scope, names: Names) -> bool:
    for part in ast.walk(node.test):
        if isinstance(part, ast.Call):
            found = names.origin(part.func, scope)
            if isinstance(found, External) and found.path in _CLOCKS:
                return True
    return False


def locks_across_await(body: Scope | Anonymous, names: Names) -> Iterator[Found]:
    """`with threading.Lock():` around an await: the next one to want the lock stops the loop that would free it."""
    if isinstance(body, Anonymous) or not isinstance(body.node, ast.AsyncFunctionDef):
        return
    for node in Surroundings(body.node).nodes:
        if isinstance(node, ast.With) and any(_is_thread_lock(i.context_expr, body, names) for i in node.items):
            inside = Surroundings(ast.Module(body=node.body, type_ignores=[]))
            if any(isinstance(n, ast.Await) for n in inside.nodes):
                yield node, "a lock of threads, held while awaiting", "lock"


def _is_thread_lock(expr: ast.expr, scope: Scope, names: Names) -> bool:
    found = names.origin(expr, scope)
    locks = ("threading.Lock()", "threading.Semaphore()", "threading.BoundedSemaphore()", "threading.Condition()")
    return isinstance(found, External) and found.path in locks
