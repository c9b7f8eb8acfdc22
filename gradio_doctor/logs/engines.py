"""Stage one of the scanner: where in a block of bytes the tokens are. Every engine gives the same answer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gradio_doctor.logs.rules import Token

SHIFT = 16  # a hit is (offset behind the token) << SHIFT | number of the token
MASK = (1 << SHIFT) - 1
TINY = 1 << 13  # bytes: below this looking for one token after the other costs less than any preparation
SMALL = 1 << 20  # bytes: below this the start of Hyperscan (90 ms with 3,000 tokens) costs more than it saves

# Hits of tokens in buffer[begin:end], sorted; offsets count from the start of the buffer.
Find = Callable[[bytes | bytearray, int, int], list[int]]


def by_search(tokens: Sequence[Token]) -> Find:
    """Looks for one token after the other: no preparation at all (by_grams: 25 ms for 3,000 tokens)."""

    def find(buffer: bytes | bytearray, begin: int, end: int) -> list[int]:
        block = bytes(memoryview(buffer)[begin:end])
        return _hits(block, block.lower(), begin, tokens, range(len(tokens)))

    return find


def _hits(block: bytes, lower: bytes, begin: int, tokens: Sequence[Token], likely: Iterable[int]) -> list[int]:
    """Where the likely ones of the tokens are in a block that starts at `begin`."""
    hits: list[int] = []
    for number in likely:
        token = tokens[number]
        text, where = token.text, lower if token.caseless else block
        at = where.find(text)
        while at >= 0:
            hits.append((begin + at + len(text)) << SHIFT | number)
            at = where.find(text, at + 1)
    hits.sort()
    return hits


def by_grams(tokens: Sequence[Token]) -> Find:
    """Pure Python: which aligned runs of four bytes occur in the block says which few tokens to search for.

    The runs are read as machine integers, so the loop over the bytes is in C. Of four neighbouring runs of a token one
    is aligned wherever it stands. Best for small logs, and for all where Hyperscan is not installed. Lines that come
    again in the block are searched once.
    """
    grams: dict[int, list[tuple[int, int]]] = {}
    short = [n for n, token in enumerate(tokens) if len(token.text) < _SPAN]
    for number, token in enumerate(tokens):
        for gram, follower in _rare_grams(token.text) if len(token.text) >= _SPAN else ():
            grams.setdefault(gram, []).append((number, follower))

    def search(block: bytes, begin: int) -> list[int]:
        lower = block.lower()
        there = set(memoryview(lower)[: len(lower) // 4 * 4].cast("I"))
        there.add(_ANY)
        likely = {n for gram in grams.keys() & there for n, follower in grams[gram] if follower in there}
        return _hits(block, lower, begin, tokens, (*short, *likely))

    def find(buffer: bytes | bytearray, begin: int, end: int) -> list[int]:
        block = bytes(memoryview(buffer)[begin:end])
        lines = block.split(b"\n")
        different = dict.fromkeys(lines)
        if 2 * len(different) > len(lines):
            return search(block, begin)
        return _spread(search(b"\n".join(different), 0), list(different), lines, begin)

    return find


def _spread(hits: list[int], different: list[bytes], lines: list[bytes], begin: int) -> list[int]:
    """The hits on all lines of a block that starts at `begin`, from those on a text of its different lines."""
    own: dict[bytes, list[int]] = {}
    at, start, number = 0, 0, 0
    while at < len(hits):
        line = different[number]
        if hits[at] >> SHIFT <= start + len(line):
            own.setdefault(line, []).append(hits[at] - (start << SHIFT))
            at += 1
        else:
            start, number = start + len(line) + 1, number + 1
    found: list[int] = []
    for line in lines:
        if line in own:
            found += [hit + (begin << SHIFT) for hit in own[line]]
        begin += len(line) + 1
    return found


# How seldom a byte occurs in lower-cased logs, roughly: 0 often .. 3 hardly ever.
_RARITY = bytes(
    next((level for level, chars in ((0, b" etaoinrs"), (1, b"lcdupmhgf:./-0123456789"), (3, b"qxzjvk#!?{}|*^~@$%&"))
          if byte in chars), 2)
    for byte in range(256)
)
_SPAN = 7  # bytes of four neighbouring runs of four
_ANY = -1  # stands for a run behind the token's end, which can be anything


def _rare_grams(text: bytes) -> list[tuple[int, int]]:
    """Four neighbouring runs of a token where ordinary text is least like it, each with the run behind it.

    As the integers that memory shows them as.
    """
    lower = text.lower()
    rarity = lower.translate(_RARITY)
    last = len(lower) - _SPAN
    place = max({0, last // 2, max(0, last - 4), last}, key=lambda i: sum(rarity[i:i + _SPAN]) + (i + 11 <= len(lower)))
    return [(_integer(lower[i:i + 4]), _integer(lower[i + 4:i + 8])) for i in range(place, place + 4)]


def _integer(run: bytes) -> int:
    return int.from_bytes(run, sys.byteorder) if len(run) == 4 else _ANY


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
    if size is not None and size < TINY:
        return by_search(tokens)
    if size is not None and size < SMALL:
        return by_grams(tokens)
    try:
        return by_hyperscan(tokens)
    except ImportError:
        return by_grams(tokens)
