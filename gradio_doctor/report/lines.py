"""The text report as styled lines: what is said, before how it is drawn. A pure function of the diagnosis."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor import __version__
from gradio_doctor.diagnosis import CauseFound, Diagnosis, Fix, Item
from gradio_doctor.report.ahead import ahead
from gradio_doctor.report.bars import bar_lines, bars_for
from gradio_doctor.report.curve import curve_lines
from gradio_doctor.report.line import Line, heading, more, with_block
from gradio_doctor.report.places import script_of
from gradio_doctor.report.stack import frame_lines, patch_lines, stack_lines
from gradio_doctor.report.time_line import time_line
from gradio_doctor.report.unlock import pasteable
from gradio_doctor.report.words import WORDS

_MOST_EVIDENCE, _MOST_OTHERS = 6, 5  # without -v
_SURE = 0.9  # from here on nobody has to look further


def report_lines(diagnosis: Diagnosis, lang: str = "en", verbosity: int = 0) -> list[Line]:
    """All lines of the report. `verbosity`: -1 the verdict and the fix only, 0 usual, 1 everything."""
    out = [*_head(diagnosis, lang)]
    if root := diagnosis.root:
        out += _cause(root, script_of(diagnosis), lang, verbosity)
    others = [c for c in diagnosis.causes if c is not root]
    if verbosity >= 0:
        out += _others(others, script_of(diagnosis), lang, verbosity, alone=root is None)
        out += _symptoms(diagnosis, lang)
        out += curve_lines(diagnosis.memory, lang)
        out += time_line(diagnosis, lang, verbosity)
        out += _path(diagnosis, lang)
        out += _ruled_out(diagnosis, lang, verbosity)
        out += ahead(diagnosis, lang, verbosity)
        out += _blind(diagnosis, lang, verbosity)
    return out


def _head(diagnosis: Diagnosis, lang: str) -> Iterator[Line]:
    root = diagnosis.root
    if root:
        yield Line(root.says.pick(lang), root.severity)
        sure = WORDS["sure"].pick(lang).format(percent=_percent(root.probability))
        title = f": {root.title.pick(lang)}" if root.title != root.says else ""
        yield Line(f"{root.id} ({WORDS[root.severity].pick(lang)}, {sure}){title}", "dim", 2)
    elif diagnosis.verdict == "healthy":
        yield Line(WORDS["healthy"].pick(lang), "good")
    else:
        seen = diagnosis.causes or diagnosis.symptoms
        yield Line(WORDS["inconclusive" if seen else "could-not-tell"].pick(lang), "warning")
    for text in _facts(diagnosis, lang):
        yield Line(text, "dim", 2)


def _facts(diagnosis: Diagnosis, lang: str) -> Iterator[str]:
    facts = diagnosis.facts
    keys = ("script", "app_pid", "url", "socket", "gradio_version", "run_log", "logs")
    known = [(key, facts[key]) for key in keys if key in facts and not (key == "logs" and "run_log" in facts)]
    text = "; ".join(f"{WORDS['fact-' + key].pick(lang)} {value}" for key, value in known)
    if text:
        yield text
    seconds = WORDS["examined"].pick(lang).format(seconds=f"{diagnosis.seconds:.1f}", version=__version__)
    yield seconds


def _percent(probability: float) -> str:
    return f"{min(round(100 * probability), 99)} %"


def _cause(cause: CauseFound, script: str, lang: str, verbosity: int) -> Iterator[Line]:
    seen = [i for i in cause.evidence if i.seen]
    if verbosity >= 0:
        yield from heading("evidence", lang)
        shown = seen if verbosity else seen[:_MOST_EVIDENCE]
        for item, bars in zip(shown, bars_for(shown), strict=True):
            yield _evidence(item, lang, verbosity)
            yield from (Line(f"| {text}", "code", 6, 0) for text in item.context)
            yield from (line for shares in bars for line in bar_lines(shares, lang))
        yield from more(len(seen) - len(shown), lang)
        if verbosity:
            for item in (i for i in cause.evidence if not i.seen):
                yield Line(f"{WORDS['not-seen'].pick(lang)} {item.text.pick(lang)} [{item.weight:+.1f}]", "dim", 2)
        yield from _code(cause, lang)
        yield from stack_lines(cause, script, lang, verbosity)
    if cause.fixes:
        yield from heading("fix", lang)
        for fix in cause.fixes:
            yield from fix_lines(fix, lang)


def fix_lines(fix: Fix, lang: str) -> Iterator[Line]:
    """A remedy: what to do, the commands, and the patch if there is one."""
    yield from with_block(f"- {fix.text.pick(lang)}", 2)
    yield from patch_lines(fix, lang)
    for command in fix.commands:
        yield from (Line(part, "command", 6, 0) for part in command.splitlines())


def _evidence(item: Item, lang: str, verbosity: int) -> Line:
    weight = f" [{item.weight:+.1f}]" if verbosity else ""
    return Line(f"- {item.text.pick(lang)}{_place(item, lang)}{weight}", "", 2)


def _place(item: Item, lang: str) -> str:
    """Where it was seen, unless the text says that itself."""
    source = item.source
    if source is None or source.kind == "process":
        return ""
    line = f":{source.line}" if source.line else ""
    time = f", {source.time}" if source.time else ""
    return "" if f"{source.name}{line}{time}" in item.text.pick(lang) else f"  ({source.name}{line}{time})"


def _code(cause: CauseFound, lang: str) -> Iterator[Line]:
    place = cause.location
    if place is None:
        return
    yield from heading("code", lang)
    inside = f", {WORDS['in'].pick(lang)} {place.function}" if place.function not in ("", "<module>") else ""
    yield Line(f"{place.file}:{place.line}{inside}", "place", 2)
    for number, text in cause.code:
        mark = ">" if number == place.line else " "
        yield Line(f"{mark} {number:4d} | {text}", "code", 4, 9)


def _others(causes: list[CauseFound], script: str, lang: str, verbosity: int, *, alone: bool) -> Iterator[Line]:
    if not causes:
        return
    yield from heading("possible" if not alone else "weak", lang)
    shown = causes if verbosity or alone else causes[:_MOST_OTHERS]
    for cause in shown:
        yield Line(f"- {_percent(cause.probability):>4}  {cause.id}: {cause.says.pick(lang)}", "", 2, 8)
        if (verbosity or alone or cause.role == "contributing") and cause.because.pick(lang):
            yield Line(f"{WORDS['because'].pick(lang)} {cause.because.pick(lang)}", "dim", 10)
            yield from frame_lines(cause, script, 10)
    yield from more(len(causes) - len(shown), lang)


def _symptoms(diagnosis: Diagnosis, lang: str) -> Iterator[Line]:
    if diagnosis.symptoms:
        yield from heading("symptoms", lang)
        for item in diagnosis.symptoms:
            yield Line(f"- {item.text.pick(lang)}{_place(item, lang)}", "", 2)


def _path(diagnosis: Diagnosis, lang: str) -> Iterator[Line]:
    if diagnosis.path:
        yield from heading("path", lang)
        for step in diagnosis.path:
            yield Line(f"{step.question.pick(lang)} {step.answer.pick(lang)}", "", 2)


def _ruled_out(diagnosis: Diagnosis, lang: str, verbosity: int) -> Iterator[Line]:
    reasons: dict[str, list[str]] = {}
    for entry in diagnosis.ruled_out:
        reasons.setdefault(entry.because.pick(lang), []).append(entry.id)
    if not reasons or (diagnosis.verdict == "healthy" and not verbosity):
        return
    yield from heading("ruled-out", lang)
    for reason, ids in reasons.items():
        yield Line(f"- {', '.join(ids)}: {reason}", "dim", 2)


def _blind(diagnosis: Diagnosis, lang: str, verbosity: int) -> Iterator[Line]:
    """What could not be looked at: grouped by reason, with the command that would allow it; first what tells most."""
    look, root = diagnosis.next_look, diagnosis.root
    unsure = diagnosis.verdict != "healthy" and (root is None or root.probability < _SURE)
    groups: dict[tuple[str, str], list[str]] = {(look.reason, look.unlock): []} if look else {}
    for run in diagnosis.checks:
        if run.outcome == "failed" or (run.outcome == "skipped" and (run.unlock or verbosity)):
            groups.setdefault((run.reason, run.unlock), []).append(run.id)
    if groups or diagnosis.notes:
        yield from heading("blind", lang)
    for (reason, unlock), ids in groups.items():
        best = look is not None and (reason, unlock) == (look.reason, look.unlock)
        mark = f" {WORDS['next'].pick(lang)}" if best and unsure else ""
        yield Line(f"- {', '.join(ids) or (look.check if look else '')}: {reason}{mark}", "dim", 2)
        if unlock:
            yield Line(pasteable(unlock, diagnosis.target), "command", 6, 0)
    for note in diagnosis.notes:
        yield Line(f"- {note}", "dim", 2)
