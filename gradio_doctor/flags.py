"""The flags that the commands share, and what they add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
from click.core import ParameterSource

from gradio_doctor.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])
Form = Literal["text", "json", "junit", "github"]
FORMS: tuple[Form, ...] = ("text", "json", "junit", "github")


def _choice(*names: str) -> click.Choice[str]:
    return click.Choice(list(names), case_sensitive=False)


def _seconds() -> click.FloatRange:
    return click.FloatRange(0.1, 86_400)


class _Time(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.4 on
    """An ISO 8601 time, kept as text: without a zone it means the clock that the log shows."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The text itself, if it is a time."""
        from gradio_doctor.logs.times import moment

        try:
            moment(value) if value else None
        except ValueError:
            self.fail(f"{value!r} is no ISO 8601 time, such as 2026-11-22T10:00:00", param, ctx)
        return value


def _option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """A flag that GRADIO_DOCTOR_<LONG_NAME> sets as well, the same for every command."""
    return click.option(*names, envvar=environment_name(long_name(names)), **settings)


def long_name(names: Iterable[str]) -> str:
    """The long spelling of a flag without its dashes: what a configuration file calls it."""
    return max((n for n in names if n.startswith("-")), key=len).lstrip("-")


def environment_name(flag: str) -> str:
    """The environment variable that sets a flag."""
    return f"GRADIO_DOCTOR_{flag.replace('-', '_').upper()}"


LANG = _option("--lang", type=_choice("en", "zh"), default="en", show_default=True, help="Language of the prose.")
CHECKS = _option(
    "--checks", type=click.Path(path_type=Path), metavar="DIR", multiple=True, help="Further checks (runs their code)."
)
NO_PLUGINS = _option("--no-plugins", is_flag=True, help="Load no installed plugins.")
JSON = _option("--json", "as_json", is_flag=True, help="Short for --format json.")
_REPORT = (
    _option(
        "--output", "-o", metavar="FORMAT[=FILE]", multiple=True,
        help="Report as text, json, junit or github; repeatable.",
    ),
    _option("--format", "-f", "form", type=_choice(*FORMS), help="Short for --output FORMAT."),
    JSON,
    _option(
        "--fail-on", type=_choice("none", "info", "warning", "error"), default="error", show_default=True,
        help="Lowest severity that exits with 1.",
    ),
    _option(
        "--min-probability", type=click.FloatRange(0, 1), default=0.5, show_default=True,
        help="... and how probable it must be.",
    ),
    _option("--verbose", "-v", is_flag=True, help="Say everything."),
    _option("--quiet", "-q", is_flag=True, help="Only the verdict and the fix."),
    _option(
        "--color", type=_choice("auto", "always", "never"), default="auto", show_default=True, help="Colour the report."
    ),
    LANG,
)
_LOOK = (
    _option("--select", metavar="ID", multiple=True, help="Only these causes (id, family, glob)."),
    _option("--ignore", metavar="ID", multiple=True, help="Not these causes or checks."),
    CHECKS,
    NO_PLUGINS,
    _option("--check-timeout", type=_seconds(), default=5.0, show_default=True, help="Seconds for one check."),
    _option(
        "--signatures", type=click.Path(path_type=Path), metavar="FILE", multiple=True,
        help="Further log signatures, in the YAML of checks/; repeatable.",
    ),
    _option("--since", type=_Time(), default="", help="Only log lines from this ISO 8601 time on."),
    _option("--until", type=_Time(), default="", help="Only log lines up to this ISO 8601 time."),
    _option(
        "--context", type=click.IntRange(0, 50), default=0, show_default=True,
        help="Show so many lines around each line of evidence.",
    ),
)
_START = (
    _option("--no-run", is_flag=True, help="Never start the app."),
    _option(
        "--startup-timeout", type=_seconds(), default=120.0, show_default=True,
        help="Seconds the app may take to serve.",
    ),
)
_LIVE = (
    _option("--timeout", type=_seconds(), default=30.0, show_default=True, help="Seconds for looking."),
    _option("--log", type=click.Path(), metavar="FILE", multiple=True, help="A log to read as well; repeatable."),
    _option("--proxy", metavar="URL", help="The public address in front of the app."),
    _option("--nginx-conf", metavar="FILE", help="The nginx configuration in front of the app."),
    _option("--probe-upload", is_flag=True, help="Also send 10 MB through the proxy (into nothing)."),
    _option(
        "--probe-stream", type=click.FloatRange(0.2, 20), default=0.8, show_default=True, metavar="SECONDS",
        help="Listen so long to the stream of events through the proxy; 16 shows every time-out that harms Gradio.",
    ),
    _option("--python", metavar="PATH", help="The app's Python."),
    _option(
        "--gpu-alert", type=click.FloatRange(1, 100), default=85.0, show_default=True,
        help="Percent of a GPU's memory in use that are worth a word.",
    ),
    _option(
        "--invasive", type=_choice("read", "probe", "sample", "pause"), default="sample", show_default=True,
        help="How far looking may go.",
    ),
)


