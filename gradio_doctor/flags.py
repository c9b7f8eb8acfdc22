"""The flags that the commands share, as annotated types, and what they add up to."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gradio_doctor.errors import UsageError


class FailOn(str, enum.Enum):
    """From which severity on a cause fails the command."""

    none = "none"
    info = "info"
    warning = "warning"
    error = "error"


class Format(str, enum.Enum):
    """Forms of the report."""

    text = "text"
    json = "json"


class Color(str, enum.Enum):
    """When to colour."""

    auto = "auto"
    always = "always"
    never = "never"


class Invasive(str, enum.Enum):
    """How far looking may go."""

    read = "read"
    probe = "probe"
    sample = "sample"
    pause = "pause"


class Lang(str, enum.Enum):
    """Languages of the prose."""

    en = "en"
    zh = "zh"


def _report(*names: str, **settings: Any) -> Any:
    return typer.Option(*names, rich_help_panel="Report", **settings)


def _look(*names: str, **settings: Any) -> Any:
    return typer.Option(*names, rich_help_panel="Looking", **settings)


Texts = list[str] | None
FailOnFlag = Annotated[FailOn, _report("--fail-on", help="Lowest severity that exits with 1.")]
MinProbabilityFlag = Annotated[
    float, _report("--min-probability", min=0, max=1, help="... and how probable it must be.")
]
OutputFlag = Annotated[
    Texts, _report("--output", "-o", metavar="FORMAT[=FILE]", help="Report as text or json; repeatable.")
]
FormatFlag = Annotated[Format | None, _report("--format", "-f", help="Short for --output FORMAT.")]
JsonFlag = Annotated[bool, _report("--json", help="Short for --format json.")]
VerboseFlag = Annotated[bool, _report("--verbose", "-v", help="Say everything.")]
QuietFlag = Annotated[bool, _report("--quiet", "-q", help="Only the verdict and the fix.")]
ColorFlag = Annotated[Color, _report("--color", help="Colour the report.")]
LangFlag = Annotated[Lang, _report("--lang", help="Language of the prose.")]
SelectFlag = Annotated[Texts, _look("--select", metavar="ID", help="Only these causes (id, family, glob).")]
IgnoreFlag = Annotated[Texts, _look("--ignore", metavar="ID", help="Not these causes or checks.")]
ChecksFlag = Annotated[
    list[Path] | None, _look("--checks", metavar="DIR", help="Further checks (runs their code).")
]
NoPluginsFlag = Annotated[bool, _look("--no-plugins", help="Load no installed plugins.")]
TimeoutFlag = Annotated[float, _look("--timeout", min=0.1, help="Seconds for looking.")]
CheckTimeoutFlag = Annotated[float, _look("--check-timeout", min=0.1, help="Seconds for one check.")]
InvasiveFlag = Annotated[Invasive, _look("--invasive", help="How far looking may go.")]
PythonFlag = Annotated[str | None, _look("--python", metavar="PATH", help="The app's Python.")]
LogFlag = Annotated[Texts, _look("--log", metavar="FILE", help="A log to read as well; repeatable.")]
ProxyFlag = Annotated[str | None, _look("--proxy", metavar="URL", help="The public address in front of the app.")]
NoRunFlag = Annotated[bool, _look("--no-run", help="Never start the app.")]
StartupFlag = Annotated[float, _look("--startup-timeout", min=0.1, help="Seconds the app may take to serve.")]


@dataclass(frozen=True, slots=True)
class Output:
    """One report to write: its form, and the file (None: stdout)."""

    form: Literal["text", "json"]
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


def wish(
    fail_on: FailOn, min_probability: float, output: list[str] | None, form: Format | None, as_json: bool,
    verbose: bool, quiet: bool, color: Color, lang: Lang,
) -> Wish:
    """Add up the report flags. Raises UsageError for an unknown form or two reports to stdout."""
    texts = list(output or []) + ([form.value] if form else []) + (["json"] if as_json else [])
    outputs = tuple(dict.fromkeys(_output(t) for t in texts)) or (Output("text"),)
    if sum(o.file is None for o in outputs) > 1:
        raise UsageError("only one report can go to stdout; write the others to a file: --output json=report.json")
    verbosity = 1 if verbose else -1 if quiet else 0
    return Wish(outputs, fail_on.value, min_probability, verbosity, color.value, lang.value)


def _output(text: str) -> Output:
    form, _, file = text.partition("=")
    for known in ("text", "json"):
        if form == known:
            return Output(known, Path(file) if file else None)
    raise UsageError(f"--output {text}: {form!r} is no form of report; known are text, json")
