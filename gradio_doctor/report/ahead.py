"""The part of the text report that says what may go wrong, read off its source or off the system."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.diagnosis import Diagnosis, Prediction
from gradio_doctor.report.line import Line, heading, more, with_block
from gradio_doctor.report.places import script_of, short
from gradio_doctor.report.words import WORDS

_MOST, _MOST_BESIDE = 4, 1  # without -v: alone, and beside a cause that is happening


def ahead(diagnosis: Diagnosis, lang: str, verbosity: int) -> Iterator[Line]:
    """The predictions, each with the way through the user's code to the place where it would happen.

    Those of the source and those of the running system stand apart: the heading says what they were read off.
    """
    most = _MOST_BESIDE if diagnosis.causes else _MOST
    shown = diagnosis.predictions if verbosity > 0 else diagnosis.predictions[:most]
    for name, measured in (("predictions", False), ("predictions-measured", True)):
        group = [p for p in shown if p.measured is measured]
        if group:
            yield from heading(name, lang)
        for one in group:
            yield from _one(one, script_of(diagnosis), lang)
    yield from more(len(diagnosis.predictions) - len(shown), lang)


def _one(one: Prediction, script: str, lang: str) -> Iterator[Line]:
    severity = WORDS[one.severity].pick(lang)
    yield Line(f"- {', '.join(one.causes)} ({severity}): {one.text.pick(lang)}", "", 2)
    for place in one.chain:
        inside = f" {place.function}" if place.function else ""
        yield Line(f"{short(place.file, script)}:{place.line}{inside} | {place.text}", "code", 6)
    if one.fix:
        yield from with_block(one.fix.pick(lang), 6, "dim")
