"""Annotations of GitHub Actions: workflow commands on stdout, shown beside the lines of a pull request."""

from __future__ import annotations

from pathlib import PurePath

from gradio_doctor.diagnosis import CauseFound, Diagnosis, Prediction
from gradio_doctor.probes.redact import clean
from gradio_doctor.report.bar import Bar

_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}
_MAX = 4000


def render_github(diagnosis: Diagnosis, lang: str = "en", bar: Bar | None = None, root: str = "") -> str:
    """A command for each cause and prediction; those that reach the bar are errors, whatever their severity.

    `root` is the directory of the checkout: GitHub wants paths relative to it.
    """
    bar = bar or Bar()
    lines = [_cause(c, lang, root, failed=bar.cause(c)) for c in diagnosis.causes]
    lines += [_prediction(p, lang, root, failed=bar.prediction(p)) for p in diagnosis.predictions]
    if diagnosis.verdict == "inconclusive" and not bar.reached(diagnosis):
        lines.append(_command("warning", "gradio-doctor", "could not tell whether the app is well", "", 0))
    elif not lines:
        lines.append(_command("notice", "gradio-doctor", f"{diagnosis.target.text}: {diagnosis.verdict}", "", 0))
    return "".join(f"{line}\n" for line in lines)


def _cause(cause: CauseFound, lang: str, root: str, *, failed: bool) -> str:
    rows = [cause.says.pick(lang), cause.because.pick(lang)]
    rows += [row for fix in cause.fixes for row in (fix.text.pick(lang), *fix.commands)]
    seen = next((i.source for i in cause.evidence if i.seen and i.source and i.source.kind in ("file", "log")), None)
    file, line = (cause.location.file, cause.location.line) if cause.location else ("", 0)
    if not file and seen:
        file, line = seen.name, seen.line or 0
    return _command("error" if failed else _LEVELS[cause.severity], cause.id, "\n".join(rows), _under(file, root), line)


def _prediction(one: Prediction, lang: str, root: str, *, failed: bool) -> str:
    rows = [one.text.pick(lang), one.fix.pick(lang) if one.fix else ""]
    file, line = (one.chain[-1].file, one.chain[-1].line) if one.chain else ("", 0)
    return _command("error" if failed else _LEVELS[one.severity], f"{one.finding} ({', '.join(one.causes)})",
                    "\n".join(rows), _under(file, root), line)


def _under(file: str, root: str) -> str:
    try:
        return PurePath(file).relative_to(root).as_posix() if file and root else file
    except ValueError:
        return file


def _command(level: str, title: str, text: str, file: str, line: int) -> str:
    """::error file=app.py,line=7,title=...::text - with everything escaped that would end a field or a command."""
    rows = "\n".join(clean(row, _MAX) for row in text.splitlines() if row)
    path = _value(file)
    told = ([f"file={path}"] if path else []) + ([f"line={line}"] if path and line else [])
    return f"::{level} {','.join([*told, f'title={_value(title)}'])}::{_escaped(rows)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _escaped(clean(text, 300)).replace(":", "%3A").replace(",", "%2C")
