"""Files that take the name of the module that was meant."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace

from gradio_doctor.sdk import (
    Absent,
    AppSource,
    ExceptionLink,
    Finding,
    Frame,
    Interpreter,
    Location,
    LogEvents,
    Run,
    Source,
    Traceback,
    check,
)

from .app_tracebacks import EVERYDAY, finding, library_of, real_frames, slashes

_LACKS = re.compile(
    r"(?:partially initialized )?module '(?P<module>\w{1,80})[\w.]{0,120}' has no attribute '(?P<name>\w{1,80})'"
    r"|cannot import name '(?P<name2>\w{1,80})' from (?:partially initialized module )?"
    r"'(?P<module2>\w{1,80})[\w.]{0,120}'(?: \(most likely [\w ]{1,60}\))?(?: \((?P<path>[^)]{1,300})\))?"
    r"|No module named '(?P<module3>\w{1,80})\.(?P<name3>[\w.]{1,80})'; '\w{1,80}' is not a package"
)
_SHADOWS = (
    "app.partially-initialized", "app.module-lacks-attribute", "dependency.gradio-name-removed",
    "dependency.gradio-without-basics", "dependency.cannot-import-name", "dependency.library-name-removed",
    "dependency.httpx-arguments", "dependency.openai-interface-removed", "app.consider-renaming",
    "dependency.half-installed", "dependency.known-clash", "dependency.removed-name-in-app",
    "dependency.import-between-libraries", "dependency.submodule-missing", "app.ended-by-exception",
    "app.own-module-lacks-name",
)
# Libraries after which people name their first script. An installed one of any other name is found live only.
_LIBRARIES = frozenset({
    "gradio", "gradio_client", "torch", "torchvision", "torchaudio", "transformers", "diffusers", "accelerate",
    "datasets", "tokenizers", "huggingface_hub", "openai", "anthropic", "ollama", "langchain", "langgraph",
    "llama_index", "llama_cpp", "chromadb", "faiss", "tiktoken", "spacy", "nltk", "whisper", "clip", "insightface",
    "mediapipe", "ultralytics", "numpy", "pandas", "scipy", "sklearn", "matplotlib", "plotly", "seaborn", "PIL", "cv2",
    "requests", "httpx", "aiohttp", "flask", "fastapi", "starlette", "uvicorn", "streamlit", "pydantic", "dotenv",
    "yaml", "tqdm", "redis", "celery", "telegram", "discord", "serial", "docx", "fitz", "jwt", "replicate", "groq",
})
_UNSEEN = Absent("nobody had to look")
_PYTHONS_OWN = re.compile(r"/lib(?:64)?/python\d|/lib/|/python\d{2,3}\.zip/|^<", re.IGNORECASE)


@check("module-shadowed", finds=(
    "app.file-shadows-module", "app.stray-package-shadows", "app.own-module-lacks-name",
))
def module_shadowed(log: LogEvents, source: AppSource | Absent = _UNSEEN) -> Iterator[Finding]:
    """A module lacks what everybody knows it has, and a file of the app with its name is among the frames."""
    for index, traceback in enumerate(log.tracebacks):
        link = traceback.last
        found = _LACKS.search(link.message)
        if not found or link.short_type not in ("AttributeError", "ImportError", "ModuleNotFoundError"):
            continue
        module = found["module"] or found["module2"] or found["module3"]
        name = found["name"] or found["name2"] or found["name3"] or ""
        path = slashes(found["path"] or "")
        if _is_own_module(module, path, link, source):
            told = finding("app.own-module-lacks-name", index, traceback, link, module=module, wanted=name)
            yield replace(told, replaces=_SHADOWS[:-1])
            return
        if frame := _own_file_called(module, link):
            found_it = finding("app.file-shadows-module", index, traceback, link, module=module, shadow=frame.file)
            yield replace(found_it, replaces=_SHADOWS)
            return
        if shadow := _file_in_place_of(module, path, link):
            told = finding("app.file-shadows-module", index, traceback, link, module=module, shadow=shadow)
            yield replace(told, replaces=_SHADOWS)
            return
        if module in EVERYDAY and _wanted_by_app(link) and (not path or library_of(path)):
            yield finding("app.stray-package-shadows", index, traceback, link, module=module, name=name)
            return
    yield from _told_in_passing(log)


def _told_in_passing(log: LogEvents) -> Iterator[Finding]:
    """A library prints (and swallows) that a module of the standard library lacks what it always had."""
    match = log.get("app.module-lacks-attribute")
    if match is None or match.tracebacks or log.get("dependency.left-standard-library"):
        return
    module = match.captures.get("module", "")
    if module in sys.stdlib_module_names:
        facts = {"module": module, "shadow": f"{module}.py", "line_text": match.text}
        yield Finding("app.file-shadows-module", facts=facts, source=match.source, replaces=_SHADOWS)


def _is_own_module(module: str, path: str, link: ExceptionLink, source: AppSource | Absent) -> bool:
    """True when the app wants a name of a module that is its own, and meant to be: a typo, or a circular import."""
    if module in sys.stdlib_module_names or module in _LIBRARIES or not _wanted_by_app(link):
        return False
    files = (path,) if path else () if isinstance(source, Absent) else source.files
    mine = (f for f in map(slashes, files) if not library_of(f) and not _PYTHONS_OWN.search(f))
    return any(f.endswith((f"/{module}.py", f"/{module}/__init__.py")) for f in mine)


def _own_file_called(module: str, link: ExceptionLink) -> Frame | None:
    """A frame in a file of the user's that would be imported under that name."""
    for frame in link.frames:
        path = slashes(frame.file)
        stem = path.rpartition("/")[2].removesuffix(".py")
        if frame.own and (stem == module or path.endswith(f"/{module}/__init__.py")) and not library_of(path):
            return frame
    return None


