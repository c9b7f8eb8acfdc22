"""The source line of a frame of the user's, and the `with` blocks around it: which locks the line may hold."""

from __future__ import annotations

import ast
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gradio_doctor.probes.redact import clean, redact_text

_MOST_BYTES = 1 << 20
_MOST_FILES = 64
_TEXT, _EXPRESSION, _DEEPEST = 200, 120, 12
_With = ast.With | ast.AsyncWith
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Sources:
    """Source files, each read and parsed once. A file that changed after `started` (epoch) does not tell any more."""

    root: str = ""
    started: float = 0.0
    _files: dict[str, _File | None] = field(default_factory=dict)

    def line(self, path: str, number: int) -> tuple[str, tuple[str, ...]]:
        """The text of a line and the expressions of the `with` blocks that it is inside of, outermost first."""
        if path not in self._files:
            self._files[path] = self._read(path) if len(self._files) < _MOST_FILES else None
        file = self._files[path]
        return file.line(number) if file else ("", ())

    def defines(self, path: str, function: str, number: int) -> bool:
        """True when a function of that name spans that line of a file."""
        self.line(path, number)
        file = self._files[path]
        return file is not None and any(
            n.name == function and n.lineno <= number <= (n.end_lineno or 0) for n in file.functions
        )

    def _read(self, path: str) -> _File | None:
        if not path.startswith("/") or "\0" in path:
            return None
        for place in (self.root + path, path) if self.root else (path,):
            text = _text(place, self.started)
            if text:
                return _File.of(text)
        return None


@dataclass(frozen=True, slots=True)
class _File:
    lines: Sequence[str]
    blocks: tuple[_With, ...] = ()
    functions: tuple[_Function, ...] = ()

    @classmethod
    def of(cls, text: str) -> _File:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a wrong escape in the user's source is not our concern
                tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return cls(text.splitlines())
        nodes = list(ast.walk(tree))
        return cls(
            text.splitlines(), tuple(n for n in nodes if isinstance(n, _With)),
            tuple(n for n in nodes if isinstance(n, _Function)),
        )

    def line(self, number: int) -> tuple[str, tuple[str, ...]]:
        if not 0 < number <= len(self.lines):
            return "", ()
        around = sorted((b for b in self.blocks if _is_inside(b, number)), key=lambda b: b.lineno)[:_DEEPEST]
        held = (clean(e, _EXPRESSION) for b in around for e in _expressions(b))
        return redact_text(clean(self.lines[number - 1].strip(), _TEXT)), tuple(held)


def _is_inside(block: _With, number: int) -> bool:
    """True in the body; on the line of the `with` itself a thread waits to get in."""
    return block.body[0].lineno <= number <= (block.end_lineno or 0) and number > block.lineno


def _expressions(block: _With) -> Iterator[str]:
    for item in block.items:
        try:
            yield ast.unparse(item.context_expr)
        except (ValueError, RecursionError):
            continue


def _text(path: str, started: float) -> str:
    """The text of a regular file that did not change since `started`; "" otherwise (a pipe would hold us)."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or (started and found.st_mtime > started + 1):
                return ""
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError):
        return ""
    return "" if len(data) > _MOST_BYTES else data.decode("utf-8", "replace")


def absolute(path: str, directory: str) -> str:
    """The file of a frame made absolute: Python before 3.9 notes the main script as it was typed."""
    relative = path.endswith(".py") and not path.startswith(("/", "<")) and directory
    return str(Path(directory, path)) if relative else path
