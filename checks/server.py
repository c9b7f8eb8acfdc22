"""Server family: who killed a worker, which worker count the logs show, and why a start command does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from gradio_doctor.sdk import (
    ExceptionLink,
    Finding,
    Frame,
    HttpAnswers,
    LogEvents,
    LogMatch,
    LogSample,
    Source,
    check,
)

# Functions in which a server imports the application that it was told to serve.
_APP_LOADERS = {
    "gunicorn/util.py": "import_app",
    "uvicorn/importer.py": "import_from_string",
    "hypercorn/utils.py": "load_application",
    "daphne/utils.py": "import_by_path",
    "granian/_internal.py": "load_module",
}
_NETWORK_FILES = ("ssl.py", "socket.py", "selectors.py", "_backends/sync.py", "http/client.py")
_NETWORK_CALLS = {"read", "readinto", "recv", "recv_into", "wait_for_read", "getresponse", "do_handshake", "connect"}
_LOCK_FILES = ("threading.py", "queue.py", "synchronize.py", "concurrent/futures/_base.py", "filelock/_api.py")
_MANY_STARTS = 4
_MISSING_MODULE = (
    "dependency.no-module-named", "dependency.module-not-installed", "dependency.own-module-not-found",
    "app.ended-by-exception",
)


def _lines(match: LogMatch | None) -> tuple[LogSample, ...]:
    if match is None:
        return ()
    return match.samples or (LogSample(match.captures, match.text, match.source),)


def _at(source: Source) -> tuple[str, int]:
    return source.name, source.line or 0


@check("server-kill-order", finds=("server.timeout-then-kill",), cost=0.001)
def server_kill_order(log: LogEvents) -> Iterator[Finding]:
    """A worker that was killed after its own WORKER TIMEOUT was not short of memory, whatever gunicorn guesses.

    gunicorn sends SIGABRT at the time-out and SIGKILL a second later (arbiter.py murder_workers); it prints
    "Perhaps out of memory?" for every SIGKILL.
    """
    timeouts = log.get("server.gunicorn-worker-timeout")
    timed_out = {s.captures.get("pid", ""): s for s in _lines(timeouts)}
    for signature in ("server.gunicorn-sigkill", "server.gunicorn-sigabrt"):
        match = log.get(signature)
        for kill in _lines(match):
            earlier = timed_out.get(kill.captures.get("pid", ""))
            if earlier is None or _at(earlier.source) > _at(kill.source):
                continue
            facts = {"pid": kill.captures["pid"], "signal": "SIGKILL" if signature.endswith("kill") else "SIGABRT"}
            replaced = (signature,) if match and timeouts and _all_timed_out(match, timeouts) else ()
            yield Finding("server.timeout-then-kill", facts=facts, source=kill.source, replaces=replaced)
            return


@check("server-stop-order", finds=("server.stopped-by-force",), cost=0.001)
def server_stop_order(log: LogEvents) -> Iterator[Finding]:
    """Workers killed only after gunicorn itself was told to stop: they had not ended within --graceful-timeout.

    Arbiter.stop() in gunicorn's arbiter.py kills what is left then; its "Perhaps out of memory?" is no evidence here.
    """
    kills, stop = log.get("server.gunicorn-sigkill"), log.get("crash.term-notice")
    if kills is None or stop is None or log.get("server.gunicorn-worker-timeout"):
        return
    if "Handling signal" in stop.text and _at(stop.source) < _at(kills.source):
        yield Finding("server.stopped-by-force", source=stop.source, replaces=("server.gunicorn-sigkill",))


def _all_timed_out(kills: LogMatch, timeouts: LogMatch) -> bool:
    """True when no kill is left over for another reason (only the first few lines of each kind are kept in full)."""
    killed, timed_out = ({s.captures.get("pid", "") for s in _lines(m)} for m in (kills, timeouts))
    return killed <= timed_out or timeouts.count >= kills.count > len(killed)


@check("server-timeout-frames", finds=("server.timeout-while-waiting", "server.timeout-while-waiting-lock"), cost=0.001)
def server_timeout_frames(log: LogEvents) -> Iterator[Finding]:
    """What a worker was doing when gunicorn aborted it: the frame below its signal handler."""
    for number, traceback in enumerate(log.tracebacks):
        frames = traceback.last.frames
        aborted = next((i for i, f in enumerate(frames) if f.function == "handle_abort"), 0)
        if not aborted:
            continue
        inner = frames[aborted - 1]
        kind = "-lock" if _waits_for_lock(inner) else "" if _waits_for_network(inner) else None
        if kind is not None:
            facts = {"where": f"{inner.function} ({inner.file.replace(chr(92), '/').rpartition('/')[2]}:{inner.line})"}
            yield Finding(
                f"server.timeout-while-waiting{kind}", facts=facts, source=traceback.last.source,
                location=traceback.location, witness=f"traceback:{number}",
            )


def _waits_for_network(frame: Frame) -> bool:
    return frame.file.replace("\\", "/").endswith(_NETWORK_FILES) and frame.function in _NETWORK_CALLS


def _waits_for_lock(frame: Frame) -> bool:
    return frame.file.replace("\\", "/").endswith(_LOCK_FILES)


@check("server-app-module", finds=("server.app-module-not-found",), cost=0.001)
def server_app_module(log: LogEvents) -> Iterator[Finding]:
    """The module that the server was told to serve does not exist there: the command, not a package, is missing."""
    for number, traceback in enumerate(log.tracebacks):
        link = traceback.last
        if link.short_type not in ("ModuleNotFoundError", "ImportError") or not _loads_app(link):
            continue
        module = link.message.partition("'")[2].partition("'")[0]
        if module:
            yield Finding(
                "server.app-module-not-found", facts={"module": module}, source=link.source,
                witness=f"traceback:{number}", replaces=_MISSING_MODULE,
            )


def _loads_app(link: ExceptionLink) -> bool:
    """True when the loader of the server is the last frame before the import system."""
    frames = [f for f in link.frames if not f.file.startswith("<frozen") and "importlib" not in f.file]
    if not frames:
        return False
    path, name = frames[-1].file.replace("\\", "/"), frames[-1].function.rpartition(".")[2]
    return any(path.endswith(file) and name == function for file, function in _APP_LOADERS.items())


@check("server-blocks-served", finds=("server.blocks-instead-of-app",), cost=0.001)
def server_blocks_served(log: LogEvents) -> Iterator[Finding]:
    """uvicorn was given the Blocks object: it calls it as if it were an application or a factory (config.py load)."""
    for number, traceback in enumerate(log.tracebacks):
        frames = traceback.last.frames
        for caller, callee in pairwise(frames):
            called = callee.function.rpartition(".")[2] == "__call__" and _path(callee).endswith("gradio/blocks.py")
            if called and "uvicorn/" in _path(caller):
                yield Finding(
                    "server.blocks-instead-of-app", source=traceback.last.source, witness=f"traceback:{number}",
                    replaces=("app.ended-by-exception", "client.unknown-number"),
                )
                return


def _path(frame: Frame) -> str:
    return frame.file.replace("\\", "/")


@check("server-queue-stream", finds=("server.queue-stream-not-found",), cost=0.001)
def server_queue_stream(log: LogEvents) -> Iterator[Finding]:
    """The queue's stream was asked of a process that does not know the session (gradio/routes.py sse_stream, 404)."""
    for number, traceback in enumerate(log.tracebacks):
        for link in traceback.links:
            inner = link.frames[-1] if link.frames else None
            if inner is None or link.short_type != "HTTPException" or not link.message.startswith("404"):
                continue
            if inner.function == "sse_stream" and inner.file.replace("\\", "/").endswith("gradio/routes.py"):
                yield Finding(
                    "server.queue-stream-not-found", source=link.source, witness=f"traceback:{number}",
                    replaces=("app.ended-by-exception", "app.handler-raised"),
                )
                return


