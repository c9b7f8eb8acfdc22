"""Reads what py-spy prints as JSON. It is not trusted: every field is checked, and everything is bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gradio_doctor.probes.redact import clean

MOST_THREADS = 512
_INNERMOST, _OUTERMOST = 96, 48  # of a deep recursion, the ends are kept
_MOST_LINE = 10_000_000
_NAME, _PATH = 200, 1000


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame as printed."""

    function: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class RawStack:
    """A thread as printed, innermost frame first; `cut` when frames in the middle were left out."""

    tid: int
    name: str
    frames: tuple[RawFrame, ...]
    holds_gil: bool
    cut: bool


def parse_dump(output: bytes, pid: int) -> tuple[RawStack, ...]:
    """The threads of process `pid` in the output of `py-spy dump --json`. Raises ValueError when it is no such."""
    try:
        found = json.loads(output)
    except (ValueError, RecursionError) as error:
        raise ValueError("its output is not JSON") from error
    if not isinstance(found, list):
        raise ValueError("its output is no list of threads")
    stacks = tuple(_stacks(found[:MOST_THREADS], pid))
    if not stacks:
        raise ValueError("its output has no thread")
    return stacks


def _stacks(found: list[Any], pid: int) -> Iterator[RawStack]:
    for one in found:
        if not isinstance(one, dict) or one.get("pid") not in (pid, None):
            continue
        tid, frames = _number(one.get("os_thread_id"), 1 << 31), one.get("frames")
        if tid and isinstance(frames, list):
            yield _stack(one, tid, frames)


def _stack(one: Mapping[str, Any], tid: int, frames: list[Any]) -> RawStack:
    cut = len(frames) > _INNERMOST + _OUTERMOST
    kept = [*frames[:_INNERMOST], *frames[-_OUTERMOST:]] if cut else frames
    return RawStack(tid, _text(one.get("thread_name"), _NAME), tuple(_frames(kept)), one.get("owns_gil") is True, cut)


def _frames(found: list[Any]) -> Iterator[RawFrame]:
    for one in found:
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            line = _number(one.get("line"), _MOST_LINE)
            yield RawFrame(_text(one["name"], _NAME), _text(one.get("filename"), _PATH), line)


def _number(value: object, most: int) -> int:
    """The value when it is a whole number below `most`, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < most else 0


def _text(value: object, limit: int) -> str:
    return clean(value, limit) if isinstance(value, str) else ""
