"""Which side is wrong when a name or an argument is missing: two libraries, the app, or a half-installed package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from gradio_doctor.sdk import ExceptionLink, Finding, Frame, Interpreter, LogEvents, Run, Source, Traceback, check

from .app_tracebacks import EVERYDAY, finding, library_of, real_frames

_NAME = re.compile(
    r"cannot import name '(?P<name>\w{1,80})' from '(?P<package>[\w.]{1,120})'"
    r"|module '(?P<package2>[\w.]{1,120})' has no attribute '(?P<name2>\w{1,80})'"
    r"|No module named '(?P<package3>\w{1,60})\.(?P<name3>[\w.]{1,100})'$"
)
# What every Gradio has: when it lacks these, the version is not the reason.
_BASICS = {("gradio", n) for n in ("Blocks", "Interface", "Textbox", "Button", "Row", "Column", "Image", "Chatbot")}
_KEYWORD = re.compile(r"(?P<callee>[\w.<>]{1,120})\(\) got an unexpected keyword argument '(?P<name>\w{1,80})'")
_NO_FRONTEND = "You need to build the frontend"  # the installation lacks files, whatever the versions
_GRADIO = ("Blocks.", "Interface.", "ChatInterface.", "TabbedInterface.", "EventListener.")
_RAW_NAMES = ("dependency.cannot-import-name", "dependency.gradio-name-removed", "dependency.library-name-removed")
_RAW_ARGUMENTS = ("dependency.unexpected-keyword", "dependency.gradio-argument-removed")
_NAME_ERRORS = ("ImportError", "AttributeError", "ModuleNotFoundError")


@check("dependency-names", finds=(
    "dependency.import-between-libraries", "dependency.removed-name-in-app", "dependency.submodule-missing",
))
def dependency_names(log: LogEvents) -> Iterator[Finding]:
    """A name that an installed package lacks: who wanted it decides what is wrong."""
    for index, traceback in enumerate(log.tracebacks):
        for link in traceback.links:
            told = _NAME.search(link.message) if link.short_type in _NAME_ERRORS else None
            if told is None or "partially initialized" in link.message or not real_frames(link):
                continue
            if (told["package2"], told["name2"]) in _BASICS:
                continue
            package = told["package"] or told["package2"] or told["package3"]
            name = told["name"] or told["name2"] or told["name3"]
            verdict, library = _whose(package, link)
            if verdict:
                found = finding(verdict, index, traceback, link, package=package, name=name, library=library)
                yield replace(found, replaces=_RAW_NAMES)
                return


def _whose(package: str, link: ExceptionLink) -> tuple[str, str]:
    """The finding, and the library whose code wanted the name ("" when it was the app)."""
    frame = real_frames(link)[-1]
    top = package.partition(".")[0]
    if frame.own:
        mine = top in EVERYDAY or not _installed(top, link, package)
        return ("", "") if mine else ("dependency.removed-name-in-app", "")
    wanting = library_of(frame.file)
    if wanting == top:
        return ("" if link.short_type == "AttributeError" else "dependency.submodule-missing", wanting)
    return ("dependency.import-between-libraries" if wanting else "", wanting)


def _installed(top: str, link: ExceptionLink, package: str) -> bool:
    """True unless the module is one of the app's own files."""
    path = re.search(r"\(([^)]{3,300})\)\s*$", link.message)
    if path and path[1] != "unknown location":
        return bool(library_of(path[1])) or "python" in path[1].lower()
    mine = (f.file.replace("\\", "/") for f in link.frames if f.own)
    return not any(f"/{top}/" in f or f.endswith(f"/{top}.py") for f in mine) and package != "unknown"


