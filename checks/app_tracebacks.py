"""What the checks that read tracebacks share: whose they are, and whether a signature explains them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradio_doctor.sdk import (
    Absent,
    ExceptionLink,
    Finding,
    Frame,
    HttpAnswers,
    Location,
    LogEvents,
    LogMatch,
    Run,
    Source,
    Traceback,
)

# Frames by which Gradio 3.x to 6.x runs handlers, and those of web UIs that queue by themselves.
_HANDLER_FRAMES = {
    "gradio/queueing.py": {"process_events", "call_prediction", "call_prediction_route"},
    "gradio/routes.py": {"run_predict", "predict", "reset_iterator"},
    "gradio/route_utils.py": {"call_process_api"},
    "gradio/blocks.py": {"call_function", "process_api", "postprocess_data", "preprocess_data"},
    "modules/call_queue.py": {"f"},
}
# Matches that say nothing about why a traceback was printed: echoes, symptoms with many causes, other people's trouble.
ECHOES = frozenset({
    "app.exception-line", "dependency.python-in-use", "app.bare-json-error", "proxy.empty-json",
    "app.own-name-error", "app.none-value", "app.environment-variable", "app.settings-not-readable",
    "app.handler-arguments", "dependency.unexpected-keyword", "network.localhost-not-accessible",
    "app.tensor-sizes-differ", "dependency.start-file-not-found",
    "proxy.stream-cut-in-client", "queue.other-loop", "server.response-already-started", "app.task-failed",
    "app.thread-failed",
})
_OTHERS = (
    "client.asgi-disconnect", "client.websocket-closed", "client.broken-pipe", "client.gone-before-answer", "vitals.",
    "port.running", "port.refused-", "port.listener-", "app.exit-status-shown",
    "server.process-", "server.worker-booted", "server.parent-started", "server.app-came-up",
)
_NO_FAULT = frozenset({
    "KeyboardInterrupt", "SystemExit", "CancelledError", "GeneratorExit", "BrokenPipeError", "ClientDisconnect",
    "ConnectionResetError", "ConnectionAbortedError", "WebSocketDisconnect", "Stack", "StopIteration",
})
# Names that many apps give to their own modules; PyPI has stray packages of most of them.
EVERYDAY = frozenset({
    "utils", "util", "config", "configs", "common", "helpers", "models", "model", "modules", "tools", "core", "lib",
    "inference", "data", "dataset", "text", "commons", "attentions", "logger", "settings", "whisper", "clip", "slicer",
    "app", "api", "main", "test", "tests", "train", "infer", "webui", "ui", "src", "types", "constants",
})
_END = re.compile(
    r"[Ee]rror|ERROR|Exception|Traceback|[Ff]ail|FAIL|[Ee]xit|[Aa]bort|[Kk]illed|[Pp]ress any key|[Ss]hut|[Ss]top|"
    r"[Tt]erminat|[Ff]atal|^[\w@~:/.-]{0,60}[$#>] ?"
)
_FROZEN = ("<frozen ", "importlib/__init__.py", "importlib\\__init__.py")
_PACKAGE = re.compile(r"[\\/](?:site|dist)-packages[\\/](?P<package>[^\\/.]{1,80})")


def slashes(file: str) -> str:
    """A path with forward slashes, as Linux prints it."""
    return file.replace("\\", "/")


def library_of(file: str) -> str:
    """The top-level package that a file of site-packages belongs to, "" for any other file."""
    found = _PACKAGE.search(file)
    return found["package"] if found else ""


def in_handler(traceback: Traceback) -> bool:
    """True when Gradio was running an event handler."""
    for frame in (f for link in traceback.links for f in link.frames):
        path = slashes(frame.file)
        for suffix, functions in _HANDLER_FRAMES.items():
            if path.endswith(suffix) and frame.function.rpartition(".")[2] in functions:
                return True
    return False


def beside(log: LogEvents, traceback: Traceback) -> str:
    """What ended with the exception, when it was a thread or a task beside the program: "thread NAME", "task"; else "".

    Neither ends the program (threading.excepthook, asyncio's exception handler).
    """
    head = traceback.first.source
    for name, kind in (("app.thread-failed", "thread"), ("app.task-failed", "task")):
        if (match := log.get(name)) is not None and just_above(match, head):
            return f"{kind} {match.captures.get('name', '')}".strip()
    frame = traceback.first.frames[0] if traceback.first.frames else None
    started = frame is not None and frame.function in ("_bootstrap", "Thread._bootstrap_inner", "_bootstrap_inner")
    return "thread" if started and frame is not None and slashes(frame.file).endswith("threading.py") else ""


def is_telemetry(traceback: Traceback) -> bool:
    """True when Gradio was sending usage statistics: without a network that fails, and harms nothing."""
    return any(slashes(f.file).endswith("gradio/analytics.py") for link in traceback.links for f in link.frames)


def is_fault(traceback: Traceback) -> bool:
    """False for tracebacks that only tell of an end that was asked for, or of a client that went away."""
    kind = traceback.last.short_type
    if is_telemetry(traceback):
        return False
    if not kind:  # the log ends before the exception is named
        return traceback.truncated and traceback.location is not None
    return kind not in _NO_FAULT and not kind.endswith("Warning")


def explained(log: LogEvents, index: int) -> bool:
    """True when a signature that means something specific matched inside a traceback, or on the line that announces it.

    logging.exception() and loguru print their message right above the traceback.
    """
    head = log.tracebacks[index].first.source
    return any(
        (index in match.tracebacks or just_above(match, head)) and match.signature not in ECHOES
        and not match.signature.startswith(_OTHERS)
        for match in log.matches
    )


def just_above(match: LogMatch, head: Source) -> bool:
    """True when a line that matched announces the traceback that begins below it."""
    wanted = (head.name, (head.line or 0) - 1)
    return any((s.source.name, s.source.line) == wanted for s in match.samples)


def unexplained(log: LogEvents, *, handler: bool) -> Iterator[tuple[int, Traceback]]:
    """The tracebacks (with their index) of handlers, or of all the rest, that nothing specific explains."""
    for index, traceback in enumerate(log.tracebacks):
        if is_fault(traceback) and in_handler(traceback) == handler and not explained(log, index):
            yield index, traceback


def matched_tracebacks(log: LogEvents, match: LogMatch) -> Iterator[tuple[int, Traceback]]:
    """The tracebacks in which a signature matched."""
    return ((i, log.tracebacks[i]) for i in match.tracebacks if i < len(log.tracebacks))


def real_frames(link: ExceptionLink) -> tuple[Frame, ...]:
    """The frames of a link without those of the import system itself."""
    return tuple(f for f in link.frames if not any(part in f.file for part in _FROZEN))


def facts_of(link: ExceptionLink, traceback: Traceback) -> dict[str, str]:
    """Type and message of an exception, and the innermost place in the user's own code."""
    facts = {"type": link.short_type or "an exception", "message": link.message.partition("\n")[0][:300]}
    if not link.short_type:
        facts["message"] = "the log ends before it is named"
    if place := traceback.location:
        facts |= {"file": place.file, "line": str(place.line), "function": place.function}
    return facts


def finding(name: str, index: int, traceback: Traceback, link: ExceptionLink, /, **more: str) -> Finding:
    """A finding read off a traceback. `more` are facts beside the exception's own."""
    facts = facts_of(link, traceback) | {k: v for k, v in more.items() if v}
    return Finding(name, facts=facts, source=link.source, location=traceback.location, witness=f"traceback:{index}")


def place_of(frame: Frame) -> Location:
    """A frame as a place in the user's own code."""
    return Location(frame.file, frame.line, frame.function, frame.text)


def caught(traceback: Traceback) -> bool:
    """True when somebody below the program's top caught it and printed it: it begins in a function of a library.

    An uncaught exception is printed from the module that was run; threads and processes begin in their own files.
    """
    first = traceback.last.frames[0] if traceback.last.frames else None
    if first is None or traceback.truncated or first.own or first.function in ("<module>", "_run_module_as_main"):
        return False
    return bool(library_of(first.file)) and not slashes(first.file).startswith("<")


def went_on(log: LogEvents, traceback: Traceback) -> bool:
    """True when the program printed more after a traceback that a library had caught, and nothing of an end.

    Lines without a prefix right below an exception are read as more of its message, so they count here too.
    """
    end = traceback.last.last_line
    if len(log.files) != 1 or not caught(traceback):
        return False
    first = log.files[0].lines - len(log.tail) + 1
    if end < first - 1:
        return False  # what follows was not kept
    rest = [*traceback.last.message.split("\n")[1:], *(t for n, t in enumerate(log.tail, first) if n > end)]
    return any(t.strip() for t in rest) and not any(_END.search(t) for t in rest)


def came_up(log: LogEvents) -> bool:
    """True when the log says that the app listens: what fails later did not end its start."""
    return log.get("port.running-on") is not None


def serves(run: Run | Absent, http: HttpAnswers | Absent) -> bool:
    """True when the app is known to be up: started by us, or asked, and its page is no error."""
    if isinstance(run, Run):
        return run.outcome == "serving"
    page = http.get("page") if isinstance(http, HttpAnswers) and http.is_gradio else None
    return page is not None and page.outcome == "answered" and (page.status or 500) < 500
