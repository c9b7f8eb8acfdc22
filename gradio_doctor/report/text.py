"""Drawing the text report: plain and untruncated off a terminal, wrapped and coloured on one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.probes.redact import clean
from gradio_doctor.report.lines import Line, report_lines

if TYPE_CHECKING:
    from rich.console import Console

_MAX_LINE = 4000
FOLDED = 4  # lines of a terminal that one piece of evidence may take beyond its first; -v shows it whole
_STYLES = {
    "error": "bold red", "warning": "bold yellow", "info": "bold cyan", "good": "bold green", "heading": "bold",
    "dim": "dim", "command": "green", "place": "cyan", "code": "",
}


def render_plain(diagnosis: Diagnosis, lang: str = "en", verbosity: int = 0) -> str:
    """The report without colour, every line whole whatever its length."""
    return "".join(f"{' ' * line.indent}{_safe(line)}\n" for line in report_lines(diagnosis, lang, verbosity))


def render_rich(diagnosis: Diagnosis, lang: str = "en", verbosity: int = 0, width: int = 80) -> str:
    """The report with colour, wrapped at `width` columns; commands are never broken by an added line end."""
    from rich.console import Console

    drawn = io.StringIO()
    console = Console(
        file=drawn, width=width, force_terminal=True, color_system="standard", highlight=False, emoji=False, markup=False,
        legacy_windows=False,
    )
    for line in report_lines(diagnosis, lang, verbosity):
        _draw(console, line, width, verbosity)
    return drawn.getvalue()


def _draw(console: Console, line: Line, width: int, verbosity: int) -> None:
    from rich.padding import Padding
    from rich.text import Text

    style = _STYLES.get(line.style, "")
    if line.style in ("command", "code"):
        console.print(" " * line.indent + _safe(line), style=style, soft_wrap=True)
        return
    first, *rest = Text(_safe(line), style=style).wrap(console, max(width - line.indent - line.hang, 20)) or [Text()]
    if verbosity < 1 and len(rest) > FOLDED:
        rest = [*rest[: FOLDED - 1], Text("... (-v: all of it)", style="dim")]
    console.print(Padding(first, (0, 0, 0, line.indent)))
    for part in rest:
        console.print(Padding(part, (0, 0, 0, line.indent + line.hang)))


def _safe(line: Line) -> str:
    """The text without control characters: nothing that was read may drive the terminal."""
    return clean(line.text, _MAX_LINE)
