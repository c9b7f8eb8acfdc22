"""Exceptions that a JSON log line holds as lists and objects, as the text that Python would have printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_HEADER = "Traceback (most recent call last):"
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n"
_MOST = 100  # frames of one exception, exceptions of one chain


def stack_text(value: object) -> str:
    """A traceback as text, "" for what is none: a text, a list of lines, or structlog's list of exceptions."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return ""
    if all(isinstance(line, str) for line in value):
        return "\n".join(line.rstrip("\n") for line in value)
    chain = [e for e in value[:_MOST] if isinstance(e, dict) and "exc_type" in e]
    return "\n".join(_printed(chain))


def _printed(chain: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """structlog.processors.dict_tracebacks lists the last exception first; `is_cause` is about the one before it."""
    for place in range(len(chain) - 1, -1, -1):
        exception = chain[place]
        yield _HEADER
        frames = exception.get("frames")
        for frame in frames[:_MOST] if isinstance(frames, list) else ():
            if isinstance(frame, dict):
                yield f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}'
                if frame.get("line"):
                    yield f"    {frame['line']}"
        yield f"{exception['exc_type']}: {exception.get('exc_value') or ''}"
        if place:
            yield _CAUSE if exception.get("is_cause") else _CONTEXT
