"""Modules and programs that are not there."""

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
    Interpreter,
    Location,
    LogEvents,
    Run,
    Source,
    Traceback,
    check,
)

from .app_tracebacks import finding, library_of, matched_tracebacks, real_frames, slashes
from .dependency_distributions import distribution_of
from .vitals_passing import in_passing

_NOT_FOUND = re.compile(r"No module named '?(?P<module>[A-Za-z_]\w*(?:\.\w+){0,12})'?")
_PROGRAM = re.compile(r"\[(?:Errno|WinError) 2\][^:]{0,120}(?:: '(?P<program>[^']{1,300})')?")
_WIDELY_SUPPORTED = (8, 9, 10)  # minor versions that torch 1.x and 2.x, the packages mostly pinned, all have wheels for
_PROGRAM_ECHOES = ("dependency.program-missing", "dependency.start-file-not-found", "app.own-file-missing")
_STARTERS = ("_execute_child", "_posix_spawn")
# Names that apps give to their own modules; a missing one means the wrong directory or an incomplete checkout.
_OWN_NAMES = frozenset({
    "modules", "utils", "util", "src", "lib", "libs", "configs", "config", "models", "tools", "scripts", "app", "infer",
    "ui", "core", "common", "helpers", "webui", "extensions", "custom_nodes", "library", "rvc", "tabs", "assets",
    "processors", "inference", "networks", "text", "commons", "attentions", "GPT_SoVITS", "AR", "shark_studio", "nodes",
})


@check("dependency-missing", finds=("dependency.module-not-installed", "dependency.own-module-not-found"))
def dependency_missing(log: LogEvents) -> Iterator[Finding]:
    """Which module is missing, who wanted it, and what to install for it."""
    match = log.get("dependency.no-module-named")
    if match is None or in_passing(match):
        return
    module = match.captures.get("module", "").partition(".")[0]
    for index, traceback in matched_tracebacks(log, match):
        link = next((k for k in traceback.links if _wants(k, module)), None)
        if link is None:
            continue
        name = "dependency.own-module-not-found" if _is_own(module, traceback) else "dependency.module-not-installed"
        found = finding(name, index, traceback, link, module=module, distribution=distribution_of(module))
        yield replace(found, source=match.source, replaces=(match.signature,))
        return
    name = "dependency.own-module-not-found" if module in _OWN_NAMES else "dependency.module-not-installed"
    facts = {"module": module, "distribution": distribution_of(module)}
    yield Finding(name, facts=facts, source=match.source, replaces=(match.signature,))


def _wants(link: ExceptionLink, module: str) -> bool:
    found = _NOT_FOUND.search(link.message)
    return bool(found) and found["module"].partition(".")[0] == module  # type: ignore[index]


def _is_own(module: str, traceback: Traceback) -> bool:
    """True when the app itself has (or by its name must have) a module of that name."""
    files = [slashes(f.file) for link in traceback.links for f in link.frames if f.own]
    last = next((real_frames(k)[-1] for k in reversed(traceback.links) if real_frames(k)), None)
    if any(f"/{module}/" in f or f.endswith(f"/{module}.py") for f in files):
        return True
    return module in _OWN_NAMES and (last is None or last.own)


@check("dependency-import", finds=("dependency.import-without-origin",))
def dependency_import(interpreter: Interpreter, source: AppSource, run: Run | Absent) -> Iterator[Finding]:
    """An import that the source cannot do without, and that the app's interpreter cannot find."""
    if interpreter.chosen == "the running process" or (isinstance(run, Run) and run.outcome == "serving"):
        return
    missing = {o.module for o in interpreter.origins if not o.origin}
    for wanted in source.imports:
        module = wanted.module.partition(".")[0]
        if not wanted.optional and module in missing and module != PurePath(wanted.file).parent.name:
            facts = {"module": module, "distribution": distribution_of(module), "file": wanted.file,
                     "line": str(wanted.line), "python": interpreter.path}
            source_line = Source("file", wanted.file, wanted.line)
            yield Finding("dependency.import-without-origin", facts=facts, source=source_line,
                          location=Location(wanted.file, wanted.line))
            return


@check("dependency-program", finds=("dependency.program-not-found",))
def dependency_program(log: LogEvents) -> Iterator[Finding]:
    """FileNotFoundError raised where subprocess starts a program: the program is missing, not a data file."""
    for index, traceback in enumerate(log.tracebacks):
        for link in traceback.links:
            found = _PROGRAM.search(link.message)
            if link.short_type != "FileNotFoundError" or not found or not link.frames:
                continue
            started = link.frames[-1].function in _STARTERS or "subprocess" in link.frames[-1].file
            program = found["program"] or ""
            if started and not library_of(program) and not program.endswith((".py", ".sh")):
                told = finding("dependency.program-not-found", index, traceback, link,
                               program=program or "that is started", package=_system_package(program))
                yield replace(told, replaces=_PROGRAM_ECHOES)
                return


@check("dependency-python", finds=("dependency.python-and-install-failed",))
def dependency_python(log: LogEvents) -> Iterator[Finding]:
    """pip found no build, and the launcher's Python is one that pinned packages of its time have no wheels for."""
    python, gone = log.get("dependency.python-in-use"), log.get("dependency.no-wheel-for-python")
    if python is None or gone is None or log.get("network.pip-retries") is not None:
        return
    minor = int(python.captures["version"].split(".")[1])
    if minor not in _WIDELY_SUPPORTED:
        facts = {"version": python.captures["version"], "name": gone.captures.get("name", "")}
        yield Finding("dependency.python-and-install-failed", facts=facts, source=python.source,
                      replaces=(gone.signature,))


def _system_package(program: str) -> str:
    """The package of Debian and Ubuntu that brings a program."""
    packages = {
        "ffprobe": "ffmpeg", "node": "nodejs", "tesseract": "tesseract-ocr", "ninja": "ninja-build", "dot": "graphviz",
        "pdftoppm": "poppler-utils", "pdfinfo": "poppler-utils", "nvcc": "nvidia-cuda-toolkit",
    }
    name = slashes(program).rpartition("/")[2].removesuffix(".exe")
    return packages.get(name, name)
