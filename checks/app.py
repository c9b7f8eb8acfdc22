"""The app's own code: whether it parses, what it raises while starting or in handlers, and whether it just ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath

from gradio_doctor.sdk import (
    Absent,
    AppSource,
    ExceptionLink,
    Finding,
    HttpAnswers,
    Location,
    LogEvents,
    Run,
    Source,
    Traceback,
    check,
)

from .app_tracebacks import beside, came_up, finding, is_fault, library_of, serves, slashes, unexplained, went_on

_SYNTAX = {"SyntaxError", "IndentationError", "TabError"}
_CODECS = {"UnicodeDecodeError", "UnicodeEncodeError", "LookupError"}
_DATA_ERRORS = {
    "JSONDecodeError", "ScannerError", "ParserError", "ConstructorError", "TomlDecodeError", "TOMLDecodeError",
    "NoSectionError", "NoOptionError", "MissingSectionHeaderError",
}
_BESIDE = ("app.exception-line", "app.own-name-error", "app.none-value", "port.running", "vitals.", "server.process-",
           "server.app-came-up", "dependency.python-in-use")
_NO_FAULTS = ("ConnectionResetError", "BrokenPipeError", "CancelledError", "ClientDisconnect", "WebSocketDisconnect")
_TALKERS = ("requests", "httpx", "aiohttp", "gradio_client", "openai", "huggingface_hub", "urllib3")
_ASKED = ("server.process-finished", "crash.terminated-line", "crash.term-notice", "crash.keyboard-interrupt")
_ERRNO_PATH = re.compile(r"\[(?:Errno|WinError) (?P<code>\d{1,5})\][^:]{0,120}: [\"'](?P<path>[^\"']{1,300})[\"']")
_NOT_THERE = {"2", "3", "20", "21", "267"}


@check("app-syntax", finds=("app.does-not-parse", "app.source-encoding"))
def app_syntax(source: AppSource) -> Iterator[Finding]:
    """Does the app's own file parse?"""
    fault = source.fault
    if fault is None:
        return
    facts = {"file": fault.file, "line": str(fault.line), "kind": fault.kind, "message": fault.message}
    name = "app.source-encoding" if fault.kind in _CODECS else "app.does-not-parse"
    place = Location(fault.file, fault.line, text=fault.text)
    yield Finding(name, facts=facts, source=Source("file", fault.file, fault.line or None), location=place)


@check("app-syntax-log", finds=("app.syntax-error-in-own-file", "dependency.syntax-in-library"))
def app_syntax_log(log: LogEvents) -> Iterator[Finding]:
    """Whose file does not parse: the app's own, or one of an installed library (then the Python does not fit it)?"""
    for index, traceback in enumerate(log.tracebacks):
        link = traceback.last
        if link.short_type not in _SYNTAX or not link.frames:
            continue
        frame = link.frames[-1]
        if frame.file.startswith("<"):  # text that was compiled at run time: nobody's file
            continue
        name = "app.syntax-error-in-own-file" if frame.own else "dependency.syntax-in-library"
        found = finding(name, index, traceback, link, file=frame.file, line=str(frame.line))
        yield replace(found, location=Location(frame.file, frame.line, "", frame.text) if frame.own else None,
                      replaces=("app.syntax-error-line",))
        return


@check("app-uncaught", finds=(
    "app.ended-by-exception", "app.variable-not-set", "app.own-file-missing", "app.settings-file-damaged",
))
def app_uncaught(log: LogEvents, run: Run | Absent, http: HttpAnswers | Absent) -> Iterator[Finding]:
    """The traceback that ended start-up, when nothing more specific explains any of them.

    One explained traceback is enough to keep quiet: what comes after a failed import or load is its echo.
    """
    if serves(run, http):
        return
    up = came_up(log)
    open_ones = [(i, t) for i, t in unexplained(log, handler=False) if not (up and beside(log, t))]
    open_ones = [(i, t) for i, t in open_ones if not went_on(log, t)]
    faults = [t for t in log.tracebacks if is_fault(t) and not went_on(log, t)]
    if not open_ones or len(list(unexplained(log, handler=True))) + len(open_ones) < len(faults):
        return
    index, traceback = open_ones[-1]
    yield _ended_by(index, traceback)


def _ended_by(index: int, traceback: Traceback) -> Finding:
    link = traceback.last
    if variable := _missing_variable(link):
        found = finding("app.variable-not-set", index, traceback, link, variable=variable)
        return replace(found, replaces=("app.environment-variable",))
    if link.short_type in _DATA_ERRORS and not any(library_of(f.file) in _TALKERS for f in link.frames):
        message = link.message.partition("\n")[0][:300]
        found = finding("app.settings-file-damaged", index, traceback, link, damaged=message)
        return replace(found, replaces=("app.settings-not-readable",))
    path = _ERRNO_PATH.search(link.message)
    if path and path["code"] in _NOT_THERE:
        return finding("app.own-file-missing", index, traceback, link, path=path["path"])
    return finding("app.ended-by-exception", index, traceback, link)


