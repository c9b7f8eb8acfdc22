"""Blocking family, read off the source: what stops the event loop, waits for ever, or takes up every worker thread.

All of it is prediction: it makes no cause alone, and raises the cause when something live points at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradio_doctor.sdk import Absent, AppSource, Finding, Handler, Interpreter, SlowCall, Source, check

# From these versions of Gradio on, a plain function that checks a login runs on the event loop (its routes.py).
_LOGIN_ON_LOOP = {"auth": (5, 48), "auth_dependency": (6, 24)}
_FEW = 12  # findings of one kind
_THREADS = 40  # of the pool that Gradio's own routes share with the handlers, unless max_threads says otherwise


@check("blocking-source", finds=("blocking.may-stop-loop", "blocking.login-may-stop-loop", "blocking.may-lock-loop"))
def blocking_source(source: AppSource, interpreter: Interpreter | Absent) -> Iterator[Finding]:
    """Which handlers, routes and middleware on the event loop come to a call that does not give way?"""
    gradio = _version(interpreter) if isinstance(interpreter, Interpreter) else (0, 0)
    found = [c for c in source.slow if c.on_loop and not c.weak]
    login = [c for c in source.slow if not c.on_loop and not c.weak and _login_on_loop(c, gradio)]
    yield from _each("blocking.may-stop-loop", [c for c in found if c.kind != "lock"])
    yield from _each("blocking.login-may-stop-loop", login)
    yield from _each("blocking.may-lock-loop", [c for c in found if c.kind == "lock"])
    if source.handlers and not found and not login and not source.unread:
        where = Source("file", source.path)
        yield Finding("blocking.may-stop-loop", False, {"file": source.path}, where)


def _version(interpreter: Interpreter) -> tuple[int, int]:
    parts = interpreter.installed("gradio").split(".")
    numbers = [int(p) for p in parts[:2] if p.isdigit()]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)


def _login_on_loop(call: SlowCall, gradio: tuple[int, int]) -> bool:
    return call.handler is not None and gradio >= _LOGIN_ON_LOOP.get(call.handler.event, (10**6, 0))


def _each(name: str, calls: Iterable[SlowCall]) -> Iterator[Finding]:
    """One finding for each handler and function at the end: ten calls of one helper are one thing to mend."""
    seen: set[tuple[object, ...]] = set()
    for call in calls:
        handler = call.handler
        key = (handler and (handler.file, handler.line), call.location.file, call.location.function)
        if handler is None or key in seen or len(seen) >= _FEW:
            continue
        seen.add(key)
        yield _finding(name, call, handler)


def _finding(name: str, call: SlowCall, handler: Handler) -> Finding:
    place = call.location
    way = " -> ".join(f"{p.function} ({_base(p.file)}:{p.line})" for p in call.chain)
    kind = {"middleware": "the middleware ", "route": "the route "}.get(handler.event, "")
    facts = {
        "handler": f"{kind}{handler.name}", "call": call.what, "file": place.file, "line": str(place.line), "way": way,
        "function": place.function, "seconds": f"{call.seconds:g}" if call.seconds else "",
    }
    return Finding(name, facts=facts, source=Source("file", place.file, place.line), location=place, chain=call.chain)


def _base(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


@check("blocking-no-limit", finds=("blocking.may-wait-forever",))
def blocking_no_limit(source: AppSource) -> Iterator[Finding]:
    """Which network calls below handlers have no time limit?"""
    found = [c for c in source.slow if c.unlimited and c.handler is not None]
    yield from _once("blocking.may-wait-forever", found)


def _once(name: str, calls: Iterable[SlowCall]) -> Iterator[Finding]:
    """One finding for each place, whichever handlers come to it."""
    seen: set[tuple[str, int]] = set()
    for call in calls:
        key = (call.location.file, call.location.line)
        if call.handler is not None and key not in seen and len(seen) < _FEW:
            seen.add(key)
            yield _finding(name, call, call.handler)


@check("blocking-crowd", finds=("blocking.may-fill-threads",))
def blocking_crowd(source: AppSource) -> Iterator[Finding]:
    """Which slow handlers may run as often at once as there are threads, which the page itself needs too?"""
    threads = next(iter(source.max_threads), _THREADS)
    everywhere = [c.get("default_concurrency_limit") for c in source.named("queue")]
    default = next((s for s in everywhere if s is not None), None)
    seen: set[tuple[str, int]] = set()
    for call in source.slow:
        handler = call.handler
        if handler is None or handler.is_async or call.weak or call.kind in ("load", "lock"):
            continue
        if call.kind == "sleep" and (call.seconds or 0) < 1:
            continue
        own = handler.get("concurrency_limit")
        limit = own if own is not None and own.value != "default" else default
        skipped = (queue := handler.get("queue")) is not None and queue.known and queue.value is False
        unlimited = limit is not None and limit.known and (limit.value is None or _number(limit.value) >= threads)
        if (skipped or unlimited) and threads == _THREADS and (handler.file, handler.line) not in seen:
            seen.add((handler.file, handler.line))
            found = _finding("blocking.may-fill-threads", call, handler)
            said = "queue=False" if skipped or limit is None else f"{limit.name}={limit.text}"
            yield Finding(found.id, facts={**found.facts, "setting": said, "threads": str(threads)},
                          source=found.source, location=found.location, chain=found.chain)


def _number(value: object) -> float:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0
