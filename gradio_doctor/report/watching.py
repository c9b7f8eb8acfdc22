"""What `watch` tells, as lines of text and as lines of JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from gradio_doctor.diagnosis import CauseFound, Diagnosis
from gradio_doctor.report.json_report import cause_dict
from gradio_doctor.report.line import Line
from gradio_doctor.report.lines import fix_lines
from gradio_doctor.report.places import script_of, short
from gradio_doctor.report.stack import frame_lines, group_lines
from gradio_doctor.report.words import WORDS
from gradio_doctor.watch_story import Happening, Row

_INDENT = 10


def as_lines(one: Happening, lang: str, verbosity: int) -> list[Line]:
    """The time and what happened; for a cause, the stack, the other threads and the fix below."""
    said, style = _said(one, lang)
    out = [Line(f"{_clock(one.at)}  {said}", style, 0, _INDENT)]
    if one.kind == "cause" and one.cause and one.diagnosis:
        out += _cause(one.diagnosis, one.cause, lang, verbosity)
    out += [Line(f"- {_row(row, lang)}", "", _INDENT) for row in one.rows]
    return out


def _said(one: Happening, lang: str) -> tuple[str, str]:
    words: dict[str, object] = {"pid": one.pid or "-", "url": one.url or "-", "seconds": f"{one.seconds:.1f}"}
    if one.kind == "watching":
        return WORDS["watching"].pick(lang).format(**words | {"seconds": f"{one.seconds:g}"}), "dim"
    if one.kind == "summary":
        key = "watch-summary" if one.again else "watch-nothing"
        return WORDS[key].pick(lang).format(seconds=f"{one.seconds:.0f}", count=one.again), "heading"
    if one.cause is None:
        style = {"well": "good", "late": "warning"}.get(one.kind, "heading")
        return WORDS[f"watch-{one.kind}"].pick(lang).format(**words), style
    if one.kind == "again":
        name = f"{one.cause.id} ({_where(one)})" if one.cause.location else one.cause.id
        return WORDS["watch-again"].pick(lang).format(**words, cause=name, count=one.again), one.cause.severity
    return f"{one.cause.id}: {one.cause.says.pick(lang)}", one.cause.severity


def _where(one: Happening) -> str:
    place = one.cause.location if one.cause else None
    script = script_of(one.diagnosis) if one.diagnosis else ""
    return f"{short(place.file, script)}:{place.line} {place.function}".strip() if place else ""


def _cause(diagnosis: Diagnosis, cause: CauseFound, lang: str, verbosity: int) -> Iterator[Line]:
    script = script_of(diagnosis)
    if cause.location and not cause.stack:
        cause = replace(cause, stack=(cause.location,))
    yield from frame_lines(cause, script, _INDENT)
    if verbosity >= 0:
        yield from group_lines(cause, script, lang, verbosity, _INDENT)
    for fix in cause.fixes if verbosity > 0 else cause.fixes[:2]:
        yield from (replace(line, indent=line.indent + _INDENT - 2) for line in fix_lines(fix, lang))


def _row(row: Row, lang: str) -> str:
    what = f"{row.cause} {row.place}".strip() or WORDS["watch-unseen"].pick(lang)
    times = {"first": _clock(row.first), "last": _clock(row.last)}
    return WORDS["watch-row"].pick(lang).format(count=row.count, what=what, seconds=f"{row.longest:.1f}", **times)


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def as_json(one: Happening, lang: str) -> str:
    """One line of ASCII: `event` is its kind, `time` ISO 8601 with the zone; a cause is as in the report."""
    out: dict[str, Any] = {"event": one.kind, "time": _iso(one.at), "seconds": round(one.seconds, 3)}
    if one.pid:
        out["pid"] = one.pid
    if one.url:
        out["url"] = one.url
    if one.cause:
        place = one.cause.location
        out |= {"id": one.cause.id, "times": one.again}
        out |= {"place": {"file": place.file, "line": place.line, "function": place.function}} if place else {}
    if one.kind == "cause" and one.cause:
        out["cause"] = cause_dict(one.cause, lang)
    if one.kind == "summary":
        out |= {"times": one.again, "incidents": [_incidents(row) for row in one.rows]}
    return json.dumps(out, ensure_ascii=True) + "\n"


def _incidents(row: Row) -> dict[str, Any]:
    times = {"first": _iso(row.first), "last": _iso(row.last)}
    return {"id": row.cause, "place": row.place, "times": row.count, "longest": round(row.longest, 3), **times}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="milliseconds")
