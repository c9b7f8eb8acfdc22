"""The lines that tracebacks are made of."""

from __future__ import annotations

import functools
import re
import sys

from gradio_doctor.evidence.logs import Frame
from gradio_doctor.probes.redact import tame

HEADER = re.compile(r"Traceback \(most rec(?:ent call last\)|.{0,14}─[╮┐])")  # a narrow box cuts its title
GROUP_HEADER = re.compile(r"^\s*\+ Exception Group Traceback \(most recent call last\)")
RICH_HEADER = re.compile(r"^\s*[╭┌+][─-]{1,400} ?Traceback \(most rece")
STACK_HEADER = re.compile(r"^\s*(?:Current thread|Thread|Stack|Timeout)\b.{0,120}\(most recent call first\)")
FATAL = re.compile(r"Fatal Python error: (?P<what>.{1,300})")
CAUSE = re.compile(r"he above exception was the direct cause of the following exception")
CONTEXT = re.compile(r"uring handling of the above exception, another exception occurred")
FILE_LINE = re.compile(
    r"File \"(?P<file>[^\"]{1,500})\", line (?P<line>\d{1,7})(?:,? in (?P<function>[^\s].{0,200}))?"
)
RICH_FRAME = re.compile(
    r"^(?P<file>(?:[A-Za-z]:|/|<|\.|\w).{0,500}?):(?P<line>\d{1,7})(?: in (?P<function>[^\s│|]{1,200}))?\s*$"
)
REPEATED = re.compile(r"^\s*\[Previous line repeated \d{1,9} more times?\]")
CARETS = re.compile(r"^\s*[~^]{1,500}[\s~^]*$")
RICH_SOURCE = re.compile(r"^\s*[❱>]\s{0,8}\d{1,7}\s(?P<text>.{0,500})$")

_LIBRARY = re.compile(
    r"[\\/](?:site-packages|dist-packages)[\\/]"
    r"|[\\/]lib(?:32|64)?[\\/]python\d(?:\.\d{1,2})?t?[\\/]"  # /usr, conda, pyenv, a virtual environment's own copies
    r"|[\\/]python[\w.-]{0,40}[\\/]lib[\\/]"  # Windows: C:\...\Python311\lib\runpy.py
    r"|[\\/](?:ana|mini)?conda\d?(?:[\\/]envs[\\/][^\\/]{1,80})?[\\/]lib[\\/]"
    r"|python3\d{1,2}\.zip[\\/]|^<|[\\/]<frozen |importlib[\\/]_bootstrap",
    re.IGNORECASE,
)

# What starts servers and apps from the command line lies in no package: /usr/local/bin/gunicorn, venv/bin/uvicorn.
_LAUNCHER = re.compile(
    r"[\\/](?:bin|Scripts)[\\/](?:gunicorn|uvicorn|hypercorn|granian|daphne|gradio|fastapi|flask|streamlit|celery|pytest"
    r"|ipython\d?|jupyter[\w-]{0,20}|accelerate|torchrun|deepspeed|poetry|pipenv|uv|pipx|ddtrace-run|newrelic-admin"
    r"|opentelemetry-instrument|debugpy|watchmedo|watchfiles)(?:\.exe|-script\.py|\.py)?(?:[\\/]__main__\.py)?$",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[\\/]")
_PACKAGES = frozenset({
    "gradio", "gradio_client", "starlette", "fastapi", "uvicorn", "anyio", "httpx", "httpcore", "requests", "urllib3",
    "torch", "transformers", "diffusers", "huggingface_hub", "pydantic", "numpy", "click", "gunicorn", "aiohttp",
})

# Names of levels and such that look like the last line of a traceback ("INFO: ...") and are none.
_NO_TYPES = frozenset({
    "info", "debug", "warning", "warn", "error", "critical", "fatal", "notice", "trace", "file", "traceback", "note",
    "hint", "http", "https", "during", "the", "step", "steps", "epoch", "loading", "running", "progress", "usage",
    "command", "output", "stdout", "stderr", "done", "killed", "aborted", "terminated", "success", "total", "time",
    "date", "important", "detail", "status", "host", "url", "device", "version", "model", "loaded", "keyboard",
})
_TYPE = re.compile(
    r"^(?P<type>[A-Za-z_][\w]{0,99}(?:\.[A-Za-z_<][\w<>]{0,99}){0,12})(?:: ?(?P<message>.{0,4000})|:?\s*)$", re.DOTALL
)
_TYPE_NAME = re.compile(
    r"(?:Error|Exception|Exit|Interrupt|Warning|Group|Iteration|Timeout|Timedout|TimeoutExpired|Fault|Failure|Failed"
    r"|Cancelled|Abort|Refused|Denied|NotFound|Required|Empty|Full|Invalid\w{0,40}|Disconnect|Closed\w{0,20}|Closed)$"
)


def is_library(file: str) -> bool:
    """True for a file that belongs to an installed package or the standard library, not to the user."""
    if _LIBRARY.search(file) or _LAUNCHER.search(file):
        return True
    top = _SEPARATOR.split(file, maxsplit=1)[0].removesuffix(".py")  # frozen programs print relative paths
    return top in sys.stdlib_module_names or (top in _PACKAGES and top != file)


def frame_of(content: str) -> Frame | None:
    """The frame that a `File "...", line N, in f` line tells of."""
    return _frame_of(content) if 'File "' in content else None


@functools.lru_cache(maxsize=512)
def _frame_of(content: str) -> Frame | None:
    found = FILE_LINE.search(content)
    return _frame(found) if found else None


def rich_frame_of(content: str) -> Frame | None:
    """The frame that a line inside a box of rich tells of."""
    found = RICH_FRAME.match(content)
    return _frame(found) if found else None


def _frame(found: re.Match[str]) -> Frame:
    file, function = tame(found["file"]).strip(), tame(found["function"] or "").strip()
    return Frame(file, max(int(found["line"]), 1), function, own=not is_library(file))


def exception_of(content: str) -> tuple[str, str, bool] | None:
    """Type, message and certainty of a line that may end a traceback; None when it cannot."""
    found = _TYPE.match(content)
    if not found:
        return None
    name = found["type"]
    if name.lower() in _NO_TYPES or (found["message"] is None and content.rstrip().endswith(".")):
        return None
    short = name.rpartition(".")[2]
    sure = bool(_TYPE_NAME.search(short)) or ("." in name and short.endswith(("error", "timeout")))
    if not sure and not short[0].isupper():
        return None
    return name, (found["message"] or "").strip(), sure