def _missing_variable(link: ExceptionLink) -> str:
    """The variable that os.environ["NAME"] did not find."""
    if link.short_type != "KeyError" or not link.frames:
        return ""
    last = link.frames[-1]
    from_environ = last.function == "__getitem__" and ("<frozen os>" in last.file or last.file.endswith("os.py"))
    return link.message.strip("'\" ") if from_environ or "os.environ[" in last.text else ""


@check("app-handler", finds=("app.handler-raised", "app.value-refused"))
def app_handler(log: LogEvents) -> Iterator[Finding]:
    """Handlers that raised, or whose value a component could not take, when nothing more specific explains it."""
    for index, traceback in unexplained(log, handler=True):
        if _meant_for_user(traceback):
            continue
        component = _refusing(traceback)
        name = "app.value-refused" if component else "app.handler-raised"
        found = finding(name, index, traceback, traceback.last, component=component)
        yield replace(found, replaces=("app.settings-not-readable", "app.environment-variable"))
        return


def _refusing(traceback: Traceback) -> str:
    """The component of Gradio's in whose code a value failed, "" when it was the user's code that raised."""
    if traceback.location is not None:
        return ""
    for frame in reversed(traceback.last.frames):
        found = re.search(r"gradio/components(?:/(?P<name>\w+))?\.py$", slashes(frame.file))
        if found and frame.function.rpartition(".")[2] in ("preprocess", "postprocess", "_preprocess", "_postprocess"):
            return found["name"] or "a component"
    return ""


def _meant_for_user(traceback: Traceback) -> bool:
    """True for a gr.Error that a handler or a component raised of itself, to tell its user something (gradio 3 to 6).

    With another exception behind it (raised while handling that), it passes on a fault.
    """
    link = traceback.last
    if link.type != "gradio.exceptions.Error" or len(traceback.links) > 1 or not link.frames:
        return False
    return link.frames[-1].own or "gradio/components/" in slashes(link.frames[-1].file)


@check("app-bare-exception", finds=("app.bare-exception", "app.bare-exception-later"))
def app_bare_exception(log: LogEvents) -> Iterator[Finding]:
    """Nothing is in the log but the last line of a traceback (an excerpt), before or after the app came up."""
    match = log.get("app.exception-line")
    if match is None or log.tracebacks or any(not m.signature.startswith(_BESIDE) for m in log.matches):
        return
    if match.captures.get("type", "") in _NO_FAULTS:
        return
    came_up = any("Running on" in text for text in (*log.head, *log.tail))
    name = "app.bare-exception-later" if came_up else "app.bare-exception"
    yield Finding(name, facts=dict(match.captures), source=match.source)


@check("app-exit-log", finds=("app.served-then-ended", "app.stopped-as-asked"))
def app_exit_log(log: LogEvents) -> Iterator[Finding]:
    """The app came up, and a shell or editor shows status 0 below, without a line of a stop that was asked for."""
    ended, serving = log.get("app.exit-status-shown"), log.get("server.app-came-up")
    asked = next((m for name in _ASKED if (m := log.get(name))), None)
    if asked and serving and log.get("app.exited-status-zero"):
        yield Finding("app.stopped-as-asked", source=asked.source, replaces=("app.exited-status-zero",))
    if ended is None or serving is None or asked:
        return
    if serving.source.name == ended.source.name and (serving.source.line or 0) < (ended.source.line or 0):
        yield Finding("app.served-then-ended", source=ended.source)


@check("app-exit", finds=(
    "app.exited-without-serving", "app.launch-not-reached", "app.launch-does-not-block",
    "app.mounted-without-server",
))
def app_exit(run: Run | Absent, source: AppSource | Absent) -> Iterator[Finding]:
    """Did it end by itself with status 0 and never serve, and does its source show why?"""
    if isinstance(run, Run):
        if run.outcome != "exited" or run.exit_code != 0:
            return
        facts = {"seconds": f"{run.seconds:.1f}"}
        yield Finding("app.exited-without-serving", facts=facts, source=Source("process", f"pid {run.pid}"))
    if isinstance(source, AppSource) and source.fault is None:
        yield from _launch_calls(source, ran=isinstance(run, Run))


def _launch_calls(source: AppSource, *, ran: bool) -> Iterator[Finding]:
    servers = source.named("launch") + source.named("uvicorn.run")
    if ran and not any(c.reach in ("yes", "main-guard") for c in servers):
        where = Source("file", source.path)
        yield Finding("app.launch-not-reached", facts={"file": source.path}, source=where)
        for call in source.named("mount_gradio_app")[:1]:
            facts = {"file": call.file, "line": str(call.line), "web": PurePath(call.file).stem}
            yield Finding("app.mounted-without-server", facts=facts, source=Source("file", call.file, call.line),
                          location=Location(call.file, call.line))
    for call in source.named("launch"):
        setting = call.get("prevent_thread_lock")
        if ran and setting is not None and setting.value is True:
            facts = {"file": call.file, "line": str(setting.line), "setting": "prevent_thread_lock=True"}
            yield Finding("app.launch-does-not-block", facts=facts, source=Source("file", call.file, setting.line),
                          location=Location(call.file, setting.line))
