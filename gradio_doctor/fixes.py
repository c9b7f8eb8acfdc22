"""The guilty stack of a cause, and the change of the user's source that mends it, where one can be made mechanically.

A change is offered only where it is surely right: the lines are still those that ran, every name is what it seems to
be, the result parses. Otherwise there is none, and the remedies in words have to do.
"""

from __future__ import annotations

import os
from ast import AsyncFunctionDef
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath

from gradio_doctor.diagnosis import CauseFound, Fix
from gradio_doctor.evidence import Absent, AppSource, Location
from gradio_doctor.fixes_limit import SECONDS, limited
from gradio_doctor.fixes_loop import awaited, plain_def
from gradio_doctor.fixes_names import around
from gradio_doctor.fixes_patch import Edit, Module, patch
from gradio_doctor.knowledge.model import Prose
from gradio_doctor.probes.source_text import read_source
from gradio_doctor.sdk import Finding

_MOST_FILES = 64
_DEF = Prose(
    "Make {name} a plain def: it awaits nothing, and Gradio runs a def in a worker thread.",
    "把 {name} 改成普通 def：它没有 await，Gradio 会在工作线程中运行 def。",
)
_AWAIT = Prose(
    "Let {name} wait without holding the event loop.", "让 {name} 在等待时不占住事件循环。",
)
_LIMIT = Prose(
    f"Give the request in {{name}} a time limit ({SECONDS} s here: take what its server needs).",
    f"为 {{name}} 中的请求设置时限（这里是 {SECONDS} 秒，请按服务器的需要调整）。",
)
_OLDEST = (3, 9)  # has asyncio.to_thread


def mended(
    cause: CauseFound, findings: Mapping[str, Finding], source: AppSource | Absent | None, python: str = "",
) -> CauseFound:
    """The cause with the stack of the finding that speaks most for it, and with the change that it calls for first.

    `python` is the version of the app's interpreter, as far as it is known.
    """
    told = next((f for i in cause.evidence if i.seen and (f := findings.get(i.finding)) and f.stack), None)
    if told is None:
        return cause
    fix = _fix(cause, told, source, python) if isinstance(source, AppSource) else None
    return replace(cause, stack=told.stack, threads=told.threads, fixes=(*([fix] if fix else []), *cause.fixes))


def _fix(cause: CauseFound, told: Finding, source: AppSource, python: str) -> Fix | None:
    makers = {"free-loop": _free_loop, "limit-wait": _limit_wait}
    found = makers[told.mend](told, source, python) if told.mend else None
    if found is None:
        return None
    place, module, edits, text = found
    directory = _directory(place.file, source)
    diff = patch(module, edits, PurePath(os.path.relpath(place.file, directory)).as_posix())
    verify = next((f.verify for f in cause.fixes if f.verify), ())
    said = Prose(text.en.format(name=place.function), text.zh.format(name=place.function))
    return Fix(said, (), False, verify, diff, directory) if diff else None


_Found = tuple[Location, Module, list[Edit], Prose]


def _free_loop(told: Finding, source: AppSource, python: str) -> _Found | None:
    """A change at the innermost `async` function of the stack: what is inside of it runs on the event loop."""
    for place in reversed(told.stack):
        module = _module(place)
        inner = around(module.tree, place.line) if module else []
        if module is None or not inner or inner[0].name != place.function or not isinstance(inner[0], AsyncFunctionDef):
            continue
        handlers = [h for h in source.handlers_at(place.file, place.line) if h.is_async]
        named = next((h for h in handlers if h.name.rpartition(".")[2] == place.function), None)
        edits = plain_def(module, place.line, named.event, _others(source, place.file)) if named else []
        if edits:
            return place, module, edits, _DEF
        edits = awaited(module, place.line, threads=_version(python) >= _OLDEST)
        return (place, module, edits, _AWAIT) if edits else None
    return None


def _limit_wait(told: Finding, source: AppSource, python: str) -> _Found | None:  # noqa: ARG001 - one of the makers
    """A change at the innermost of the user's own frames."""
    for place in reversed(told.stack):
        if place.text:
            module = _module(place)
            edits = limited(module, place.line) if module else []
            return (place, module, edits, _LIMIT) if module and edits else None
    return None


def _module(place: Location) -> Module | None:
    """The file of a frame, if its line is still the one that runs there."""
    text = read_source(place.file) if place.text else ""
    module = Module.of(text) if text else None
    return module if module and module.line(place.line) == place.text else None


def _others(source: AppSource, file: str) -> list[Module]:
    texts = (read_source(f) for f in source.files[:_MOST_FILES] if f != file)
    return [m for t in texts if (m := Module.of(t))]


def _directory(file: str, source: AppSource) -> str:
    """The app's directory, or that of the file where it lies elsewhere."""
    inside = Path(file).is_relative_to(source.directory)
    return source.directory if inside else str(PurePath(file).parent)


def _version(python: str) -> tuple[int, ...]:
    """(3, 11) of "3.11.4"; a version that we do not know is taken for a new one."""
    numbers = [p for p in python.split(".")[:2] if p.isascii() and p.isdigit()]
    return tuple(map(int, numbers)) or _OLDEST
