"""Lines of which only the digits differ (times, ports, addresses) are judged once: an error that repeats is cheap.

An expression that is blind to digits matches every line of a form or none. One that is not does so among the lines
that have the same digits at the few places where its own digits could be. What has many such places is tried each time.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace

from gradio_doctor.logs.collector import Block, Collector
from gradio_doctor.logs.digits import blind_to_digits, blinded, sharp_strings
from gradio_doctor.logs.lines import Line
from gradio_doctor.logs.rules import Rule, RuleSet, split
from gradio_doctor.logs.tally import SAMPLES, Tally
from gradio_doctor.logs.text import MASK

_MOST = 2048  # forms remembered; then all are forgotten, so that memory stays constant
_LONGEST = 2048  # bytes of a line: longer ones hardly repeat
_INDENT = b"    "
_FRAME = b'", line '
_DIGITS = re.compile(rb"[0-9]+")
_COLUMNS = 8  # more make forms that hardly repeat
_Numbered = tuple[bytes, tuple[tuple[int, int], ...]]  # a string in lower case, its digits masked, and their places


@dataclass(slots=True, eq=False)
class Form:
    """What is known of all lines of a form: what each of them is a match of, and the owners still to be tried."""

    tallies: tuple[Tally, ...]
    open: tuple[int, ...]
    quiet: bool = False  # holds no token
    layers: dict[tuple[str, ...], bool] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Variants:
    """Forms that differ in digits which matter: `columns` are the places of these."""

    columns: tuple[slice, ...]
    forms: dict[tuple[bytes, ...], Form] = field(default_factory=dict)

    def of(self, raw: bytes) -> Form | None:
        """The form of a line."""
        return self.forms.get(tuple([raw[column] for column in self.columns]))


class Forms:
    """The forms met so far in one log."""

    def __init__(self, rules: RuleSet, collector: Collector) -> None:
        self._rules = rules
        self._collector = collector
        self._kept = 0
        numbered = (t for t in rules.tokens if _DIGITS.search(t.text) and min(t.owners) >= 0)
        self._numbered = [(t.text.translate(MASK).lower(), t.owners) for t in numbered]
        self._loose: dict[int, Rule] = {}
        self._sharp: dict[str, list[_Numbered] | None] = {}  # by expression
        self.known: dict[bytes, Form | Variants] = {}  # by the line with its digits masked

    def of(self, raw: bytes) -> Form | None:
        """The form of a line, None when it is not known."""
        found = self.known.get(raw.translate(MASK))
        return found.of(raw) if type(found) is Variants else found  # type: ignore[return-value]

    def repeat(self, raw: bytes, start: int, number: int, block: Block) -> bool:
        """Count a whole line when its form is known. False: it has to be looked at."""
        form = self.of(raw)
        if form is None or number <= self._collector.parser.last_line or may_be_quoted(raw, start, block):
            return False
        self.count(form, raw, start, number, block)
        return True

    def count(self, form: Form, raw: bytes, start: int, number: int, block: Block) -> None:
        """Count one line of a form."""
        for tally in form.tallies:
            tally.count += 1
            tally.last_line, tally.last_raw = number, raw
        if form.open:
            line = Line(raw, start, start + len(raw))
            line.number, line.layers_tried = number, form.layers
            for owner in form.open:
                self._collector.candidate(owner, line, block)

    def learn(self, line: Line, tokens: Iterable[int], block: Block) -> None:
        """Remember the form of a whole line that has just been looked at, if repeats of it can be counted blindly."""
        if len(line.raw) > _LONGEST or not self._collector.counts_blindly(line.number):
            return
        owners = dict.fromkeys(o for token in tokens for o in self._rules.tokens[token].owners)
        if min(owners) < 0 or may_be_quoted(line.raw, line.start, block):
            return
        tallies: list[Tally] = []
        still: list[int] = []
        masked = line.raw.translate(MASK)
        columns: set[tuple[int, int]] = set()
        for owner in (*owners, *self._possible(masked, owners)):
            places = self._places(owner, masked, line)
            if places is None:
                still += [owner] if self._may_match(owner, line) else []
                continue
            columns |= places
            tally = self._matched(owner, line) if owner in owners else None
            tallies += [tally] if tally and tally not in tallies else []
        if all(len(t.samples) >= SAMPLES for t in tallies):
            self._keep(line.raw, masked, sorted(columns), Form(tuple(tallies), tuple(still)))

    def learn_quiet(self, raw: bytes) -> None:
        """Remember the form of a whole line that holds no token, unless other digits could make it hold one."""
        masked, line = raw.translate(MASK), Line(raw, 0, len(raw))
        if len(raw) <= _LONGEST and not any(self._may_match(o, line) for o in self._possible(masked, ())):
            self._keep(raw, masked, (), Form((), (), quiet=True))

    def _keep(self, raw: bytes, masked: bytes, columns: Sequence[tuple[int, int]], form: Form) -> None:
        self._kept += 1
        if self._kept > _MOST:
            self.known.clear()
            self._kept = 1
        if not columns:
            self.known[masked] = form
            return
        slices = tuple(slice(*column) for column in columns)
        known = self.known.get(masked)
        if not isinstance(known, Variants) or known.columns != slices:
            known = self.known[masked] = Variants(slices)
        known.forms[tuple([raw[column] for column in slices])] = form

    def _places(self, owner: int, masked: bytes, line: Line) -> set[tuple[int, int]] | None:
        """The digits in a line that decide whether an expression matches it; None when they are too many."""
        rule, pattern = split(owner)
        signature = self._rules.rules[rule].signature
        found: set[tuple[int, int]] = set()
        for text in (signature.patterns[pattern], *signature.unless):
            if text not in self._sharp:
                strings = () if blind_to_digits(text) else sharp_strings(text)
                self._sharp[text] = None if strings is None else [_numbered(s.encode()) for s in strings]
            sharp = self._sharp[text]
            if sharp is None:
                return None
            found |= self._columns(masked, sharp)
        if found and not self._may_match(owner, line):
            return set()
        return found if len(found) <= _COLUMNS else None

    def _possible(self, masked: bytes, owners: Container[int]) -> list[int]:
        """Further owners, whose tokens would be in the line if its digits were others."""
        lower = masked.lower()
        return [o for text, own in self._numbered if text in lower for o in own if o not in owners]

    @staticmethod
    def _columns(masked: bytes, strings: Sequence[_Numbered]) -> set[tuple[int, int]]:
        """Where in lines of a form some strings would stand if their digits were right: the places of the digits."""
        lower = masked.lower() if strings else b""
        found: set[tuple[int, int]] = set()
        for text, runs in strings:
            at = lower.find(text)
            while at >= 0:
                found.update((at + begin, at + end) for begin, end in runs)
                at = lower.find(text, at + 1)
        return found

    def _matched(self, owner: int, line: Line) -> Tally | None:
        """The tally that the line counted for, if this very expression matches it too."""
        rule, pattern = split(owner)
        tally = self._collector.tally(rule)
        if tally is None or tally.last_line != line.number:
            return None
        return tally if self._rules.rules[rule].search(pattern, line.text, line.record) else None

    def _may_match(self, owner: int, line: Line) -> bool:
        """Whether an expression would match the line with other digits. If not, it matches no line of the form."""
        if owner not in self._loose:
            rule, pattern = split(owner)
            signature = self._rules.rules[rule].signature
            self._loose[owner] = Rule(replace(signature, patterns=(blinded(signature.patterns[pattern]),), unless=()))
        return self._loose[owner].search(0, line.text, line.record) is not None


def _numbered(text: bytes) -> _Numbered:
    return text.translate(MASK).lower(), tuple(m.span() for m in _DIGITS.finditer(text))


def may_be_quoted(raw: bytes, start: int, block: Block) -> bool:
    """True when the line may be the source line that a traceback prints: what it means depends on the line above."""
    if _INDENT not in raw[:160]:
        return False
    return block.data.find(_FRAME, block.data.rfind(b"\n", 0, max(0, start - 1)) + 1, start) >= 0
