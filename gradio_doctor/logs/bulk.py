"""Blocks in which the same lines come again and again: those of known forms are counted at the speed of C.

Only what is left is searched for tokens. A block in which anything depends on the order of lines (a traceback, an
over-long line) is left to the scanner, and so is one that holds few errors: there, searching for tokens is quicker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, compress, repeat
from operator import is_
from typing import Any

from gradio_doctor.logs.collector import Block
from gradio_doctor.logs.engines import MASK as TOKEN
from gradio_doctor.logs.engines import SHIFT, Find
from gradio_doctor.logs.forms import Form, Forms, Variants
from gradio_doctor.logs.lines import LONG
from gradio_doctor.logs.rules import RuleSet
from gradio_doctor.logs.text import MASK

_BREAK = ord("\n")
_OFTEN = 4  # a line without tokens that comes so often in one block is worth remembering
Look = Callable[[list[int], int, Block], None]


@dataclass(slots=True)
class _Lines:
    """The lines of a block: their bytes with digits masked, where they are, their forms (None: unknown)."""

    block: Block
    number: int  # of the first
    text: bytes
    masked: list[bytes]
    ends: list[int]  # how many bytes the lines up to each have, line breaks not counted; begins with 0
    forms: list[Form | None]

    def place(self, index: int) -> int:
        """Where a line starts in the text."""
        return self.ends[index] + index

    def raw(self, index: int) -> bytes:
        """The bytes of a line."""
        return self.text[self.ends[index] + index:self.ends[index + 1] + index]


class Bulk:
    """Counts whole blocks, and says when that is worth it."""

    def __init__(self, rules: RuleSet, forms: Forms) -> None:
        self._forms = forms
        self._special = frozenset(n for n, t in enumerate(rules.tokens) if min(t.owners) < 0)
        self._worth = False
        self._blocks = 0

    def judge(self, lines: int, repeats: int, looked_at: int) -> None:
        """Told of a block how many lines it has, how many repeat known forms, how many had to be looked at."""
        self._worth = repeats > max(32, lines // 12) and repeats > 2 * looked_at

    def count(self, block: Block, number: int, find: Find, look: Look) -> int | None:
        """Count a block whose first line has that number; returns how many lines it has, None when it is not done.

        `look` gets the hits of each line of no known form, and its number.
        """
        lines = self._read(block, number) if self._worth else None
        if lines is None:
            return None
        others = self._others(lines, find)
        if others is None:
            self._worth = False
            return None
        self._in_order(others, lines, look)
        self.judge(len(lines.forms), self._at_once(lines), len(others))
        self._blocks += 1
        if self._blocks & (self._blocks - 1) == 0:  # ever more seldom
            self._learn_quiet(lines, others)
        return len(lines.forms)

    def _read(self, block: Block, number: int) -> _Lines | None:
        text = bytes(memoryview(block.data)[block.begin:block.end])
        if not text.endswith(b"\n") or (block.begin and block.data[block.begin - 1] != _BREAK):
            return None
        masked = text.translate(MASK).split(b"\n")
        masked.pop()
        if max(map(len, masked)) > LONG:
            return None
        found: list[Any] = list(map(self._forms.known.get, masked))
        lines = _Lines(block, number, text, masked, list(accumulate(map(len, masked), initial=0)), found)
        variants = {form for form in set(found) if type(form) is Variants}
        for index in [i for i, form in enumerate(found) if form in variants] if variants else ():
            found[index] = found[index].of(lines.raw(index))
        if b"    " in masked[0][:160]:
            found[0] = None  # the line above decides what it is, and that is in another block
        return lines

    def _others(self, lines: _Lines, find: Find) -> dict[int, list[int]] | None:
        """The hits on lines of no known form, by the line's index; None when the order of lines may matter."""
        unknown = list(map(is_, lines.forms, repeat(None)))
        left = list(compress(range(len(unknown)), unknown))
        few = len(left) * 8 < len(unknown)
        rest = list(map(lines.raw, left)) if few else list(compress(lines.text.split(b"\n"), unknown))
        ends = list(accumulate(map(len, rest), initial=0))
        others: dict[int, list[int]] = {}
        at = 0
        for hit in find(b"\n".join(rest), 0, ends[-1] + max(0, len(rest) - 1)):
            if hit & TOKEN in self._special:
                return None
            while (hit >> SHIFT) > ends[at + 1] + at:
                at += 1
            moved = lines.block.begin + lines.place(left[at]) - ends[at] - at
            others.setdefault(left[at], []).append(hit + (moved << SHIFT))
        return others

    def _in_order(self, others: dict[int, list[int]], lines: _Lines, look: Look) -> None:
        """Lines that have to be tried one by one."""
        tried = {form for form in set(lines.forms) if form is not None and form.open}
        indices = [i for i, form in enumerate(lines.forms) if form in tried] if tried else []
        for index in sorted([*others, *indices]):
            form, number = lines.forms[index], lines.number + index
            if form is None:
                look(others[index], number, lines.block)
            else:
                start = lines.block.begin + lines.place(index)
                self._forms.count(form, lines.raw(index), start, number, lines.block)

    def _at_once(self, lines: _Lines) -> int:
        """Count the lines that only count; returns how many lines hold tokens."""
        last = dict(zip(lines.forms, range(len(lines.forms)), strict=True))
        repeats = 0
        for form, count in Counter(lines.forms).items():
            if form is None or form.quiet:
                continue
            repeats += count
            for tally in () if form.open else form.tallies:
                tally.count += count
                if lines.number + last[form] > tally.last_line:
                    tally.last_line, tally.last_raw = lines.number + last[form], lines.raw(last[form])
        return repeats

    def _learn_quiet(self, lines: _Lines, others: dict[int, list[int]]) -> None:
        """Remember lines without tokens that come often: they need not be searched again."""
        quiet = [i for i, form in enumerate(lines.forms) if form is None and i not in others]
        counts = Counter(map(lines.masked.__getitem__, quiet))
        for index in quiet:
            if counts.pop(lines.masked[index], 0) >= _OFTEN:
                self._forms.learn_quiet(lines.raw(index))
