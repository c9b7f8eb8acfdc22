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
from collections.abc import Iterable, Sequence
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

# Strings of healthy logs: a token that is part of one (or has it inside) costs a needless look at every such line.
_COMMON = (
    " HTTP/1.1", " HTTP/1.0", "GET /", "POST /", "http://", "https://", "127.0.0.1", "localhost", "INFO:", "ERROR", "error", "Error", "WARNING",  # noqa: E501
    "warning", "failed", "server", "client", "request", "response", "connection", "Connection", "upstream", "python", "python3", "gradio", "Traceback",  # noqa: E501
    "site-packages", "/lib/python", "module", "process", "Process", "worker", "Worker", "session", "import", "torch", "cuda", "CUDA", "model", "file", "File", " in ", " to ", " the ", " is ",  # noqa: E501
    " not ", "while ", "reading", "loading", "status", "200 OK", "upgrade", "closed",
)
_ALL_COMMON = "\0".join(_COMMON)
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
        return min(map(_rarity, self.texts), default=-99.0) - 0.15 * (len(self.texts) - 1)


@functools.lru_cache(maxsize=4096)
def parse(pattern: str) -> Any:
    """The parsed expression. Raises re.error."""
    return sre.parse(pattern, re.ASCII)


def required(pattern: str, ignore_case: bool = False) -> Required | None:
    """The best required literals of an expression, None when it has none of at least SHORTEST characters."""
    tree = parse(pattern)
    found = _Walk(ignore_case or bool(tree.state.flags & re.IGNORECASE)).best(tree)
    return found if found and all(len(t) >= SHORTEST for t in found.texts) else None


def _rarity(text: str) -> float:
    score = min(len(text), 12) + 0.5 * len(_ORDINARY.sub("", text[:12]))
    if text in _ALL_COMMON:
        score -= 6
    return score - 0.6 * sum(map(len, _COMMON_INSIDE.findall(text)))


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


class _Walk:
    """One pass over a parsed expression."""

    def __init__(self, caseless: bool) -> None:
        self.caseless = caseless

    def best(self, nodes: Iterable[Any]) -> Required | None:
        """The best required literals of a sequence."""
        runs: list[Sequence[str]] = []
        current: list[str] = [""]
        others: list[Required] = []
        for op, value in nodes:
            if op is _LITERAL:
                char = chr(value)
                current = [text + char for text in current]
                continue
            exact = self._exact(op, value)
            if exact is not None and len(exact) * len(current) <= _VARIANTS:
                current = [a + b for a, b in itertools.product(current, exact)]
                continue
            runs.append(current)
            current = [""]
            if exact is not None:
                current = exact
            elif inner := self._inside(op, value):
                others.append(inner)
        runs.append(current)
        return self._pick(runs, others)

    def _pick(self, runs: Iterable[Sequence[str]], others: list[Required]) -> Required | None:
        for run in runs:
            texts = tuple(dict.fromkeys(map(_window, run)))
            if all(len(t) >= SHORTEST for t in texts):
                others.append(Required(texts, self.caseless))
        return max(others, key=lambda r: r.worth, default=None)

    def _exact(self, op: Any, value: Any) -> list[str] | None:
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
            exact = self._exact(op, value)
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
            return _Walk(self.caseless or self._flagged(value)).best(value[3])
        if name in {"MAX_REPEAT", "MIN_REPEAT"} and value[0] >= 1:
            return self.best(value[2])
        if name == "BRANCH":
            return self._union([self.best(branch) for branch in value[1]])
        return None

    def _union(self, parts: Sequence[Required | None]) -> Required | None:
        known = [p for p in parts if p]
        if len(known) < len(parts):
            return None
        return Required(tuple(dict.fromkeys(t for p in known for t in p.texts)), any(p.caseless for p in known))

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
