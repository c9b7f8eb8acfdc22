"""The app's own Python: what is installed in it, and where it would load the app's modules from."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradio_doctor.evidence import Absent, AppSource, Instances, Interpreter, ModuleOrigin
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.bounded_process import run_bounded
from gradio_doctor.probes.interpreter_choice import Choice, choose_interpreter
from gradio_doctor.probes.redact import clean, redact_text
from gradio_doctor.probes.requirements import unmet_requirements

_SECONDS = 5.0
_MOST_OUTPUT = 8 * 1024 * 1024
_MOST_MODULES = 1000
_MOST_UNMET = 100
_ROOTS = ("gradio", "gradio-client")
_INSIDE = Path(__file__).with_name("inside_interpreter.py")


def probe_interpreter(context: Context) -> Interpreter | Absent:
    """Choose the app's Python and ask it, in one start of it (at most five seconds)."""
    if context.target.kind in ("log", "bundle"):
        return Absent("a recording has no interpreter to ask")
    script = _script(context)
    choice = choose_interpreter(context, script)
    if isinstance(choice, Absent):
        return choice
    source = context.get(AppSource)
    imports = () if isinstance(source, Absent) else source.imports
    modules = sorted({i.module.partition(".")[0] for i in imports} - {""})
    return ask_interpreter(choice, str(Path(script).parent) if script else "", tuple(modules))


def _script(context: Context) -> str | None:
    if context.target.script:
        return context.target.script
    instances = context.get(Instances)
    return None if isinstance(instances, Absent) else instances.script or None


def ask_interpreter(choice: Choice, directory: str, modules: tuple[str, ...] = ()) -> Interpreter | Absent:
    """Ask a Python about itself, as it would be under `python app.py` in `directory` ("" when that is unknown)."""
    mark = secrets.token_hex(8)  # start-up files of the environment may print, too
    asked = {"directory": directory, "modules": modules[:_MOST_MODULES], "roots": _ROOTS, "mark": mark}
    command = [choice.path, "-c", _INSIDE.read_text(encoding="utf-8"), json.dumps(asked)]
    environment = {**choice.environment, "PYTHONDONTWRITEBYTECODE": "1"}
    start = directory if directory and Path(directory).is_dir() else None
    try:
        done = run_bounded(command, seconds=_SECONDS, limit=_MOST_OUTPUT, directory=start, environment=environment)
        told = json.loads(done.output.decode("utf-8", "replace").rpartition(mark)[2].partition("\n")[0] or "null")
        if isinstance(told, dict):
            return _interpreter(choice, told)
        reason = (done.errors.decode("utf-8", "replace").strip().splitlines() or [f"exit status {done.code}"])[-1]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error)
    where = f"{choice.path} ({choice.chosen})"
    return Absent(f"{clean(where, 300)} could not be asked: {clean(redact_text(reason), 300)}",
                  "gradio-doctor diagnose app.py --python PATH")


def _interpreter(choice: Choice, told: Mapping[str, Any]) -> Interpreter:
    """What the interpreter told, as evidence. Raises KeyError, TypeError or ValueError when it is not of that shape."""
    versions = {clean(name, 200): clean(version, 100) for name, version in told["packages"]}
    major, minor, micro = (int(part) for part in told["version"])
    origins = tuple(
        ModuleOrigin(clean(module, 200), clean(origin, 1000), clean(distribution, 200), bool(local), bool(standard))
        for module, origin, distribution, local, standard in told["origins"]
    )
    unmet = tuple(unmet_requirements(told["requires"], versions, told["markers"]))[:_MOST_UNMET]
    packages = tuple(sorted(versions.items()))
    return Interpreter(choice.path, (major, minor, micro), choice.chosen, packages, origins, unmet)
