"""One hostile log through the command line, and what is wrong with what comes out."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from gradio_doctor import cli, commands, engine
from gradio_doctor.logs import engines, read

ROOT = Path(__file__).resolve().parents[1]
OURS = re.compile(r"\x1b\[[0-9;]*m")  # the colours that the report has of its own
_WILD = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff"  # categories Cc (but the line break) and Cs
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_ESCAPED = re.compile(  # the same in JSON, where "\\n" may stand for the line breaks of messages
    r"(?<!\\)(?:\\\\)*\\(?:[tbfr]|u00[01][0-9a-f]|u007f|u00[89][0-9a-f]|u200[b-f]|u202[8-9a-e]|u206[0-9a-f]|ufeff"
    r"|udb40\\udc[0-7]|u061c)"
)
SCHEMA = 0.2  # of the reports that are held against the schema
SLOW = 5.0  # seconds that one input may take
_FLAGS: tuple[tuple[str, ...], ...] = (
    (), (), (), ("-v",), ("--color", "always"), ("-v", "--color", "always"), ("--lang", "zh"), ("-q",),
    ("--context", "3"), ("--since", "2026-11-22T10:00:00"), ("--fail-on", "info"),
    ("--until", "2026-11-22T10:00:00Z", "--context", "50"),
)


@dataclass(frozen=True)
class Seen:
    """What one input led to: the exit status, and everything that must not be."""

    status: int
    wrong: tuple[str, ...]


def prepare() -> None:
    """Make ready once, not for every input, what does not depend on it; checks run without threads of their own."""
    made: list[Callable[..., Any]] = []
    for module, name in ((commands, "load"), (read, "RuleSet")):
        made.append(functools.lru_cache(maxsize=2)(getattr(module, name)))
        setattr(module, name, made[-1])
    loaded = made[0]((), plugins=False, signatures=())  # as the command asks for it
    made[1](tuple(loaded.knowledge.signatures.values()))
    for name in ("by_search", "by_grams", "by_hyperscan"):
        setattr(engines, name, _once(getattr(engines, name)))
    setattr(engine, "_within", lambda _limit, call: (call(), ""))  # noqa: B010 - whatever it raises is to be seen


def _once(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    kept: dict[int, tuple[Any, Any]] = {}

    def made(tokens: Any) -> Any:
        if id(tokens) not in kept:
            kept[id(tokens)] = (tokens, make(tokens))
        return kept[id(tokens)][1]

    return made


@functools.lru_cache(maxsize=1)
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads((ROOT / "gradio_doctor" / "report" / "schema.json").read_text()))


def look(files: list[Path], directory: Path, rng: Random) -> Seen:
    """`gradio-doctor logs FILES` in this process, with one of some sets of flags."""
    report = directory / "report.json"
    report.unlink(missing_ok=True)
    flags = rng.choice(_FLAGS)
    arguments = ["logs", *map(str, files), *flags, "--no-plugins", "--output", "text", "--output", f"json={report}"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(arguments)
    raw = report.read_text(encoding="utf-8") if report.exists() else ""
    gate = "info" if "--fail-on" in flags else "error"
    schema = rng.random() < SCHEMA  # takes as long as all the rest
    return Seen(status, tuple(complaints(status, out.getvalue(), err.getvalue(), raw, gate, schema=schema)))


def complaints(
    status: int, out: str, err: str, raw: str, gate: str = "error", *, schema: bool = True
) -> Iterator[str]:
    """What is wrong with the exit status, both streams and the JSON report ("" when there is none) of one run."""
    yield from (f"{name}: {found}" for name, text in (("stdout", out), ("stderr", err)) if (found := wild(text)))
    if status not in (0, 1, 2, 3) or "Traceback" in err or "defect" in err:
        yield f"exit status {status}: {err[-600:]}"
    if status == 2:  # what is in a log is never a usage error
        yield f"exit status 2: {out[:200]!r} {err[:300]!r}"
        return
    if not raw:
        yield f"exit status {status} without a report: {err[-600:]}"
        return
    yield from _of_report(status, raw, gate, schema)


def _of_report(status: int, raw: str, gate: str, schema: bool) -> Iterator[str]:
    if not raw.isascii() or re.search(r"[\x00-\x09\x0b-\x1f\x7f]", raw):
        yield "json: a raw control character or one outside of ASCII"
    report = json.loads(raw)
    if schema:
        yield from (f"schema: {e.json_path}: {e.message[:200]}" for e in _validator().iter_errors(report))
    if found := _ESCAPED.search(raw):
        yield f"json: a control character in a text: {raw[max(0, found.start() - 60): found.end() + 40]!r}"
    for run in report["checks"]:
        if run["outcome"] == "failed" or "looking failed" in run.get("reason", ""):
            yield f"check {run['id']} {run['outcome']}: {run.get('reason', '')}"
    chances = [c["probability"] for c in report["causes"]]
    if not all(0 <= p <= 1 for p in (*chances, report["unknown_probability"])):
        yield f"probabilities: {chances} {report['unknown_probability']}"
    if chances != sorted(chances, reverse=True):
        yield f"causes out of order: {chances}"
    if status != (wanted := _status(report, gate)):
        yield f"exit status {status}, but the report means {wanted}"


def _status(report: Mapping[str, Any], gate: str) -> int:
    """The exit status that a report means (DESIGN §1)."""
    ladder = ("info", "warning", "error")
    likely = [c["severity"] for c in report["causes"] if c["probability"] >= 0.5]
    reached = any(ladder.index(severity) >= ladder.index(gate) for severity in likely)
    return 1 if reached else 3 if report["verdict"] == "inconclusive" else 0


def wild(text: str) -> str:
    """The first character that could drive a terminal, with what is round it; "" when the text is tame."""
    plain = OURS.sub("", text)
    if plain.isascii() and plain.replace("\n", "").isprintable():
        return ""
    found = _WILD.search(plain)
    if found is None:
        return ""
    return f"{found.group()!r} in {plain[max(0, found.start() - 60): found.end() + 40]!r}"
