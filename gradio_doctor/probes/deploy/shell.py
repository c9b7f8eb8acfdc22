"""The commands in the text of a shell, split at its operators but not within its quotes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})
BACKGROUND = "&"
_OPERATORS = frozenset("();|&\n")
_MOST = 8000  # characters


def commands_of(text: str) -> Iterator[tuple[str, ...]]:
    """The simple commands of a shell text; one that is left to run in the background ends with "&".

    Nothing comes of a text whose quotes do not match: where its commands end is not known.
    """
    lexer = shlex.shlex(text[:_MOST].replace("\\\n", " "), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace_split = True
    lexer.whitespace = " \t\r"
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return
    part: list[str] = []
    for word in words:
        if not word or not _OPERATORS.issuperset(word):
            part.append(word)
            continue
        if word.replace("&&", "").count("&"):
            part.append(BACKGROUND)
        if part:
            yield tuple(part)
        part = []
    if part:
        yield tuple(part)


def text_for_shell(words: Sequence[str]) -> str | None:
    """The text that `sh -c TEXT` is given, whatever its other options are; None when it is given none."""
    if not words or PurePosixPath(words[0]).name not in SHELLS:
        return None
    at = 1
    while at < len(words) and words[at][:1] in ("-", "+"):
        word = words[at]
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            rest = words[at + 1 :]
            if word.endswith("o"):  # -euxco pipefail
                rest = rest[1:]
            return rest[0] if rest else None
        at += 2 if word[1:2] != "-" and word.endswith("o") else 1
    return None
