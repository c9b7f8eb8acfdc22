"""What the commands do, apart from how their flags are spelled."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from gradio_doctor import errors
from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.evidence import Target
from gradio_doctor.flags import Chosen, Output, Wish
from gradio_doctor.knowledge.model import Knowledge
from gradio_doctor.probes.base import Options
from gradio_doctor.registry import Loaded, load
from gradio_doctor.report.bar import Bar


def run_diagnosis(target: Target, options: Options, chosen: Chosen, wish: Wish) -> int:
    """Examine, report, and return the exit status. Raises UsageError on bad input."""
    from gradio_doctor import progress
    from gradio_doctor.examine import examine

    loaded = prepared(chosen, wish)
    with progress.shown(quiet=wish.verbosity < 0):
        diagnosis = examine(target, options, loaded, note=notice(wish), select=chosen.select, ignore=chosen.ignore)
    for output in wish.outputs:
        write(diagnosis, output, wish)
    return exit_status(diagnosis, wish)


def follow_logs(target: Target, options: Options, chosen: Chosen, wish: Wish) -> int:
    """Examine logs again whenever they have grown, and report when the answer changed. Ends with Ctrl-C."""
    from gradio_doctor.examine import examine
    from gradio_doctor.growth import grown

    if "-" in options.logs:
        raise errors.UsageError("--follow reads files that grow; standard input is read to its end anyway")
    loaded = prepared(chosen, wish)
    told: object = None
    for _ in grown(options.logs):
        diagnosis = examine(target, options, loaded, select=chosen.select, ignore=chosen.ignore)
        answer = (diagnosis.verdict, tuple(c.id for c in diagnosis.causes))
        if answer != told:
            told = answer
            for output in wish.outputs:
                write(diagnosis, output, wish)
    return errors.OK


def prepared(chosen: Chosen, wish: Wish) -> Loaded:
    """Everything that can be wrong with the flags is said before anything is examined."""
    for output in wish.outputs:
        if output.file is not None and not output.file.parent.is_dir():
            raise errors.UsageError(f"--output {output.file}: there is no directory {output.file.parent}")
    loaded = load(chosen.checks, plugins=chosen.plugins, signatures=chosen.signatures)
    _known(chosen.select + chosen.ignore, loaded)
    return loaded


def exit_status(diagnosis: Diagnosis, wish: Wish) -> int:
    """The exit status of DESIGN §1."""
    if bar_of(wish).reached(diagnosis):
        return errors.FOUND
    return errors.INCONCLUSIVE if diagnosis.verdict == "inconclusive" else errors.OK


def bar_of(wish: Wish) -> Bar:
    """What the person counts as failed."""
    return Bar(wish.fail_on, wish.min_probability, wish.foreseen)


def notice(wish: Wish) -> Callable[[str], None]:
    """Progress goes to stderr, and nowhere with --quiet."""

    def say(text: str) -> None:
        from gradio_doctor.probes.redact import clean

        if wish.verbosity >= 0:
            print(f"... {clean(text, 500)}", file=sys.stderr, flush=True)

    return say


def _known(patterns: Iterable[str], loaded: Loaded) -> None:
    from gradio_doctor.knowledge.model import names

    every = [*loaded.knowledge.causes, *(c.id for c in loaded.checks)]
    for pattern in patterns:
        if not any(names(pattern, identifier) for identifier in every):
            raise errors.UsageError(f"{pattern!r} names no cause and no check; see: gradio-doctor list")


def write(diagnosis: Diagnosis, output: Output, wish: Wish) -> None:
    """Write one report in its form. Raises UsageError where that cannot be done."""
    if output.form == "junit":
        from gradio_doctor.report.junit import render_junit

        put(render_junit(diagnosis, wish.lang, bar_of(wish)), output.file)
        return
    if output.form == "github":
        from gradio_doctor.report.github import render_github

        put(render_github(diagnosis, wish.lang, bar_of(wish), str(Path.cwd())), output.file)
        return
    if output.form == "json":
        from gradio_doctor.report.json_report import render_json

        put(render_json(diagnosis, wish.lang), output.file)
        return
    from gradio_doctor.report.text import render_plain, render_rich

    if output.file is None and colored(wish.color):
        put(render_rich(diagnosis, wish.lang, wish.verbosity, shutil.get_terminal_size().columns))
    else:
        put(render_plain(diagnosis, wish.lang, wish.verbosity), output.file)


def put(text: str, file: Path | None = None) -> None:
    """Write to a file, or to stdout whatever its encoding. Raises UsageError where that cannot be done."""
    try:
        if file is None:
            encoding = sys.stdout.encoding or "utf-8"
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
            sys.stdout.flush()
        else:
            file.write_text(text, encoding="utf-8")
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"--output {file}" if file else "stdout"
        raise errors.UsageError(f"{where}: cannot be written: {error.strerror or error}") from None


def colored(color: str) -> bool:
    """True when --color says so; else NO_COLOR, FORCE_COLOR (no-color.org), and whether stdout is a terminal."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and os.environ.get("TERM") != "dumb")


def list_entries(what: str, lang: str, chosen: Chosen, *, as_json: bool) -> str:
    """The known causes, checks or signatures: an id and a title a line, or JSON."""
    loaded = load(chosen.checks, plugins=chosen.plugins)
    knowledge = loaded.knowledge
    tables: dict[str, dict[str, str]] = {
        "causes": {c.id: c.title.pick(lang) for c in knowledge.causes.values()},
        "checks": {c.id: _first_line(c.function.__doc__) for c in loaded.checks},
        "signatures": {s.id: s.note.pick(lang) or s.origin for s in knowledge.signatures.values()},
    }
    if what not in tables:
        raise errors.UsageError(f"list {what!r}: known are {', '.join(tables)}")
    rows = dict(sorted(tables[what].items()))
    if as_json:
        return json.dumps(rows, indent=2, ensure_ascii=True) + "\n"
    width = max(map(len, rows), default=0)
    return "".join(f"{name:{width}}  {title}\n" for name, title in rows.items())


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def explain_id(name: str, lang: str, chosen: Chosen) -> str:
    """Everything known of a cause, a check, a finding or a signature. Raises UsageError for an unknown id."""
    from gradio_doctor.report.explain import explain_cause, explain_check, explain_finding, explain_signature

    loaded = load(chosen.checks, plugins=chosen.plugins)
    knowledge = loaded.knowledge
    if name in knowledge.causes:
        return explain_cause(knowledge, knowledge.causes[name], lang)
    if name in knowledge.signatures:
        return explain_signature(knowledge, knowledge.signatures[name], lang)
    if name in knowledge.findings:
        return explain_finding(knowledge, knowledge.findings[name], lang)
    for check in loaded.checks:
        if check.id == name:
            return explain_check(knowledge, check, lang)
    raise errors.UsageError(f"{name!r} is no cause, check, finding or signature{_near(name, knowledge, loaded)}")


def _near(name: str, knowledge: Knowledge, loaded: Loaded) -> str:
    import difflib

    every = [*knowledge.causes, *knowledge.signatures, *knowledge.findings, *(c.id for c in loaded.checks)]
    near = difflib.get_close_matches(name, every, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(near)}?" if near else "; see: gradio-doctor list"
