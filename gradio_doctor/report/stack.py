"""The part of the text report that shows the guilty stack, what the other threads do, and the fix as a patch."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.diagnosis import CauseFound, Fix
from gradio_doctor.live.model import Group
from gradio_doctor.report.line import Line, heading
from gradio_doctor.report.places import short
from gradio_doctor.report.words import WORDS

_MOST_GROUPS = 6  # without -v
_STYLES = {"+": "added", "-": "removed", "@": "place"}


def stack_lines(cause: CauseFound, script: str, lang: str, verbosity: int) -> Iterator[Line]:
    """The frames, one line each, and a line for each group of the other threads."""
    if len(cause.stack) > 1:  # one frame is what "In your code" shows anyway
        yield from heading("stack", lang)
        yield from frame_lines(cause, script)
    if cause.threads:
        yield from heading("threads", lang)
        yield from group_lines(cause, script, lang, verbosity)


def frame_lines(cause: CauseFound, script: str, indent: int = 4) -> Iterator[Line]:
    """app.py:31 predict | time.sleep(9)"""
    for place in cause.stack:
        code = f" | {place.text}" if place.text else ""
        yield Line(f"{short(place.file, script)}:{place.line} {place.function}{code}", "frame", indent, 4)


def group_lines(cause: CauseFound, script: str, lang: str, verbosity: int, indent: int = 4) -> Iterator[Line]:
    """40 x waiting on sleep in app.py:31 predict: at work before at rest, many before few."""
    groups = sorted(cause.threads, key=lambda g: (g.verdict == "idle", -g.count, g.place))
    shown = groups if verbosity > 0 else groups[:_MOST_GROUPS]
    for group in shown:
        yield Line(_group(group, script, lang), "frame", indent, 4)
    if left := sum(g.count for g in groups) - sum(g.count for g in shown):
        yield Line(WORDS["more-threads"].pick(lang).format(count=left), "dim", indent)


def _group(group: Group, script: str, lang: str) -> str:
    does = WORDS[f"does-{group.verdict}"].pick(lang)
    on = WORDS["does-on"].pick(lang).format(what=group.wait) if group.wait else ""
    if group.place:
        where = WORDS["does-at"].pick(lang).format(place=short(group.place, script))
    else:
        where = WORDS["does-thread"].pick(lang).format(role=group.role)
    return f"{group.count} × {does}{on}{where}"


def patch_lines(fix: Fix, lang: str) -> Iterator[Line]:
    """The diff of a remedy, each line as it is."""
    if fix.diff:
        yield Line(WORDS["patch"].pick(lang).format(directory=fix.directory), "dim", 4)
        for row in fix.diff.splitlines():
            yield Line(row, _STYLES.get(row[:1], "code"), 6, 0)