@check("dependency-keywords", finds=("dependency.keyword-between-libraries", "dependency.removed-argument-in-app"))
def dependency_keywords(log: LogEvents) -> Iterator[Finding]:
    """An argument that a function does not take: passed by the app to a library, or between two libraries."""
    for index, traceback in enumerate(log.tracebacks):
        for link in traceback.links:
            told = _KEYWORD.search(link.message) if link.short_type == "TypeError" else None
            if told is None or not real_frames(link):
                continue
            verdict, package, library = _called_by(link, told["callee"], told["name"])
            if verdict:
                found = finding(verdict, index, traceback, link, name=told["name"], package=package, library=library)
                yield replace(found, replaces=_RAW_ARGUMENTS)
                return


def _called_by(link: ExceptionLink, callee: str, name: str) -> tuple[str, str, str]:
    """The finding, the library called (or the function, when frames do not tell), and the library that calls."""
    frames = real_frames(link)
    caller = frames[-1]
    wrapper = library_of(caller.file) == "gradio" and "component_meta" in caller.file
    if wrapper and len(frames) > 1:  # Gradio 4 and later wrap every component's constructor
        caller = frames[-2]
    if caller.own:
        gradio = wrapper or callee.startswith(_GRADIO) or bool(re.search(r"\b(?:gr|gradio)\.\w", caller.text))
        return ("dependency.removed-argument-in-app", "gradio", "") if gradio else ("", "", "")
    if _passed_through(frames, name):
        return "dependency.removed-argument-in-app", "gradio", ""
    library = library_of(caller.file)
    return ("dependency.keyword-between-libraries" if library else "", callee, library)


def _passed_through(frames: tuple[Frame, ...], name: str) -> bool:
    """True when the app gave that argument to Gradio, whose constructors hand on what they do not know (**kwargs)."""
    last = max((i for i, f in enumerate(frames) if f.own), default=-1)
    inner = frames[last + 1:]
    return last >= 0 and f"{name}=" in frames[last].text and all(library_of(f.file) == "gradio" for f in inner)


@check("dependency-page", finds=("dependency.page-broken-by-library",))
def dependency_page(log: LogEvents) -> Iterator[Finding]:
    """Gradio says that localhost is not accessible, and its own page failed inside a library just before."""
    blamed = log.get("network.localhost-not-accessible")
    if blamed is None:
        return
    for index, traceback in enumerate(log.tracebacks):
        link = traceback.last
        before = (link.source.line or 0) < (blamed.source.line or 0) and link.source.name == blamed.source.name
        if before and _page_failed(traceback, link):
            library = _called_by_gradio(link) or library_of(link.frames[-1].file)
            yield replace(
                finding("dependency.page-broken-by-library", index, traceback, link, page_library=library),
                replaces=(blamed.signature,),
            )
            return


def _called_by_gradio(link: ExceptionLink) -> str:
    """The library that Gradio called last, which then failed; "" when it was Gradio itself."""
    libraries = [library_of(f.file) for f in link.frames]
    after = len(libraries) - libraries[::-1].index("gradio") if "gradio" in libraries else len(libraries)
    return libraries[after] if after < len(libraries) else ""


def _page_failed(traceback: Traceback, link: ExceptionLink) -> bool:
    """An exception in a library's code, under the web server or in Gradio's building of the page."""
    if not link.frames or any(f.own for k in traceback.links for f in k.frames) or _NO_FRONTEND in link.message:
        return False
    return library_of(link.frames[-1].file) in (
        "gradio_client", "gradio", "starlette", "fastapi", "jinja2", "pydantic", "pydantic_core", "orjson",
    ) and link.short_type != "ReadTimeout"


@check("dependency-unmet", finds=("dependency.unmet-requirement",))
def dependency_unmet(run: Run, interpreter: Interpreter) -> Iterator[Finding]:
    """What gradio itself requires and the environment does not meet. Told only of an app that does not serve."""
    if run.outcome == "serving":
        return
    for unmet in interpreter.unmet:
        if unmet.package.replace("_", "-") in ("gradio", "gradio-client"):
            facts = {"package": unmet.package, "version": unmet.version, "requirement": unmet.requirement,
                     "installed": unmet.installed or "nothing", "library": unmet.package}
            yield Finding("dependency.unmet-requirement", facts=facts, source=Source("file", interpreter.path))
