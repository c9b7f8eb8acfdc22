"""The environment variables that matter to a Gradio app, as the app itself has them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from gradio_doctor.evidence import Absent, Environment, Process
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.instances import subject
from gradio_doctor.probes.redact import clean, redact_value

_MATTERS = re.compile(
    r"GRADIO_(?!DOCTOR_)\w{1,80}|(?:HTTPS?|ALL|FTP|NO|WSS?)_PROXY|(?:https?|all|ftp|no|wss?)_proxy|CUDA_VISIBLE_DEVICES|HF_HOME"
    r"|HF_HUB_OFFLINE|HF_HUB_CACHE|HF_ENDPOINT|TRANSFORMERS_OFFLINE|PYTHONPATH|PYTHONHOME|VIRTUAL_ENV|TMPDIR|LANG|LC_ALL"
    r"|PYTHONUTF8|PYTHONIOENCODING|LD_LIBRARY_PATH|LD_PRELOAD|PORT|SPACE_ID|SYSTEM|PYTORCH_\w{0,40}ALLOC_CONF"
    r"|FORWARDED_ALLOW_IPS"
)


def probe_environment(context: Context) -> Environment | Absent:
    """The variables of the app's process, or of this shell when none runs (the app would inherit them)."""
    found = whole_environment(context)
    if isinstance(found, Absent):
        return found
    variables, process = found
    shown = {n: redact_value(n, v) for n, v in sorted(variables.items()) if _MATTERS.fullmatch(n)}
    return Environment(shown, f"pid {process.pid}" if process else "this shell")


def whole_environment(context: Context) -> tuple[Mapping[str, str], Process | None] | Absent:
    """Every variable, secrets included, and whose they are (None: this shell's). For probes only: never evidence."""
    process = subject(context)
    if isinstance(process, Absent):
        return process
    if process is None:
        if context.target.kind in ("port", "url"):
            return Absent(f"no process of the app is running on {clean(context.target.text, 200)}")
        return dict(os.environ), None
    variables = _environment_of(process)
    return variables if isinstance(variables, Absent) else (variables, process)


def _environment_of(process: Process) -> Mapping[str, str] | Absent:
    import psutil

    try:
        return psutil.Process(process.pid).environ()
    except psutil.AccessDenied:
        why = f"the environment of pid {process.pid} belongs to user {process.user}, and we may not read it"
        return Absent(why, f'sudo "$(command -v gradio-doctor)" diagnose pid:{process.pid}')
    except psutil.NoSuchProcess:
        return Absent(f"process {process.pid} has ended")
    except (psutil.Error, OSError, ValueError) as error:
        return Absent(f"the environment of pid {process.pid} cannot be read: {clean(str(error), 200)}")