def _all(*groups: tuple[Callable[[Any], Any], ...]) -> Callable[[Command], Command]:
    def wrap(command: Command) -> Command:
        for option in reversed([o for group in groups for o in group]):
            command = option(command)
        return command

    return wrap


_STRENGTH = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)
_FOLLOW = (_option("--follow", is_flag=True, help="Go on reading as the log grows; report when the answer changes."),)
looking = _all(_FOLLOW, _LOOK, _REPORT)
_WATCH = (
    _option(
        "--interval", type=click.FloatRange(0.1, 3600), default=5.0, show_default=True, help="Seconds between looks."
    ),
    _option(
        "--history", type=click.IntRange(1, 100_000), default=100, show_default=True,
        help="Incidents to remember for the summary.",
    ),
)
_GROWTH = (
    _option(
        "--watch", type=click.FloatRange(0, 86_400), default=0.0, metavar="SECONDS",
        help="Watch the app's memory for so long, to tell a leak.",
    ),
)
living = _all(_START, _GROWTH, _LIVE, _LOOK, _REPORT)
_GATE = (
    _option("--static-only", is_flag=True, help="Start nothing: only what the source and the files beside it say."),
    _START[-1],
)
gating = _all(_GATE, _LIVE, _LOOK, _REPORT)
watching = _all(_WATCH, _LIVE, _LOOK, _REPORT)


@dataclass(frozen=True, slots=True)
class Output:
    """One report to write: its form, and the file (None: stdout)."""

    form: Form
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """How the report is wanted."""

    outputs: tuple[Output, ...]
    fail_on: str
    min_probability: float
    verbosity: int
    color: str
    lang: str
    foreseen: bool = False  # predictions count towards the exit status


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which causes and checks take part."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    checks: tuple[Path, ...] = ()
    plugins: bool = True
    signatures: tuple[Path, ...] = ()


def wish(given: Mapping[str, Any]) -> Wish:
    """Add up the report flags. Raises UsageError for an unknown form or two reports to stdout."""
    asked = _strongest(given, "output", "form", "as_json")
    texts = [*(asked["output"] or ()), *filter(None, [asked["form"]]), *(["json"] if asked["as_json"] else [])]
    outputs = tuple(dict.fromkeys(_output(t) for t in texts)) or (Output("text"),)
    if sum(o.file is None for o in outputs) > 1:
        raise UsageError("only one report can go to stdout; write the others to a file: --output json=report.json")
    loud = _strongest(given, "verbose", "quiet")
    verbosity = 1 if loud["verbose"] else -1 if loud["quiet"] else 0
    return Wish(outputs, given["fail_on"], given["min_probability"], verbosity, given["color"], given["lang"])


def _strongest(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Values of flags that contradict each other: only those of the strongest source (flag, environment, file) count.

    So `--format text` wins over `json = true` in a file.
    """
    context = click.get_current_context(silent=True)
    sources = {n: context.get_parameter_source(n) if context else None for n in names}
    strength = {n: _STRENGTH.index(source) for n, source in sources.items() if source in _STRENGTH and given[n]}
    best = min(strength.values(), default=None)
    return {n: given[n] if strength.get(n) == best else None for n in names}


def chosen(given: Mapping[str, Any]) -> Chosen:
    """Add up the flags that choose causes and checks."""
    return Chosen(given["select"], given["ignore"], given["checks"], not given["no_plugins"], given["signatures"])


def _output(text: str) -> Output:
    name, _, file = text.partition("=")
    for form in FORMS:
        if name == form:
            return Output(form, Path(file) if file else None)
    raise UsageError(f"--output {text}: {name!r} is no form of report; known are {', '.join(FORMS)}")
