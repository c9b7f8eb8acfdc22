"""Expressions and digits: is one blind to them, so that it matches or not whatever digits stand in place of others?"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

from gradio_doctor.logs.literals import Walk, parse

_DIGITS = range(ord("0"), ord("9") + 1)


@functools.lru_cache(maxsize=8192)
def blind_to_digits(pattern: str) -> bool:
    """True when no part of the expression tells one ASCII digit from another. Raises re.error."""
    return _blind(parse(pattern))


def sharp_strings(pattern: str) -> tuple[str, ...] | None:
    """The strings with digits in them that decide whether an expression matches: all else in it is blind.

    None when they cannot be listed. Whether a line matches is told by the line with its digits masked, and by the
    digits at the places where such a string would stand if its digits were right.
    """
    found = _sharp(parse(pattern))
    return None if found is None else tuple(dict.fromkeys(found))


def _sharp(nodes: Iterable[Any]) -> list[str] | None:
    found: list[str] = []
    run = [""]
    for op, value in nodes:
        exact = _exact(op, value)
        if exact is not None and len(exact) * len(run) <= _VARIANTS:
            run = [a + b for a in run for b in exact]
            continue
        found += filter(_DIGIT.search, run)
        run = exact or [""]
        if exact is None and not _blind_node(str(op), value):
            inner = _sharp_inside(str(op), value)
            if inner is None:
                return None
            found += inner
    return [*found, *filter(_DIGIT.search, run)]


_VARIANTS = 32
_DIGIT = re.compile("[0-9]")
_WALK = Walk(caseless=False)


def _exact(op: Any, value: Any) -> list[str] | None:
    """All the strings that a node matches, when they are few."""
    if str(op) == "IN" and all(str(o) == "RANGE" and v[0] in _DIGITS and v[1] in _DIGITS for o, v in value):
        return [chr(c) for _, (low, high) in value for c in range(low, high + 1)] if len(value) == 1 else None
    exact = _WALK.exact(op, value)
    return exact if exact is None or len(exact) <= _VARIANTS else None


def _sharp_inside(name: str, value: Any) -> list[str] | None:
    if name == "SUBPATTERN":
        return _sharp(value[3])
    if name in {"MAX_REPEAT", "MIN_REPEAT"}:
        return _sharp(value[2])
    if name == "BRANCH":
        parts = [_sharp(branch) for branch in value[1]]
        return None if None in parts else [text for part in parts for text in part or ()]
    return None


def _blind(nodes: Iterable[Any]) -> bool:
    return all(_blind_node(str(op), value) for op, value in nodes)


def _blind_node(name: str, value: Any) -> bool:
    if name in {"LITERAL", "NOT_LITERAL"}:
        return value not in _DIGITS
    if name == "IN":
        return _blind_class(value)
    if name == "SUBPATTERN":
        return _blind(value[3])
    if name == "BRANCH":
        return all(_blind(branch) for branch in value[1])
    if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        return _blind(value[2])
    if name == "ATOMIC_GROUP":
        return _blind(value)
    return name in {"ANY", "AT", "CATEGORY"}


def _blind_class(items: Iterable[Any]) -> bool:
    """True when a class holds all digits or none (a negated one as well)."""
    held: set[int] = set()
    for op, value in items:
        if str(op) == "LITERAL":
            held.add(value)
        elif str(op) == "RANGE":
            held.update(d for d in _DIGITS if value[0] <= d <= value[1])
    found = held.intersection(_DIGITS)
    return not found or len(found) == len(_DIGITS) or _has_digit_category(items)


def _has_digit_category(items: Iterable[Any]) -> bool:
    return any(str(op) == "CATEGORY" and re.search(r"(?<!NOT_)(?:DIGIT|WORD)$", str(value)) for op, value in items)


_PIECES = re.compile(
    r"(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<digit>\d)"
    r"|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|\{\d*,?\d*\}|\(\?P<\w+>",
    re.ASCII | re.DOTALL,
)


def blinded(pattern: str) -> str:
    """An expression that is blind to digits and matches all that `pattern` does (and more); "" when none is known."""
    made = _PIECES.sub(_blinded_piece, pattern)
    return made if blind_to_digits(made) else ""  # "" matches everything


def _blinded_piece(piece: re.Match[str]) -> str:
    if piece["digit"]:
        return r"\d"
    if piece["class"] and not blind_to_digits(piece["class"]):
        return rf"(?:{piece['class']}|\d)"
    return piece[0]
