"""Signatures made ready for scanning: tokens for the first stage, compiled expressions for the second."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradio_doctor import cache
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs.records import Record

_BITS = 8  # an owner is the number of a rule << _BITS | the number of one of its patterns
_CLASSES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")


@dataclass(frozen=True, slots=True)
class Token:
    """A string of bytes that stage one looks for, and the owners: patterns of rules whose matches may hold it."""

    text: bytes
    caseless: bool
    owners: tuple[int, ...]


@dataclass(slots=True)
class Rule:
    """One signature. Its expressions are compiled on their first use: most of them never match anything."""

    signature: Signature
    _searches: dict[int, tuple[re.Pattern[str], bool]] = field(default_factory=dict)
    _unless: list[re.Pattern[str]] = field(default_factory=list)

    def _compile(self, number: int) -> tuple[re.Pattern[str], bool]:
        flags = re.ASCII | (re.IGNORECASE if self.signature.ignore_case else 0)
        if not self._searches:
            self._unless = [re.compile(p, flags) for p in self.signature.unless]
        text = self.signature.patterns[number]
        self._searches[number] = made = re.compile(text, flags), "^" in _CLASSES.sub("", text)
        return made

    def search(self, number: int, text: str, record: Callable[[], Record]) -> re.Match[str] | None:
        """The match of one pattern on a line. `record` unwraps the line; it is called only where that can matter."""
        pattern, anchored = self._searches.get(number) or self._compile(number)
        if anchored or text.endswith("}"):
            found = self._in_record(pattern, anchored, record()) or (None if anchored else pattern.search(text))
        else:
            found = pattern.search(text)
        if found and self._unless and any(u.search(found.string) for u in self._unless):
            return None
        return found

    @staticmethod
    def _in_record(pattern: re.Pattern[str], anchored: bool, record: Record) -> re.Match[str] | None:
        for text, peeled in record.lines:
            for start in peeled.starts if anchored else (0,):
                if found := pattern.search(text[start:]):
                    return found
        return None


# Rules below zero: not signatures, but places where something else has to look.
TRACEBACK = -1
VERSION = -2

_TRACEBACK_TOKENS = (
    b"Traceback (most recent call last)", b"he above exception, another exception", b"was the direct cause of the",
    "─ Traceback (most rec".encode(), b'"exc_type"', b"(most recent call first)", b"Fatal Python error: ", b'", line ',
)
_VERSION_TOKENS = (b"using gradio version ", b"gradio==", b"gradio-", b"gradio_version")
VERSION_PATTERN = re.compile(
    r"using gradio version (\d[\w.]{1,20})|\bgradio(?:==|-)(\d{1,2}\.\d[\w.]{0,15}?)(?=\.dist-info|[\s,;'\"(\[]|\.?$)"
    r"|gradio_version['\"]?: ?['\"]?(\d[\w.]{1,20})"
)


def split(owner: int) -> tuple[int, int]:
    """The numbers of the rule and of the pattern."""
    return owner >> _BITS, owner & ((1 << _BITS) - 1)


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
            for text, caseless, pattern in texts:
                owners.setdefault((text, caseless), []).append(number << _BITS | pattern)
        self.tokens = [Token(text, caseless, tuple(dict.fromkeys(own))) for (text, caseless), own in owners.items()]
        self.longest = max(len(t.text) for t in self.tokens)


_Tokens = list[tuple[bytes, bool, int]]  # text, caseless, number of the pattern
_WORTH_KEEPING = 50  # signatures: fewer are worked out faster than a file is read


def _all_tokens(signatures: Sequence[Signature]) -> list[_Tokens]:
    """The tokens of every signature. Those of many (the built-in ones: 0.3 s of parsing) are kept between runs."""
    if len(signatures) < _WORTH_KEEPING:
        return [_tokens(s) for s in signatures]
    code = Path(__file__).with_name("literals.py").stat().st_mtime_ns  # in a checkout it changes under one version
    key = cache.key_of(code, "patterns", [(s.patterns, s.ignore_case) for s in signatures])
    kept = _read_back(cache.cached("tokens", key), len(signatures))
    if kept is not None:
        return kept
    out = [_tokens(s) for s in signatures]
    cache.keep("tokens", key, {"tokens": [[(text.decode("latin-1"), c, n) for text, c, n in texts] for texts in out]})
    return out


def _read_back(data: dict[str, Any] | None, count: int) -> list[_Tokens] | None:
    try:
        out = [[(str(t).encode("latin-1"), bool(c), int(n)) for t, c, n in texts] for texts in (data or {})["tokens"]]
    except (KeyError, TypeError, ValueError):
        return None
    return out if len(out) == count and all(out) else None


def _tokens(signature: Signature) -> _Tokens:
    from gradio_doctor.logs.literals import required

    out: _Tokens = []
    for number, pattern in enumerate(signature.patterns):
        found = required(pattern, signature.ignore_case)
        if found is None:
            raise ValueError(f"{signature.id}: no literal of 4 characters is in every match of {pattern!r}")
        for text in found.texts:
            out += [(form.lower() if found.caseless else form, found.caseless, number) for form in _encoded(text)]
    return out


def _encoded(text: str) -> Sequence[bytes]:
    """The bytes of a token in the encodings of logs: beyond ASCII also Windows' code pages and JSON's escapes."""
    plain = text.encode()
    if text.isascii():
        return (plain,)
    escaped = "".join(c if ord(c) < 128 else f"\\u{ord(c):04x}" for c in text if ord(c) < 0x10000).encode()
    pages = []
    for page in ("gb18030", "cp932", "cp1251", "cp1252"):
        with suppress(UnicodeEncodeError):
            pages.append(text.encode(page))
    return tuple(dict.fromkeys((plain, *pages, escaped)))
