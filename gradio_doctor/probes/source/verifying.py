"""Asks the app's own interpreter whether a file parses: ours may be older than the syntax the app uses."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gradio_doctor.evidence import Absent, SyntaxFault
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.bounded_process import run_bounded
from gradio_doctor.probes.source.reading import Unreadable, fault_of

TIMEOUT = 5.0  # seconds
MAX_ANSWER = 20_000  # bytes

# Runs in any Python 3. It compiles the file and executes nothing of it. "-S" keeps .pth files from running.
PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
answer = {"version": "%d.%d" % sys.version_info[:2], "fault": None}
try:
    with open(sys.argv[1], "rb") as file:
        compile(file.read(2 ** 22), "<app>", "exec", dont_inherit=True)
except SyntaxError as e:
    answer["fault"] = [type(e).__name__, e.msg, e.lineno, e.offset, e.text]
print(json.dumps(answer))
"""


@dataclass(frozen=True, slots=True)
class AppPython:
    """The app's interpreter and the environment to start it in (None: ours)."""

    path: str
    environment: Mapping[str, str] | None = None


def confirm_fault(fault: SyntaxFault, python: AppPython | None) -> SyntaxFault | Unreadable:
    """The fault as the app's interpreter sees it, or why it is not certain. No interpreter, or ours: it stands."""
    if python is None or _same_file(python.path, sys.executable):
        return fault
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
    answer = _ask(python, fault.file)
    if isinstance(answer, str):
        why = f"Python {ours} finds a {fault.kind} in line {fault.line}, the app's {python.path} did not say: {answer}"
        return Unreadable(fault.file, why)
    seen = answer.get("fault")
    if isinstance(seen, list) and len(seen) == 5:
        kind, message, line, offset, text = seen
        return fault_of(fault.file, str(kind), str(message), _integer(line), _integer(offset), str(text or ""))
    version = str(answer.get("version", "?"))
    return Unreadable(fault.file, f"line {fault.line} is valid for the app's Python {version}, but not for our {ours}")


def _ask(python: AppPython, path: str) -> dict[str, object] | str:
    """The answer of PROGRAM, or what went wrong in words."""
    command = [python.path, "-I", "-S", "-B", "-c", PROGRAM, path]
    try:
        done = run_bounded(command, seconds=TIMEOUT, limit=MAX_ANSWER, environment=python.environment)
        answer = json.loads(done.output)
    except TimeoutError:
        return f"no answer in {TIMEOUT:.0f} s"
    except (OSError, ValueError, RecursionError) as error:
        return type(error).__name__
    return answer if isinstance(answer, dict) else "it answered something else"


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _same_file(one: str, other: str) -> bool:
    """True when both start the same Python. A virtual environment's link to our own binary counts as ours."""
    try:
        return Path(one).resolve() == Path(other).resolve()
    except OSError:
        return False


def app_python(context: Context, script: str) -> AppPython | None:
    """The interpreter that runs the app, as far as it can be told without reading the app's source."""
    from gradio_doctor.probes.interpreter_choice import choose_interpreter

    choice = choose_interpreter(context, script)
    return None if isinstance(choice, Absent) else AppPython(choice.path, choice.environment)
