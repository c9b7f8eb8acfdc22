"""Drawing the text report: plain and untruncated off a terminal, wrapped and coloured on one."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.probes.redact import clean
from gradio_doctor.report.line import Line
from gradio_doctor.report.lines import report_lines

if TYPE_CHECKING:
    from rich.console import Console

_MAX_LINE = 4000
FOLDED = 5  # lines of a terminal that one line of the report may take; -v shows it whole
_WHOLE = frozenset({"command", "code", "added", "removed"})
_STYLES = {
    "error": "bold red", "warning": "bold yellow", "info": "bold cyan", "good": "bold green", "heading": "bold",
    "dim": "dim", "command": "green", "place": "cyan", "code": "",
    "frame": "", "added": "green", "removed": "red",
}


def render_plain(diagnosis: Diagnosis, lang: str = "en", verbosity: int = 0) -> str:
    """The report without colour, every line whole whatever its length."""
    return plain(report_lines(diagnosis, lang, verbosity))


def plain(lines: Iterable[Line]) -> str:
    """Lines without colour, each one whole whatever its length."""
    return "".join(f"{' ' * line.indent}{_safe(line)}\n" for line in lines)


def render_rich(diagnosis: Diagnosis, lang: str = "en", verbosity: int = 0, width: int = 80) -> str:
    """The report with colour, wrapped at `width` columns."""
    return drawn(report_lines(diagnosis, lang, verbosity), verbosity, width)


def drawn(lines: Iterable[Line], verbosity: int = 0, width: int = 80) -> str:
    """Lines with colour, wrapped at `width` columns; commands are never broken by an added line end."""
    from rich.console import Console

    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=True, color_system="standard", highlight=False, emoji=False,
        markup=False, legacy_windows=False,
    )
    for line in lines:
        _draw(console, line, width, verbosity)
    return file.getvalue()


def _draw(console: Console, line: Line, width: int, verbosity: int) -> None:
    from rich.text import Text

    text = Text(_safe(line), style=_STYLES.get(line.style, ""))
    parts: list[Text] = [text]
    if line.style not in _WHOLE:
        parts = list(text.wrap(console, max(width - line.indent - line.hang, 20))) or [Text()]
    if verbosity < 1 and len(parts) > FOLDED:
        parts = [*parts[: FOLDED - 1], Text("... (-v)", style="dim")]
    for number, part in enumerate(parts):
        part.rstrip()
        console.print(Text(" " * (line.indent + (line.hang if number else 0))) + part, soft_wrap=True)


def _safe(line: Line) -> str:
    """The text without control characters: nothing that was read may drive the terminal."""
    return clean(line.text, _MAX_LINE).rstrip()
