"""One physical line as what it says: prefixes off, JSON unwrapped, embedded line breaks expanded."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gradio_doctor.logs.prefixes import Peeled, peel
from gradio_doctor.logs.stacks import stack_text
from gradio_doctor.logs.text import decode, visible, without_ansi
from gradio_doctor.logs.times import epoch_time, parse_time
from gradio_doctor.probes.redact import tame

_MESSAGES = ("message", "msg", "event", "log", "MESSAGE", "text", "textPayload", "body")
_EXCEPTIONS = (
    "exc_info", "exception", "exc_text", "traceback", "stack_trace", "stacktrace", "stack", "stack_info",
    "error.stack_trace", "error.stack", "exception.stacktrace",
)
_INSIDE = ("error", "jsonPayload", "attributes")  # objects whose fields count as the line's own
_TIMES = ("time", "timestamp", "ts", "@timestamp", "asctime", "datetime", "__REALTIME_TIMESTAMP")
_LEVELS = ("level", "levelname", "severity", "log.level", "lvl")
_TRACES = ("trace_id", "traceId", "request_id", "requestId", "correlation_id", "trace", "dd.trace_id")
_IDENTS = ("logger", "name", "SYSLOG_IDENTIFIER", "_COMM")
ESCAPED = r"Traceback (most recent call last):\n"
_ESCAPE = re.compile(r"\\(.)")
_SINGLE, _DOUBLE = re.compile(r"(?:[^'\\]|\\.)*"), re.compile(r'(?:[^"\\]|\\.)*')
_DEPTH = 3  # docker's JSON around structlog's JSON around a message
_SHORT = 300  # bytes of lines worth remembering
_LINES = 400  # content lines that one JSON message may expand to


@dataclass(frozen=True, slots=True)
class Record:
    """What one physical line says. `lines` are its content lines, each with the places it can sensibly start at.

    `embedded` when they come out of a JSON message (its end is then the end of what they say).
    """

    lines: tuple[tuple[str, Peeled], ...]
    time: str | None = None
    level: str = ""
    trace: str = ""
    ident: str = ""
    embedded: bool = False

    @property
    def contents(self) -> tuple[str, ...]:
        """The content lines without prefixes."""
        return tuple(text[peeled.content:] for text, peeled in self.lines)


def unwrap(text: str, now: float | None = None, depth: int = _DEPTH) -> Record:
    """Read one line (without its line break). `now` is what a missing year is guessed from."""
    peeled = peel(text, now)
    plain = Record(((text, peeled),), peeled.time, peeled.level, ident=peeled.ident)
    if not depth:
        return plain
    if (at := text.find(ESCAPED)) >= 0 and not text.rstrip().endswith("}"):
        return _from_escaped(text, at, plain, now)
    if not text.rstrip().endswith("}"):
        return plain
    begin = next((s for s in peeled.starts if text.startswith("{", s)), None)
    fields = _json_object(text[begin:]) if begin is not None else None
    inner = _from_fields(fields, now, depth) if fields is not None else None
    if inner is None:
        return plain if at < 0 else _from_escaped(text, at, plain, now)
    return replace(
        inner, time=inner.time or plain.time, level=inner.level or plain.level, ident=inner.ident or plain.ident
    )


def _read(raw: bytes, now: float | None) -> Record:
    text = without_ansi(decode(raw))
    return unwrap(visible(text) if "\r" in text else text, now)


_read_again = functools.lru_cache(maxsize=2048)(_read)  # the lines of tracebacks come again and again


def read_line(raw: bytes, now: float | None = None) -> Record:
    """What the bytes of one line say: the last of its segments that a terminal would show."""
    return _read_again(raw, now) if len(raw) <= _SHORT else _read(raw, now)


def _json_object(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _from_escaped(text: str, at: int, plain: Record, now: float | None) -> Record:
    """A line that holds a whole traceback with its line breaks escaped: logfmt, key=value, JSON that is cut off."""
    quoted = _SINGLE if text[at - 1:at] == "'" else _DOUBLE
    body = quoted.match(text, at)
    whole = _ESCAPE.sub(lambda e: "\n" if e[1] == "n" else e[1], body.group() if body else text[at:])
    texts = [text[:at], *whole.split("\n")[:_LINES]]
    return replace(plain, lines=tuple((t, peel(t, now)) for t in texts), embedded=True)


def _from_fields(fields: Mapping[str, Any], now: float | None, depth: int) -> Record | None:
    for name in _INSIDE:
        if isinstance(inner := fields.get(name), dict):
            fields = {**inner, **fields}
    message = _first(fields, _MESSAGES)
    stack = [text for k in _EXCEPTIONS if "\n" in (text := stack_text(fields.get(k)))]
    if message is None and not stack:
        return None
    docker = "log" in fields and "stream" in fields
    parts = [line for text in (message or "", *stack) for line in text.rstrip("\n").split("\n")]
    records = [unwrap(without_ansi(part.rstrip("\r")), now, depth - 1) for part in parts[:_LINES]]
    first = records[0]
    return Record(
        tuple(line for record in records for line in record.lines),
        first.time or _time(fields, now),
        first.level or tame((_first(fields, _LEVELS) or "")[:40]).upper(),
        first.trace or tame((_first(fields, _TRACES) or "")[:200]),
        first.ident or (_first(fields, _IDENTS) or "")[:100],
        embedded=first.embedded or not docker,
    )


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first field that is a text or a number, as text."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)
    return None


def _time(fields: Mapping[str, Any], now: float | None) -> str | None:
    value = _first(fields, _TIMES)
    if value is None:
        return None
    try:
        return epoch_time(value)
    except (ValueError, OverflowError):
        return parse_time(value, now)
