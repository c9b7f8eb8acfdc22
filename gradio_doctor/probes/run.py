"""Starts the app under supervision, when nothing forbids it and none runs already."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gradio_doctor.evidence import (
    Absent,
    AcceptQueue,
    Environment,
    HttpAnswers,
    Instances,
    Interpreter,
    KernelLog,
    Listeners,
    LogEvents,
    Processes,
    Run,
)
from gradio_doctor.probes.base import Context

if TYPE_CHECKING:
    from gradio_doctor.supervise.app import SupervisedApp

# what was seen before the start tells of another world
_STALE = (Listeners, Processes, Instances, Environment, HttpAnswers, AcceptQueue, LogEvents, KernelLog)


def probe_run(context: Context) -> Run | Absent:
    """Start the app as `python app.py` in its directory, until it serves, ends, or the start-up time is over.

    It keeps running for the other probes, and is stopped with everything it started when the context closes.
    """
    script = context.target.script
    refusal = _refusal(context, script)
    if refusal or script is None:
        return refusal or Absent("there is no script to start")
    from gradio_doctor.supervise.app import SupervisedApp, script_command

    command = script_command(_python(context), script)
    try:
        app = SupervisedApp(command, str(Path(script).parent))
    except OSError as error:
        return Absent(f"the app's output cannot be captured: {error}", "TMPDIR=$HOME gradio-doctor diagnose")
    context.on_close(lambda: _stop(app, context))
    context.note(f"starting {command[1]} with {command[0]}")
    try:
        run = app.start(context.options.startup_timeout)
    except OSError as error:
        return Absent(f"the app cannot be supervised: {error}")
    finally:
        context.forget(*_STALE)
    context.note(tell(run))
    return run


def _stop(app: SupervisedApp, context: Context) -> None:
    app.stop()
    if app.process.left:
        context.note(f"could not end everything that the app started: pid {', '.join(map(str, app.process.left))}")


def tell(run: Run) -> str:
    """How a start went, in one line for people."""
    if run.outcome == "serving":
        return f"serving on {run.url} after {run.seconds:.1f} s"
    if run.outcome == "timeout":
        return f"not serving after {run.seconds:.0f} s"
    if run.outcome == "failed-to-start":
        return f"could not be started: {run.error}"
    if run.signal is None:
        return f"exited with status {run.exit_code} after {run.seconds:.1f} s"
    return f"ended by {_signal_name(run.signal)} after {run.seconds:.1f} s"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _refusal(context: Context, script: str | None) -> Absent | None:
    """Why the app is not to be started, None when it may be."""
    if context.target.kind != "script" or script is None:
        return Absent("the target is not a script, so there is nothing to start")
    if not context.options.run:
        return Absent("--no-run forbids starting the app", f"gradio-doctor diagnose {context.target.text}")
    if sys.platform != "linux":
        return Absent(
            "starting the app under supervision needs Linux",
            f"python {Path(script).name} > app.log 2>&1; gradio-doctor logs app.log",
        )
    instances = context.get(Instances)
    if isinstance(instances, Instances) and instances.main:
        running = ", ".join(str(p.pid) for p in instances.main)
        return Absent(f"the app is running already (pid {running}), and is examined as it is")
    return None


def _python(context: Context) -> str:
    """The app's own interpreter. Its path is not resolved: a virtual environment is known by the link."""
    interpreter = context.get(Interpreter)
    if isinstance(interpreter, Interpreter):
        return str(Path(interpreter.path).absolute()) if "/" in interpreter.path else interpreter.path
    return shutil.which("python3") or "python3"
