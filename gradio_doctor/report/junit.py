"""JUnit XML, as CI systems read it: a test case for the verdict, each check, each cause and each prediction."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from gradio_doctor.diagnosis import CauseFound, CheckRun, Diagnosis, Prediction
from gradio_doctor.probes.redact import clean
from gradio_doctor.report.bar import Bar

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX = 4000


def render_junit(diagnosis: Diagnosis, lang: str = "en", bar: Bar | None = None) -> str:
    """The report as one test suite. Failed is what reaches the bar, an error is what could not be told."""
    bar = bar or Bar()
    suite = ET.Element("testsuite", name="gradio-doctor", time=f"{diagnosis.seconds:.3f}")
    _verdict(suite, diagnosis, bar)
    for cause in diagnosis.causes:
        _cause(suite, cause, lang, failed=bar.cause(cause))
    for prediction in diagnosis.predictions:
        _prediction(suite, prediction, lang, failed=bar.prediction(prediction))
    for run in diagnosis.checks:
        _check(suite, run)
    counts = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error",
              "skipped": "testcase/skipped"}
    for name, path in counts.items():
        suite.set(name, str(len(suite.findall(path))))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _text(text: str) -> str:
    return _NO_XML.sub("", clean(text, _MAX))


def _case(suite: ET.Element, group: str, name: str, seconds: float = 0.0) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=f"gradio-doctor.{group}", name=_text(name),
                         time=f"{seconds:.3f}")


def _say(case: ET.Element, tag: str, message: str, *rows: str) -> None:
    """A message with its details: as a failure or an error, or as mere output."""
    element = ET.SubElement(case, tag) if tag == "system-out" else ET.SubElement(case, tag, message=_text(message))
    element.text = "\n".join(_text(row) for row in (message, *rows) if row)


def _verdict(suite: ET.Element, diagnosis: Diagnosis, bar: Bar) -> None:
    case = _case(suite, "verdict", diagnosis.target.text or diagnosis.target.kind, diagnosis.seconds)
    if diagnosis.verdict == "inconclusive" and not bar.reached(diagnosis):
        unseen = [f"{r.id}: {r.reason}" for r in diagnosis.checks if r.reason]
        _say(case, "error", "could not tell whether the app is well", *unseen[:20])
    else:
        _say(case, "system-out", diagnosis.verdict)


def _cause(suite: ET.Element, cause: CauseFound, lang: str, *, failed: bool) -> None:
    place = f"{cause.location.file}:{cause.location.line}" if cause.location else ""
    fixes = [row for fix in cause.fixes for row in (fix.text.pick(lang), *fix.commands)]
    _say(_case(suite, "cause", cause.id), "failure" if failed else "system-out", cause.says.pick(lang),
         f"{cause.severity}, {cause.probability:.0%}", cause.because.pick(lang), place, *fixes)


def _prediction(suite: ET.Element, one: Prediction, lang: str, *, failed: bool) -> None:
    place = f"{one.chain[-1].file}:{one.chain[-1].line}" if one.chain else ""
    _say(_case(suite, "prediction", one.finding), "failure" if failed else "system-out", one.text.pick(lang),
         f"{one.severity}: {', '.join(one.causes)}", place, one.fix.pick(lang) if one.fix else "")


def _check(suite: ET.Element, run: CheckRun) -> None:
    case = _case(suite, "check", run.id, run.seconds)
    if run.outcome == "skipped":
        ET.SubElement(case, "skipped", message=_text(run.reason))
    elif run.outcome == "failed":
        _say(case, "error", run.reason)
