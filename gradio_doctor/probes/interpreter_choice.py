"""Which Python is the app's.

Not simply the one we run under: installed with pipx or uvx, ours says nothing about the app. But when nothing else
tells, and `python` on PATH has no Gradio while ours has, we were installed beside the app.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gradio_doctor.evidence import Absent, Process
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.bounded_process import run_bounded
from gradio_doctor.probes.instances import subject
from gradio_doctor.probes.looks import read_environment
from gradio_doctor.probes.scripts import is_python

_INHERITED = (
    "PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "VIRTUAL_ENV", "CONDA_PREFIX",
    "LD_LIBRARY_PATH", "HOME",
)
_OURS_ONLY = ("PYTHONINSPECT", "PYTHONSTARTUP", "PYTHONVERBOSE", "PYTHONPROFILEIMPORTTIME", "__PYVENV_LAUNCHER__")
_DELETED = " (deleted)"
_NO_GRADIO = 3  # exit status of the question
_MOST_PARENTS = 6
_SITE = re.compile(r"(/[^\n]{1,1000}?)/lib(?:64)?/python3\.\d{1,2}/site-packages/")


@dataclass(frozen=True, slots=True)
class Choice:
    """A Python, how it was chosen, and the environment to start it in. `environment` may hold secrets."""

    path: str
    chosen: str
    environment: Mapping[str, str]


def choose_interpreter(context: Context, script: str | None) -> Choice | Absent:
    """The app's Python: as told, of the running process, beside the script, of the shell's environment, on PATH."""
    ours = {k: v for k, v in os.environ.items() if k not in _OURS_ONLY}
    if context.options.python:
        return _told(context.options.python, ours)
    if process := _running(context):
        variables = read_environment(process.pid)
        if path := python_of_process(process, variables):
            kept = {k: v for k, v in ours.items() if not variables or k not in _INHERITED}
            return Choice(path, "the running process", kept | {k: variables[k] for k in _INHERITED if k in variables})
    if script is None:
        return Absent("neither a script nor a running process tells which Python is the app's",
                      "gradio-doctor diagnose app.py --python PATH")
    if found := _beside(Path(script)):
        return Choice(str(found), f"{found.parent.parent.name} beside the app", ours)
    if (active := os.environ.get("VIRTUAL_ENV")) and (python := _python_in(Path(active))):
        return Choice(str(python), "VIRTUAL_ENV", ours)
    return _on_path_or_ours(ours)


def _on_path_or_ours(environment: Mapping[str, str]) -> Choice | Absent:
    on_path = shutil.which("python") or shutil.which("python3")
    if on_path and (not _we_have_gradio() or _has_gradio(on_path, environment)):
        return Choice(on_path, "python on PATH", environment)
    if _we_have_gradio():
        return Choice(sys.executable, "our own, which has Gradio", environment)
    return Absent("no Python was found for the app", "gradio-doctor diagnose app.py --python PATH")


def _we_have_gradio() -> bool:
    """True when Gradio is installed beside us (a distribution: not some gradio.py that lies about)."""
    try:
        return bool(importlib.metadata.version("gradio"))
    except importlib.metadata.PackageNotFoundError:
        return False


def _has_gradio(python: str, environment: Mapping[str, str]) -> bool:
    """True when a Python finds a module gradio; when it cannot be asked, too: then its fault is to be found."""
    ask = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('gradio') else 3)"
    try:
        done = run_bounded([python, "-c", ask], seconds=3, limit=1 << 16, directory=os.sep, environment=environment)
    except (OSError, TimeoutError, ValueError):
        return True
    return done.code != _NO_GRADIO


def _told(text: str, ours: Mapping[str, str]) -> Choice | Absent:
    directory = Path(text).expanduser()
    path = str(_python_in(directory) or "") if directory.is_dir() else shutil.which(os.path.expanduser(text))  # noqa: PTH111
    if not path:
        return Absent("--python names no program that can be run")
    return Choice(str(Path(path).absolute()), "--python", ours)


def _running(context: Context) -> Process | None:
    """The running process of the app, when it is a Python."""
    process = subject(context)
    return process if isinstance(process, Process) and is_python(process.command, _exe(process)) else None


def _exe(process: Process) -> str:
    """The program a process runs, as the kernel links it; it ends in " (deleted)" when it was replaced since."""
    try:
        return str(Path(f"/proc/{process.pid}/exe").readlink())
    except OSError:
        return process.exe


def python_of_process(process: Process, variables: Mapping[str, str]) -> str:
    """The Python of a process, its virtual environment included; "" when it cannot be told.

    The kernel's link leads through a virtual environment to the base Python, so the environment is looked for in the
    command, in VIRTUAL_ENV, and in the files that the process has mapped.
    """
    exe = _exe(process)
    base = exe.removesuffix(_DELETED)
    for candidate in (Path(base), *_candidates(process, variables)):
        if _has_environment(candidate) and _runs(candidate, base):
            return str(candidate)
    return base if os.access(base, os.X_OK) else next(
        (str(c) for c in _candidates(process, variables) if os.access(c, os.X_OK)), "")


def _candidates(process: Process, variables: Mapping[str, str]) -> Iterator[Path]:
    first = process.command[0] if process.command else ""
    if "/" in first or os.sep in first:
        yield Path(process.cwd or "/") / first
    elif first and (found := shutil.which(first, path=variables.get("PATH"))):
        yield Path(found)
    for directory in (variables.get("VIRTUAL_ENV"), _mapped_environment(process.pid)):
        if directory and (python := _python_in(Path(directory))):
            yield python


def _mapped_environment(pid: int) -> str:
    """The environment whose site-packages a process has mapped shared objects from."""
    try:
        with Path(f"/proc/{pid}/maps").open(encoding="utf-8", errors="replace") as maps:
            for found in _SITE.finditer(maps.read(1 << 20)):
                if Path(found[1], "pyvenv.cfg").is_file():
                    return found[1]
    except OSError:
        pass
    return ""


def _has_environment(python: Path) -> bool:
    return (python.parent.parent / "pyvenv.cfg").is_file()


def _runs(python: Path, base: str) -> bool:
    """True when starting `python` would run the program `base`."""
    try:
        return os.access(python, os.X_OK) and (os.name == "nt" or python.resolve() == Path(base).resolve())
    except OSError:
        return False


def _beside(script: Path) -> Path | None:
    """The virtual environment in the script's directory or above it, at most up to the root of its repository.

    Asking an environment runs it: none above a directory that everybody may write to (/tmp), and none of a stranger's.
    """
    for place in script.parents[:_MOST_PARENTS]:
        if place != script.parent and _mode(place) & stat.S_IWOTH:
            return None
        for environment in (place / ".venv", place / "venv", place):
            trusted = (environment / "pyvenv.cfg").is_file() and _is_trusted(environment, script)
            if trusted and (python := _python_in(environment)):
                return python
        if (place / ".git").exists() or place == Path.home():
            return None
    return None


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _is_trusted(environment: Path, script: Path) -> bool:
    """True when the environment is ours, root's, or of whoever owns the script (which would be run all the same)."""
    if not hasattr(os, "geteuid"):
        return True
    try:
        owner = environment.stat().st_uid
        return owner in (0, os.geteuid()) or (script.exists() and owner == script.stat().st_uid)
    except OSError:
        return False


def _python_in(environment: Path) -> Path | None:
    """The Python of a virtual environment. A dangling link counts: that it cannot be started is a finding."""
    for name in ("bin/python", "bin/python3", "Scripts/python.exe"):
        python = environment / name
        if python.is_symlink() or python.is_file():
            return python
    return None
