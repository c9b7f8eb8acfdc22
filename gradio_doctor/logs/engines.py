"""Stage one of the scanner: where in a block of bytes the tokens are. Every engine gives the same answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from gradio_doctor.logs.rules import Token

SHIFT = 16  # a hit is (offset behind the token) << SHIFT | number of the token
MASK = (1 << SHIFT) - 1
SMALL = 1 << 18  # bytes: below this the start of Hyperscan (25 ms) costs more than searching token by token

# Hits of tokens in buffer[begin:end], sorted; offsets count from the start of the buffer.
Find = Callable[[bytes | bytearray, int, int], list[int]]


def by_search(tokens: Sequence[Token]) -> Find:
    """Looks for one token after the other: no preparation at all, best for small logs (6 MB/s for 350 tokens)."""

    def find(buffer: bytes | bytearray, begin: int, end: int) -> list[int]:
        block = bytes(memoryview(buffer)[begin:end])
        lower = block.lower()
        hits: list[int] = []
        for number, token in enumerate(tokens):
            text, where = token.text, lower if token.caseless else block
            at = where.find(text)
            while at >= 0:
                hits.append((begin + at + len(text)) << SHIFT | number)
                at = where.find(text, at + 1)
        hits.sort()
        return hits

    return find


def by_trie(tokens: Sequence[Token]) -> Find:
    """One `re` over all tokens as a prefix tree (40 MB/s): for large logs where Hyperscan is not installed."""
    plain = _Trie([(t.text, n) for n, t in enumerate(tokens) if not t.caseless])
    folded = _Trie([(t.text, n) for n, t in enumerate(tokens) if t.caseless])

    def find(buffer: bytes | bytearray, begin: int, end: int) -> list[int]:
        hits = plain.find(buffer, begin, end)
        if folded.numbers:
            lower = bytes(memoryview(buffer)[begin:end]).lower()
            hits += [h + (begin << SHIFT) for h in folded.find(lower, 0, len(lower))]
        hits.sort()
        return hits

    return find


class _Trie:
    def __init__(self, tokens: Sequence[tuple[bytes, int]]) -> None:
        self.numbers = dict(tokens)
        self.prefixes = {  # a token found says that the tokens it starts with are there too
            text: [(len(other), n) for other, n in tokens if text.startswith(other)] for text, _ in tokens
        }
        self.search = re.compile(_alternatives(sorted(self.numbers)) if tokens else rb"(?!)", re.DOTALL).search

    def find(self, buffer: bytes | bytearray, begin: int, end: int) -> list[int]:
        hits: list[int] = []
        found = self.search(buffer, begin, end)
        while found:
            at, text = found.start(), found.group()
            hits += [(at + length) << SHIFT | n for length, n in self.prefixes[text]]
            found = self.search(buffer, at + 1, end)
        return hits


def _alternatives(texts: Sequence[bytes]) -> bytes:
    """An expression for sorted texts that shares their common starts, longest first."""
    if len(texts) == 1:
        return re.escape(texts[0])
    groups: dict[int, list[bytes]] = {}
    ends = b"" in texts
    for text in texts:
        if text:
            groups.setdefault(text[0], []).append(text[1:])
    parts = [re.escape(bytes([first])) + _alternatives(rest) for first, rest in groups.items()]
    body = parts[0] if len(parts) == 1 else b"(?:" + b"|".join(parts) + b")"
    return b"(?:" + body + b")?" if ends else body


def by_hyperscan(tokens: Sequence[Token]) -> Find:
    """Intel's Hyperscan (Vectorscan): 1.5 GB/s and more. Raises ImportError where it is not installed or cannot run."""
    try:
        import hyperscan
    except Exception as error:  # a broken native library shows in many ways
        raise ImportError(str(error)) from error
    database: Any = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    texts = [t.text for t in tokens] + [_DUMMY]
    flags = [hyperscan.HS_FLAG_CASELESS if t.caseless else 0 for t in tokens] + [0]
    database.compile(expressions=texts, ids=list(range(len(texts))), elements=len(texts), flags=flags, literal=True)
    dummy = len(tokens)

    def find(buffer: bytes | bytearray, begin: int, end: int) -> list[int]:
        hits: list[int] = []
        add = hits.append

        def on_match(number: int, _start: int, stop: int, _flags: int, _context: object) -> None:
            if number != dummy:
                add((begin + stop) << SHIFT | number)

        database.scan(memoryview(buffer)[begin:end], match_event_handler=on_match)
        hits.sort()
        return hits

    return find


# A literal of two bytes that text never holds makes Hyperscan choose a 2.5 times faster layout of its tables
# (measured with 0.9.1; facts in the project's notes on log scanning).
_DUMMY = b"\x01\x02"


def choose(tokens: Sequence[Token], size: int | None) -> Find:
    """The quickest engine for a log of a size (None: unknown, taken as large)."""
    if size is not None and size < SMALL:
        return by_search(tokens)
    try:
        return by_hyperscan(tokens)
    except ImportError:
        return by_trie(tokens)
