"""What is wrong with a signature's patterns: everything that would make the scanner slow, blind or hang."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs.literals import SHORTEST, parse, required

WIDEST = 2048  # characters that one match may span: what the scanner keeps around a token in an over-long line
_WIDE = 20  # a repeat that varies by more than this counts as open for the nesting rule
_LOOKING = {"ASSERT": "look-around", "ASSERT_NOT": "look-around", "GROUPREF": "a back-reference",
            "GROUPREF_EXISTS": "a conditional group"}
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}


def lint(signature: Signature) -> str | None:
    """What is wrong with the patterns of a signature, None when nothing is."""
    for pattern in signature.patterns:
        if problem := lint_pattern(pattern, signature.ignore_case):
            return f"{problem} (in {pattern!r})"
    for pattern in signature.unless:
        if problem := _shape(pattern):
            return f"{problem} (in unless {pattern!r})"
    return None


def lint_pattern(pattern: str, ignore_case: bool = False) -> str | None:
    """What is wrong with one pattern, None when nothing is."""
    if problem := _shape(pattern):
        return problem
    tree = parse(pattern)
    if tree.getwidth()[0] == 0:
        return "it can match the empty string"
    if str(tree[0][0]) in _REPEATS and _varies(tree[0][1]) and tree[0][1][1] > _WIDE:
        return "it starts with a wide repeat: leave that out, the search begins anywhere"
    if required(pattern, ignore_case) is None:
        return f"no literal of at least {SHORTEST} characters is in every match"
    return None


def _shape(pattern: str) -> str | None:
    try:
        tree = parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    for name, value in _nodes(tree):
        if name in _LOOKING:
            return f"{_LOOKING[name]} is not allowed"
        if name == "LITERAL" and value == 10:
            return "it can match a line break: patterns see one line"
        if name in _REPEATS and (problem := _nested(value)):
            return problem
    if tree.getwidth()[1] > WIDEST:
        return f"a match can be longer than {WIDEST} characters: bound every repeat, like .{{0,200}}"
    return None


def _varies(repeat: Any) -> bool:
    return bool(repeat[0] != repeat[1])


def _nested(repeat: Any) -> str | None:
    """A repeat of a repeat may take exponential time, unless a literal it cannot match divides the turns."""
    _, most, body = repeat
    inner = [value for name, value in _nodes(body) if name in _REPEATS and _varies(value) and value[1] > 1]
    if most <= 1 or not inner:
        return None
    edges = [body[0], body[len(body) - 1]]
    while str(edges[0][0]) == "SUBPATTERN":
        group = edges[0][1][3]
        edges = [group[0], group[len(group) - 1]]
    for op, value in edges:
        if str(op) == "LITERAL" and not any(_can_match(v[2], chr(value)) for v in inner):
            return None
    return "a repeat inside a repeat: bound it differently"


def _can_match(body: Any, char: str) -> bool:
    """True when some node of a repeat's body may match a character."""
    return any(_node_matches(name, value, char) for name, value in _nodes(body))


def _node_matches(name: str, value: Any, char: str) -> bool:
    if name == "LITERAL":
        return bool(chr(value) == char)
    if name == "NOT_LITERAL":
        return bool(chr(value) != char)
    if name == "ANY":
        return True
    if name != "IN":
        return False
    negated = str(value[0][0]) == "NEGATE"
    return any(_item_matches(str(op), v, char) for op, v in value) != negated


def _item_matches(name: str, value: Any, char: str) -> bool:
    if name == "LITERAL":
        return bool(chr(value) == char)
    if name == "RANGE":
        return bool(value[0] <= ord(char) <= value[1])
    if name == "CATEGORY":
        letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[str(value).rpartition("_")[2]]
        return re.match("\\" + (letter.upper() if "NOT" in str(value) else letter), char, re.ASCII) is not None
    return False


def _nodes(tree: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for op, value in tree:
        name = str(op)
        yield name, value
        if name in _REPEATS:
            yield from _nodes(value[2])
        elif name == "SUBPATTERN":
            yield from _nodes(value[3])
        elif name == "BRANCH":
            for branch in value[1]:
                yield from _nodes(branch)
        elif name in {"ASSERT", "ASSERT_NOT"}:
            yield from _nodes(value[1])
        elif name == "ATOMIC_GROUP":
            yield from _nodes(value)
