"""A reader of plain Caddyfiles: sites, matchers of paths, and reverse_proxy. What it does not know it tells."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gradio_doctor.evidence import Directive
from gradio_doctor.probes.proxies.reading import Files
from gradio_doctor.probes.redact import HIDDEN, clean, redact_text

_MOST_DEPTH = 16
_MOST_WORDS = 50_000
Word = tuple[str, int, bool]  # text, line, first of its line


def words(text: str) -> Iterator[Word]:
    """The tokens of a Caddyfile: quoted with " or `, a # begins a comment, a backslash at the end joins lines."""
    line, first, at, end = 1, True, 0, len(text)
    while at < end:
        char = text[at]
        if char == "\n":
            line, first, at = line + 1, True, at + 1
        elif char.isspace() or text.startswith("\\\n", at):
            line += text.startswith("\\\n", at)
            at += 2 if char == "\\" else 1
        elif char == "#":
            at = (text.find("\n", at) + 1 or end + 1) - 1
        else:
            word, after = _word(text, at)
            yield word, line, first
            line, first, at = line + text.count("\n", at, after), False, after


def _word(text: str, at: int) -> tuple[str, int]:
    quote = text[at]
    if quote in "\"`":
        close = text.find(quote, at + 1)
        while quote == '"' and close > 0 and text[close - 1] == "\\":
            close = text.find(quote, close + 1)
        close = len(text) if close < 0 else close
        return text[at + 1:close].replace('\\"', '"') if quote == '"' else text[at + 1:close], close + 1
    after = at
    while after < len(text) and not text[after].isspace():
        after += 1
    return text[at:after], after


@dataclass
class Caddyfile:
    """Reads one Caddyfile with what it imports."""

    files: Files
    snippets: dict[str, tuple[Directive, ...]] = field(default_factory=dict)

    def read(self, path: str, within: tuple[str, ...] = ()) -> tuple[Directive, ...]:
        """Its top-level blocks: a site is named by its first address; global options have the name ""."""
        if path in within or len(within) > _MOST_DEPTH:
            self.files.skip(path, "imports itself")
            return ()
        text = self.files.text(path)
        rows = _rows(list(zip(range(_MOST_WORDS), words(text or ""), strict=False)))
        return tuple(self._block(rows, path, (*within, path), 0))

    def _block(self, rows: Iterator[list[Word]], path: str, within: tuple[str, ...], depth: int) -> Iterator[Directive]:
        for row in rows:
            texts, line = [w[0] for w in row], row[0][1]
            if texts == ["}"]:
                return
            block = None
            if texts[-1] == "{":
                texts.pop()
                block = tuple(self._block(rows, path, within, depth + 1)) if depth < _MOST_DEPTH else ()
            name = texts[0] if texts else ""
            if name.startswith("(") and block is not None:
                self.snippets[name.strip("()")] = block
            elif name == "import":
                yield from self._imported(texts[1:], path, line, within)
            else:
                arguments = tuple(redact_text(clean(t, 1000)) for t in texts[1:])
                if name == "header_up" and any(s in " ".join(texts[1:2]).lower() for s in ("authorization", "cookie")):
                    arguments = (*arguments[:1], HIDDEN)
                yield Directive(clean(name, 300), arguments, clean(path, 4096), line, block)

    def _imported(
        self, what: Sequence[str], path: str, line: int, within: tuple[str, ...]
    ) -> Iterator[Directive]:
        if len(what) == 1 and what[0] in self.snippets:
            yield from self.snippets[what[0]]
        elif len(what) == 1 and "{" not in what[0]:
            place = posixpath.join(posixpath.dirname(path), what[0])
            for found in self.files.matching(place):
                yield from self.read(found, within)
        else:
            self.files.skip(f"{path}:{line}", "an import with arguments is not read")


def _rows(every: Sequence[tuple[int, Word]]) -> Iterator[list[Word]]:
    """The words, line by line."""
    row: list[Word] = []
    for _, word in every:
        if word[2] and row:
            yield row
            row = []
        row.append(word)
    if row:
        yield row


def flat(block: Sequence[Directive]) -> Iterator[Directive]:
    """The directives of a block and of the blocks in it, those of `transport http { }` for example."""
    for one in block:
        if one.block is None:
            yield one
        else:
            yield from flat(one.block)


def matchers(block: Sequence[Directive]) -> Mapping[str, str | None]:
    """The named matchers of a site: the one path that each wants, None for what is more than that."""
    found: dict[str, str | None] = {}
    for one in block:
        if one.name.startswith("@"):
            inner = one.block if one.block is not None else (Directive("", one.arguments, one.file, one.line),)
            plain = [a for d in inner for a in ((d.name, *d.arguments) if d.name else d.arguments)]
            found[one.name] = plain[1] if len(plain) == 2 and plain[0] == "path" and len(inner) == 1 else None
    return found
