"""Drawing the text report: plain and untruncated off a terminal, wrapped and coloured on one."""

from __future__ import annotations

from typing import TextIO

from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.probes.redact import clean
from gradio_doctor.report.lines import Line, report_lines

_MAX_LINE = 4000
_STYLES = {
    "error": "bold red", "warning": "bold yellow", "info": "bold cyan", "good": "bold green", "heading": "bold",
    "dim": "dim", "command": "green", "place": "cyan", "code": "",
}


def render_plain(diagnosis: Diagnosis, lang: str = "en", verbosity: int = 0) -> str:
    """The report without colour, every line whole whatever its length."""
    return "".join(f"{' ' * line.indent}{_safe(line)}\n" for line in report_lines(diagnosis, lang, verbosity))


def print_rich(diagnosis: Diagnosis, stream: TextIO, lang: str = "en", verbosity: int = 0, width: int = 80) -> None:
    """The report with colour, wrapped at `width` columns; commands are never broken by an added line end."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(file=stream, width=width, force_terminal=True, highlight=False, emoji=False, markup=False)
    for line in report_lines(diagnosis, lang, verbosity):
        style = _STYLES.get(line.style, "")
        if line.style in ("command", "code"):
            console.print(" " * line.indent + _safe(line), style=style, soft_wrap=True)
            continue
        room = max(width - line.indent - line.hang, 20)
        first, *rest = Text(_safe(line), style=style).wrap(console, room) or [Text()]
        console.print(Padding(first, (0, 0, 0, line.indent)))
        for part in rest:
            console.print(Padding(part, (0, 0, 0, line.indent + line.hang)))


def _safe(line: Line) -> str:
    """The text without control characters: nothing that was read may drive the terminal."""
    return clean(line.text, _MAX_LINE)
