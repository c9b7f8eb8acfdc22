"""Required literals: strings of which every match of a regular expression contains at least one.

They make the fast first stage of the scanner: only a line that holds one is looked at with the expression itself.
The expression is read with the standard library's own parser (`re._parser`, before 3.11 `sre_parse`): undocumented,
but the only reading that agrees with `re` by construction; its operations have kept their names since Python 2.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

try:
    sre: Any = importlib.import_module("re._parser")
except ImportError:  # Python 3.10
    sre = importlib.import_module("sre_parse")

_LITERAL: Any = sre.LITERAL
SHORTEST = 4  # characters: shorter ones occur in too many lines
LONGEST = 24  # characters: more adds nothing to their rarity
_VARIANTS = 16  # alternatives that one run of literals may expand to

# Words of healthy logs: a token made of them costs a needless look at many lines.
_COMMON = (
    "HTTP/1.1", "HTTP/1.0", "HTTP/1.", "HTTP/1", "HTTP/2.0", "HTTP/", "GET /", "GET ", "POST ", "HEAD ", "-packages",
    "/queue/join", "/queue/data", "gradio_api", "https://", "http://", "https", "http", "127.0.0.1", "localhost",
    "200 OK", "INFO:", "ERROR", "error", "Error: ", "WARNING", "warning", "Warning: ", "Exception", "Traceback",
    "failed", "server", "client", "request", "response", "connection", "Connection", "upstream", "upgrade", "closed",
    "session", "python", "Python", "gradio", "site-packages", "/lib/python", "module", "process", "Process", "worker",
    "Worker", "import", "torch", "cuda", "CUDA", "model", "Model", "file", "File", "while ", "reading", "loading",
    "Loading", "status", "exit", "Exit", "loss", "rank", "queue", "ueue", "find", "index", "config", "install",
    "available", "not found", "cannot", "Cannot", "application", "port", "connect", "input", "output", "put ",
    "huggingface", "default", "shape", "size", "image", "ython", "OutOfMemory", "MemoryError", "device", "memory",
    "requirement", "following", "ValidationError", "must", "Must", "have", "this", "that", "with", "from", "please",
    "Please ", "Use ", "using", "requires", "require", "needs", "support", "value", "version", "type", "ValueError",
    "KeyError", "RuntimeError", "OSError", "TypeError", "ImportError", "AttributeError", " in ", " to ", " the ",
    " is ", " not ", " no ", " was ", " are ", " for ", " and ", " of ", " set",
)
_COMMON_INSIDE = re.compile("|".join(map(re.escape, sorted(_COMMON, key=len, reverse=True))))
_ORDINARY = re.compile(r"[a-z ]+")
_BREAKS = re.compile(r'["\\\x00-\x1f]+')
_ESCAPED = re.compile(r"['<>&]+")
_NOT_ASCII = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True)
class Required:
    """At least one of `texts` is in every match. `caseless` when ASCII case does not matter."""

    texts: tuple[str, ...]
    caseless: bool = False

    @property
    def worth(self) -> float:
        """How well it tells lines apart: the worst of its texts, less a little for every further one."""
        return min(map(_rarity, self.texts), default=-99.0) - min(4.0, 0.4 * (len(self.texts) - 1))


@functools.lru_cache(maxsize=4096)
def parse(pattern: str) -> Any:
    """The parsed expression. Raises re.error."""
    return sre.parse(pattern, re.ASCII)


def required(pattern: str, ignore_case: bool = False) -> Required | None:
    """The best required literals of an expression, None when it has none of at least SHORTEST characters."""
    tree = parse(pattern)
    found = Walk(ignore_case or bool(tree.state.flags & re.IGNORECASE)).best(tree)
    return found if found and all(len(t) >= SHORTEST for t in found.texts) else None


@functools.lru_cache(maxsize=8192)
def _rarity(text: str) -> float:
    """How seldom healthy logs hold a text, roughly: what is left of it without common words counts."""
    rest = _COMMON_INSIDE.sub("", text)[:12]
    return len(rest) + 0.5 * len(_ORDINARY.sub("", rest)) + 0.1 * min(len(text), 12)


def _window(text: str) -> str:
    """The part of a literal that survives JSON quoting: the best run without quotes, backslashes and controls."""
    if len(text) < SHORTEST:
        return ""
    if _BREAKS.search(text):
        text = max((r for r in _BREAKS.split(text) if len(r) >= SHORTEST), key=_rarity, default="")
    if _ESCAPED.search(text):  # some writers of JSON escape these too
        text = max((r for r in _ESCAPED.split(text) if len(r) >= 2 * SHORTEST), key=_rarity, default=text)
    if not text.isascii():
        plain = [r for r in _NOT_ASCII.split(text) if len(r) >= 2 * SHORTEST]
        text = max(plain, key=_rarity, default=text)
    if len(text) <= LONGEST:
        return text
    step = LONGEST // 2
    return max((text[i:i + LONGEST] for i in range(0, len(text) - step, step)), key=_rarity)


class _Run:
    """Literals that follow each other, with choices between them: the strings they make, and the plain pieces."""

    def __init__(self) -> None:
        self._strings = [""]
        self._piece = ""  # the plain literal since the last choice
        self._done: list[Sequence[str]] = []

    def literal(self, char: str) -> None:
        """One more character."""
        self._strings = [text + char for text in self._strings]
        self._piece += char

    def choice(self, exact: Sequence[str]) -> None:
        """One of few strings. When they would become too many, only the plain piece before them is kept."""
        if len(exact) == 1:
            self._strings = [text + exact[0] for text in self._strings]
            self._piece += exact[0]
            return
        self._done.append([self._piece])
        if len(self._strings) * len(exact) > _VARIANTS:
            self._done.append(self._strings)
            self._strings = [self._piece]
        self._strings = [a + b for a, b in itertools.product(self._strings, exact)]
        self._piece = ""

    def gap(self) -> None:
        """Something that can be anything."""
        self._done += [self._strings, [self._piece]]
        self._strings, self._piece = [""], ""

    def candidates(self, caseless: bool) -> Iterator[Required]:
        """The alternatives that are long enough."""
        for strings in self._done:
            texts = list(dict.fromkeys(map(_window, strings)))
            if all(len(t) >= SHORTEST for t in texts):
                yield Required(_minimal(texts), caseless)


def _minimal(texts: Sequence[str]) -> tuple[str, ...]:
    """Without those that hold another of them."""
    return tuple(t for t in texts if not any(o in t for o in texts if o != t))


class Walk:
    """One pass over a parsed expression."""

    def __init__(self, caseless: bool) -> None:
        self.caseless = caseless

    def best(self, nodes: Iterable[Any]) -> Required | None:
        """The best required literals of a sequence."""
        run = _Run()
        others: list[Required] = []
        for op, value in nodes:
            if op is _LITERAL:
                run.literal(chr(value))
            elif (exact := self.exact(op, value)) is not None:
                run.choice(exact)
            elif (turn := self._turn(op, value)) is not None:
                run.choice(turn)
                run.gap()
                run.choice(turn)
            else:
                run.gap()
                if inner := self._inside(op, value):
                    others.append(inner)
        run.gap()
        return max([*run.candidates(self.caseless), *others], key=lambda r: r.worth, default=None)

    def _turn(self, op: Any, value: Any) -> list[str] | None:
        """The strings of one turn of a repeat that takes at least one."""
        if str(op) not in {"MAX_REPEAT", "MIN_REPEAT"} or value[0] < 1:
            return None
        return self._exact_all(value[2])

    def exact(self, op: Any, value: Any) -> list[str] | None:
        """All the strings that a node can match, or None when they are too many."""
        name = str(op)
        if name == "AT":
            return [""]
        if name == "LITERAL":
            return [chr(value)]
        if name == "IN":
            return _small_class(value)
        if name == "SUBPATTERN":
            return None if self._flagged(value) else self._exact_all(value[3])
        if name == "BRANCH":
            return self._exact_any(value[1])
        if name in {"MAX_REPEAT", "MIN_REPEAT"} and value[1] == 1:
            inner = self._exact_all(value[2])
            return inner if inner is None or value[0] == 1 else ["", *inner]
        return None

    def _exact_all(self, nodes: Iterable[Any]) -> list[str] | None:
        current = [""]
        for op, value in nodes:
            exact = self.exact(op, value)
            if exact is None or len(exact) * len(current) > _VARIANTS:
                return None
            current = [a + b for a, b in itertools.product(current, exact)]
        return current

    def _exact_any(self, branches: Iterable[Iterable[Any]]) -> list[str] | None:
        found: list[str] = []
        for branch in branches:
            exact = self._exact_all(branch)
            if exact is None or len(found) + len(exact) > _VARIANTS:
                return None
            found += exact
        return found

    def _inside(self, op: Any, value: Any) -> Required | None:
        """The required literals of a node that is not one of few strings."""
        name = str(op)
        if name == "SUBPATTERN":
            return Walk(self.caseless or self._flagged(value)).best(value[3])
        if name in {"MAX_REPEAT", "MIN_REPEAT"} and value[0] >= 1:
            return self.best(value[2])
        if name == "BRANCH":
            return self._union([self.best(branch) for branch in value[1]])
        return None

    def _union(self, parts: Sequence[Required | None]) -> Required | None:
        known = [p for p in parts if p]
        if len(known) < len(parts):
            return None
        texts = list(dict.fromkeys(t for p in known for t in p.texts))
        return Required(_minimal(texts), any(p.caseless for p in known))

    @staticmethod
    def _flagged(value: Any) -> bool:
        return bool(value[1] & re.IGNORECASE)


def _small_class(items: Any) -> list[str] | None:
    found: list[str] = []
    for op, value in items:
        if str(op) == "LITERAL":
            found.append(chr(value))
        elif str(op) == "RANGE" and value[1] - value[0] < 4:
            found += map(chr, range(value[0], value[1] + 1))
        else:
            return None
    return found if len(found) <= 4 else None