@check("server-workers", finds=("server.several-workers", "server.one-worker-restarted"), cost=0.001)
def server_workers(log: LogEvents) -> Iterator[Finding]:
    """How many processes served at once, as far as their start lines tell."""
    starts = [m for s in ("server.worker-booted", "server.process-started") if (m := log.get(s)) is not None]
    if not starts:
        return
    most = max(starts, key=lambda m: m.count)
    pids = {s.captures.get("pid", "") for m in starts for s in _lines(m)}
    ends = [_at(m.source) for s in _ENDS if (m := log.get(s)) is not None]
    before = [s for s in _lines(most) if not ends or _at(s.source) < min(ends)]
    facts = {"workers": str(most.count if not ends else max(len(before), 2))}
    if log.get("server.parent-started") or (len(before) > 1 and len(pids) > 1):
        yield Finding("server.several-workers", facts=facts, source=most.source)
    elif most.count > 1:
        yield Finding("server.one-worker-restarted", facts={"count": str(most.count)}, source=most.source)


_ENDS = (
    "server.process-finished", "server.gunicorn-worker-timeout", "server.gunicorn-sigkill", "server.gunicorn-sigabrt",
    "server.gunicorn-crash-signal", "server.child-died",
)


@check("server-starts", finds=("server.many-starts",), cost=0.001)
def server_starts(log: LogEvents) -> Iterator[Finding]:
    """The same start line again and again, close together, without a line that says that somebody wanted it."""
    match = log.get("server.app-came-up")
    if match is None or match.count < _MANY_STARTS or match.last is None or log.get("server.process-finished"):
        return
    seconds = _seconds_between(match.source, match.last)
    apart = seconds / (match.count - 1) if seconds is not None else None
    if apart is None or apart > 1800:
        return
    facts = {"count": str(match.count), "seconds": f"{apart:.0f}"}
    yield Finding("server.many-starts", facts=facts, source=match.last)


def _seconds_between(first: Source, last: Source) -> float | None:
    """The time between two lines, None when a line has no time (or they do not compare)."""
    try:
        return abs((datetime.fromisoformat(last.time or "") - datetime.fromisoformat(first.time or "")).total_seconds())
    except (ValueError, TypeError):
        return None


@check("server-app-ids", finds=("server.several-app-ids",), cost=0.01)
def server_app_ids(http: HttpAnswers) -> Iterator[Finding]:
    """Each process of an app draws its own app id: two ids at one address are two processes."""
    ids = tuple(dict.fromkeys(http.app_ids))
    if http.app_ids:
        facts = {"workers": str(len(ids)), "ids": ", ".join(ids[:4])}
        yield Finding("server.several-app-ids", len(ids) > 1, facts, Source("http", http.base), witness="http:app-ids")
