"""From each handler through the app's own functions to the library calls that wait or compute for long."""

from __future__ import annotations

import ast
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from gradio_doctor.evidence import Location, SlowCall
from gradio_doctor.probes.redact import redact_text
from gradio_doctor.probes.source.awaits import waits_at_most
from gradio_doctor.probes.source.busy import busy_loops, locks_across_await
from gradio_doctor.probes.source.code import text_of
from gradio_doctor.probes.source.constants import Constants
from gradio_doctor.probes.source.handlers import Root
from gradio_doctor.probes.source.limits import is_brief, is_unlimited
from gradio_doctor.probes.source.names import Anonymous, Names
from gradio_doctor.probes.source.scopes import Scope
from gradio_doctor.probes.source.slow_names import Slow, classify
from gradio_doctor.probes.source.spots import Spot, is_cached, kept_for_later, library_path, own_target, spots_of

MAX_FUNCTIONS = 500  # own functions followed from one handler
MAX_PER_HANDLER = 40
Body = Scope | Anonymous
Step = tuple[Body, ast.AST, bool]  # the function, the code in it, whether that always runs


@dataclass(slots=True)
class _Function:
    """What one own function runs: slow calls of libraries, and other own functions."""

    slow: list[tuple[Step, SlowCall]] = field(default_factory=list)
    calls: list[tuple[Step, Scope]] = field(default_factory=list)


class SlowCalls:
    """Follows handlers to slow calls. Remembers what each function does; `visited` are all functions come across."""

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self.names: Names = constants.names
        self._known: dict[int, _Function] = {}
        self.visited: dict[int, tuple[Scope, list[Root]]] = {}

    def read(self, roots: Iterable[Root]) -> Iterator[SlowCall]:
        """The slow calls below each handler, nearest first, each with the shortest way to it. A function once only."""
        done: set[tuple[int, ...]] = set()
        for root in roots:
            found = list(self._below(root))
            key = tuple(map(id, (root.body, *root.wrapped)))
            if key not in done:
                done.add(key)
                yield from found

    def at_import(self, scope: Scope) -> Iterator[SlowCall]:
        """The models that are loaded before the app serves, in one module or function that runs then."""
        if scope.reach in ("yes", "main-guard"):
            for step, call in self._function(scope).slow:
                if call.kind == "load":
                    yield replace(call, chain=(self._location(step),))

    def awaited(self, scope: Scope) -> Iterator[SlowCall]:
        """The awaited network calls of one function, whoever calls it: not every handler can be followed."""
        for step, call in self._function(scope).slow if scope.node else ():
            if call.kind == "await":
                yield replace(call, chain=(self._location(step),))

    def _below(self, root: Root) -> Iterator[SlowCall]:
        queue: deque[tuple[Body, tuple[Step, ...]]] = deque((body, ()) for body in (root.body, *root.wrapped))
        seen: set[int] = {id(body) for body, _ in queue}
        count = 0
        while queue and len(seen) <= MAX_FUNCTIONS:
            self.names.program.clock.check()
            body, way = queue.popleft()
            if isinstance(body, Scope):
                self.visited.setdefault(id(body), (body, []))[1].append(root)
            function = self._function(body)
            for step, call in function.slow:
                count += 1
                if count <= MAX_PER_HANDLER:
                    yield self._found(root, (*way, step), call)
            for step, target in function.calls:
                if id(target) not in seen:
                    seen.add(id(target))
                    queue.append((target, (*way, step)))

    def _found(self, root: Root, way: tuple[Step, ...], call: SlowCall) -> SlowCall:
        always = all(plain for _, _, plain in way)
        cached = any(isinstance(body, Scope) and is_cached(body, self.names) for body, _, _ in way)
        chain = tuple(self._location(step) for step in way)
        if call.kind == "load" and always and not cached:
            always = not any(kept_for_later(node, body) for body, node, _ in way)
        return replace(call, handler=root.handler, chain=chain, always=always and not cached)

    def _location(self, step: Step) -> Location:
        body, node, _ = step
        scope = body.scope if isinstance(body, Anonymous) else body
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            line = node.func.end_lineno or line
        lines = scope.module.parsed.lines
        text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        name = "<lambda>" if isinstance(body, Anonymous) else scope.name
        return Location(scope.module.path, line, name, redact_text(text)[:200])

    def _function(self, body: Body) -> _Function:
        if id(body) not in self._known:
            self.names.program.clock.check()
            self._known[id(body)] = self._read(body)
        return self._known[id(body)]

    def _read(self, body: Body) -> _Function:
        found = _Function()
        for spot in spots_of(body, self.names):
            step: Step = (body, spot.node, spot.plain)
            target = own_target(spot, self.names)
            if target is not None:
                found.calls.append((step, target))
            path = library_path(spot, self.names)
            slow = classify(path) if path and not spot.awaited else None
            if spot.awaited and path:
                found.slow += [(step, c) for c in self._awaited(body, spot, path)]
            if slow is not None and not is_brief(slow, path, spot, self._scope(body), self.constants):
                found.slow.append((step, self._call(body, spot, path, slow)))
        for node, what, kind in [*busy_loops(body, self.constants), *locks_across_await(body, self.names)]:
            found.slow.append(((body, node, False), SlowCall(kind, what, ())))
        return found

    def _awaited(self, body: Body, spot: Spot, path: str) -> Iterator[SlowCall]:
        scope = self._scope(body)
        limit = waits_at_most(path, spot.node, scope, self.constants)
        if limit is not None:
            what = redact_text(text_of(spot.node.func, scope.module))
            yield SlowCall("await", what, (), unlimited=math.isinf(limit), seconds=None if math.isinf(limit) else limit)

    @staticmethod
    def _scope(body: Body) -> Scope:
        return body.scope if isinstance(body, Anonymous) else body

    def _call(self, body: Body, spot: Spot, path: str, slow: Slow) -> SlowCall:
        scope = self._scope(body)
        seconds = None
        if slow.kind == "sleep" and spot.node.args:
            value = self.constants.read(spot.node.args[0], scope).likely
            seconds = float(value) if isinstance(value, (int, float)) else None
        what = text_of(spot.node.func, scope.module) if not path.startswith("builtins.") else path[9:]
        unlimited = slow.kind == "network" and is_unlimited(path, spot.node, scope, self.constants)
        return SlowCall(slow.kind, redact_text(what), (), weak=slow.weak, unlimited=unlimited, seconds=seconds)
