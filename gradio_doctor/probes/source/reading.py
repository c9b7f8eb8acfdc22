"""From a file to a syntax tree, the way Python does it, without running anything."""

from __future__ import annotations

import ast
import gc
import io
import os
import stat
import tokenize
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gradio_doctor.evidence import SyntaxFault
from gradio_doctor.probes.redact import clean, redact_text

MAX_BYTES = 2 * 1024 * 1024
MAX_COMPILED = 300_000  # characters; compiling finds a few more errors than parsing, but costs more
MAX_LINE = 200
SLOW_CODECS = frozenset({"idna", "punycode"})  # their decoders take quadratic time


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file that parses, as a tree and as lines."""

    path: str
    tree: ast.Module
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be read although it may be fine, and why."""

    path: str
    why: str


def read_bytes(path: str) -> bytes | Unreadable:
    """The content of a regular file of at most MAX_BYTES. Raises OSError when it cannot be opened."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return Unreadable(path, "it is not a regular file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        return Unreadable(path, f"it is larger than {MAX_BYTES // 1024 // 1024} MB")
    return data


def parse_file(path: str) -> Parsed | SyntaxFault | Unreadable:
    """The tree of a Python file, or what is wrong with it. Raises OSError when the file cannot be opened."""
    data = read_bytes(path)
    if isinstance(data, Unreadable):
        return data
    text = _decode(path, data)
    return _parse(path, text) if isinstance(text, str) else text


def _decode(path: str, data: bytes) -> str | SyntaxFault | Unreadable:
    """The text of a source file: byte order mark, PEP 263 cookie, else UTF-8; line ends as "\\n"."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if encoding.replace("_", "-").lower() in SLOW_CODECS:
            return Unreadable(path, f"its encoding {encoding} takes too long to decode")
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        return _codec_fault(path, data, error)
    except (SyntaxError, LookupError, UnicodeError) as error:
        if isinstance(error, SyntaxError) and _bad_start(data) is not None:
            return _codec_fault(path, data, _bad_start(data) or error)
        message = str(error.msg) if isinstance(error, SyntaxError) else str(error)
        return SyntaxFault(type(error).__name__, message, path, 1, 1, _printable(data.split(b"\n", 1)[0]))
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return SyntaxFault("SyntaxError", "source code cannot contain null bytes", path, line, 1, "")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _bad_start(data: bytes) -> UnicodeDecodeError | None:
    """The codec error behind tokenize's SyntaxError for bytes that are not UTF-8 in the first two lines."""
    try:
        b"".join(data.splitlines(keepends=True)[:2]).decode("utf-8")
    except UnicodeDecodeError as error:
        return error
    return None


def _codec_fault(path: str, data: bytes, error: Exception) -> SyntaxFault:
    start = error.start if isinstance(error, UnicodeDecodeError) else 0
    line_start = data.rfind(b"\n", 0, start) + 1
    line_end = data.find(b"\n", start)
    text = _printable(data[line_start : line_end if line_end >= 0 else None])
    kind = type(error).__name__
    return SyntaxFault(kind, str(error), path, data.count(b"\n", 0, start) + 1, start - line_start + 1, text)


def _printable(line: bytes) -> str:
    return redact_text(clean(line[:MAX_LINE].decode("utf-8", "backslashreplace").rstrip("\r\n"), MAX_LINE))


def _parse(path: str, text: str) -> Parsed | SyntaxFault | Unreadable:
    try:
        with _without_collector(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, path)
            if len(text) <= MAX_COMPILED:  # finds "'return' outside function" and the like
                compile(text, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        return fault_of(path, type(error).__name__, error.msg, error.lineno, error.offset, error.text)
    except (RecursionError, MemoryError):
        return Unreadable(path, "its code is nested too deeply for Python's parser")
    except (ValueError, OverflowError) as error:
        return SyntaxFault(type(error).__name__, str(error), path, 1, 1, "")
    return Parsed(path, tree, tuple(text.split("\n")))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Building a large tree takes three times as long when the garbage collector keeps walking it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def fault_of(path: str, kind: str, message: str, line: int | None, offset: int | None, text: str | None) -> SyntaxFault:
    """A SyntaxFault out of a SyntaxError's fields, some of which Python leaves out."""
    shown = redact_text(clean((text or "").rstrip("\n"), MAX_LINE))
    message = clean(message, MAX_LINE)
    return SyntaxFault(kind, message, path, max(line or 1, 1), max(offset or 1, 1), shown)


def absolute(path: str) -> str:
    """The path as Python would name it in a traceback: absolute, symbolic links kept."""
    return str(Path(path).absolute()) if not Path(path).is_absolute() else path