def _file_in_place_of(module: str, path: str, link: ExceptionLink) -> str:
    """The file of the user's that a library got instead of a module; "" when it cannot be told.

    Without a path in the message, only the standard library's own need of one of its modules proves it.
    """
    frames = real_frames(link)
    if not frames or frames[-1].own:
        return ""
    if path:
        named = path.endswith((f"/{module}.py", f"/{module}/__init__.py"))
        return path if named and not library_of(path) and not _PYTHONS_OWN.search(path) else ""
    wanting = slashes(frames[-1].file)
    inside = module in sys.stdlib_module_names and not library_of(wanting) and _PYTHONS_OWN.search(wanting)
    return f"{module}.py" if inside else ""


def _wanted_by_app(link: ExceptionLink) -> bool:
    frames = real_frames(link)
    return bool(frames) and frames[-1].own


@check("module-shadowed-live", finds=("app.file-shadows-module", "app.local-module-origin"))
def module_shadowed_live(
    run: Run, interpreter: Interpreter, source: AppSource, log: LogEvents | Absent = _UNSEEN
) -> Iterator[Finding]:
    """A file beside the app is imported in place of another module. Told only when the app failed."""
    if run.outcome != "exited" or not run.exit_code:
        return
    imported = {i.module.partition(".")[0] for i in source.imports}
    for origin in interpreter.origins:
        if not origin.local or not (origin.distribution or origin.standard):
            continue
        blamed = isinstance(log, LogEvents) and any(_blames(t, origin.module) for t in log.tracebacks)
        if not blamed and not (origin.distribution and origin.module in imported):
            continue
        facts = {"module": origin.module, "shadow": origin.origin}
        name = "app.file-shadows-module" if blamed else "app.local-module-origin"
        yield Finding(name, facts=facts, source=Source("file", origin.origin), location=Location(origin.origin, 1),
                      replaces=_SHADOWS if blamed else ())
        return


def _blames(traceback: Traceback, module: str) -> bool:
    """The exception says that this module lacks something."""
    found = _LACKS.search(traceback.last.message)
    return bool(found) and module in (found["module"], found["module2"], found["module3"])  # type: ignore[index]
