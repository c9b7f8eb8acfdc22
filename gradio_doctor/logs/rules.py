"""Signatures made ready for scanning: tokens for the first stage, compiled expressions for the second."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradio_doctor import cache
from gradio_doctor.evidence.logs import Layer
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs.records import Record

# Lines of these two look alike (an app may log as uvicorn does), so a signature of one is tried on the other.
_ALIKE = frozenset({"app", "server"})


@dataclass(frozen=True, slots=True)
class Token:
    """A string of bytes that stage one looks for, and the numbers of the rules whose lines may hold it."""

    text: bytes
    caseless: bool
    owners: tuple[int, ...]


@dataclass(slots=True)
class Rule:
    """One signature. Its expressions are compiled on their first use: most of them never match anything."""

    signature: Signature
    _searches: list[tuple[re.Pattern[str], bool]] = field(default_factory=list)
    _unless: list[re.Pattern[str]] = field(default_factory=list)

    def _compile(self) -> None:
        flags = re.ASCII | (re.IGNORECASE if self.signature.ignore_case else 0)
        self._unless = [re.compile(p, flags) for p in self.signature.unless]
        self._searches = [(re.compile(p, flags), "^" in p) for p in self.signature.patterns]

    def search(self, text: str, record: Callable[[], Record]) -> re.Match[str] | None:
        """The match on a line, if any. `record` unwraps the line; it is called only where that can matter."""
        if not self._searches:
            self._compile()
        json = text.endswith("}")
        for pattern, anchored in self._searches:
            found = self._in_record(pattern, anchored, record()) if json or anchored else pattern.search(text)
            if found is None and json and not anchored:
                found = pattern.search(text)
            if found is not None:
                return None if any(u.search(found.string) for u in self._unless) else found
        return None

    @staticmethod
    def _in_record(pattern: re.Pattern[str], anchored: bool, record: Record) -> re.Match[str] | None:
        for text, peeled in record.lines:
            for start in peeled.starts if anchored else (0,):
                if found := pattern.search(text[start:]):
                    return found
        return None

    def admits(self, layer: Layer) -> bool:
        """True when lines of a layer count for this signature."""
        allowed = self.signature.layers
        if not allowed or layer == "unknown" or layer in allowed:
            return True
        return layer in _ALIKE and not _ALIKE.isdisjoint(allowed)


# Rules below zero: not signatures, but places where something else has to look.
TRACEBACK = -1
VERSION = -2

_TRACEBACK_TOKENS = (
    b"Traceback (most recent call last)", b"he above exception, another exception", b"was the direct cause of the",
    b"(most recent call first)", b"Fatal Python error: ", b'", line ',
)
_VERSION_TOKENS = (b"using gradio version ", b"gradio==", b"gradio-", b"gradio_version")
VERSION_PATTERN = re.compile(
    r"using gradio version (\d[\w.]{1,20})|\bgradio(?:==|-)(\d{1,2}\.\d[\w.]{0,15}?)(?=\.dist-info|[\s,;'\"(\[]|\.?$)"
    r"|gradio_version['\"]?: ?['\"]?(\d[\w.]{1,20})"
)


class RuleSet:
    """All rules and the tokens that lead to them. Raises ValueError for a signature without a required literal."""

    def __init__(self, signatures: Iterable[Signature]) -> None:
        self.rules = [Rule(s) for s in signatures]
        owners: dict[tuple[bytes, bool], list[int]] = {}
        for text in _TRACEBACK_TOKENS:
            owners[text, False] = [TRACEBACK]
        for text in _VERSION_TOKENS:
            owners[text, False] = [VERSION]
        for number, texts in enumerate(_all_tokens([r.signature for r in self.rules])):
            for key in texts:
                owners.setdefault(key, []).append(number)
        self.tokens = [Token(text, caseless, tuple(dict.fromkeys(own))) for (text, caseless), own in owners.items()]
        self.longest = max(len(t.text) for t in self.tokens)


_Tokens = list[tuple[bytes, bool]]
_WORTH_KEEPING = 50  # signatures: fewer are worked out faster than a file is read


def _all_tokens(signatures: Sequence[Signature]) -> list[_Tokens]:
    """The tokens of every signature. Those of many (the built-in ones: 0.3 s of parsing) are kept between runs."""
    if len(signatures) < _WORTH_KEEPING:
        return [_tokens(s) for s in signatures]
    code = Path(__file__).with_name("literals.py").stat().st_mtime_ns  # in a checkout it changes under one version
    key = cache.key_of(code, [(s.patterns, s.ignore_case) for s in signatures])
    kept = _read_back(cache.cached("tokens", key), len(signatures))
    if kept is not None:
        return kept
    out = [_tokens(s) for s in signatures]
    cache.keep("tokens", key, {"tokens": [[(text.decode("latin-1"), c) for text, c in texts] for texts in out]})
    return out


def _read_back(data: dict[str, Any] | None, count: int) -> list[_Tokens] | None:
    try:
        out = [[(str(t).encode("latin-1"), bool(c)) for t, c in texts] for texts in (data or {})["tokens"]]
    except (KeyError, TypeError, ValueError):
        return None
    return out if len(out) == count and all(out) else None


def _tokens(signature: Signature) -> _Tokens:
    from gradio_doctor.logs.literals import required

    out: _Tokens = []
    for pattern in signature.patterns:
        found = required(pattern, signature.ignore_case)
        if found is None:
            raise ValueError(f"{signature.id}: no literal of 4 characters is in every match of {pattern!r}")
        for text in found.texts:
            out += [(form.lower() if found.caseless else form, found.caseless) for form in _encoded(text)]
    return out


def _encoded(text: str) -> Sequence[bytes]:
    """The bytes of a token in the encodings of logs: for non-ASCII text also GBK and JSON's escapes."""
    plain = text.encode()
    if text.isascii():
        return (plain,)
    escaped = "".join(c if ord(c) < 128 else f"\\u{ord(c):04x}" for c in text if ord(c) < 0x10000).encode()
    return (plain, text.encode("gb18030"), escaped)
