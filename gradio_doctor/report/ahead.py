"""The part of the text report that says what may go wrong, read off the source."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.report.line import Line, heading, more, with_block
from gradio_doctor.report.places import script_of, short
from gradio_doctor.report.words import WORDS

_MOST, _MOST_BESIDE = 4, 1  # without -v: alone, and beside a cause that is happening


def ahead(diagnosis: Diagnosis, lang: str, verbosity: int) -> Iterator[Line]:
    """The predictions, each with the way through the user's code to the place where it would happen."""
    if not diagnosis.predictions:
        return
    yield from heading("predictions", lang)
    most = _MOST_BESIDE if diagnosis.causes else _MOST
    shown = diagnosis.predictions if verbosity > 0 else diagnosis.predictions[:most]
    for one in shown:
        severity = WORDS[one.severity].pick(lang)
        yield Line(f"- {', '.join(one.causes)} ({severity}): {one.text.pick(lang)}", "", 2)
        for place in one.chain:
            inside = f" {place.function}" if place.function else ""
            file = short(place.file, script_of(diagnosis))
            yield Line(f"{file}:{place.line}{inside} | {place.text}", "code", 6)
        if one.fix:
            yield from with_block(one.fix.pick(lang), 6, "dim")
    yield from more(len(diagnosis.predictions) - len(shown), lang)
