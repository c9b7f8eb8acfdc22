"""Required literals are in every match, and the lint refuses what the scanner could not bear."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradio_doctor.knowledge.model import Prose, Signature
from gradio_doctor.logs.lint import lint, lint_pattern
from gradio_doctor.logs.literals import SHORTEST, required
from gradio_doctor.logs.rules import RuleSet
from gradio_doctor.registry import Loaded


@pytest.mark.parametrize(("pattern", "texts"), [
    (r"WORKER TIMEOUT", {"WORKER TIMEOUT"}),
    (r"^Killed$", {"Killed"}),
    (r"\[Errno (?:98|48)\]|WinError 10048", {"[Errno 98]", "[Errno 48]", "WinError 10048"}),
    (r"code=(?P<code>H1[23]) desc", {"code=H12 desc", "code=H13 desc"}),
    (r"[Cc]annot allocate memory", {"annot allocate memory"}),
    (r"exits? early", {"exit early", "exits early"}),
    (r"(?:\d{1,3} )?(?:foo{1,9}|oops) (?:zebra|giraffe)", {" zebra", " giraffe"}),
    (r"(?:stop here){2}", {"stop here"}),
    (r'he said "hello there" loudly', {"hello there"}),
    (r"页面文件太小", {"页面文件太小"}),
    (r"Couldn.t start the app", {"t start the app"}),
    (r"(?:abcdefg|hijklmn)\d{1,4}", {"abcdefg", "hijklmn"}),
])
def test_required(pattern: str, texts: set[str]) -> None:
    found = required(pattern)
    assert found and set(found.texts) == texts and not found.caseless


@pytest.mark.parametrize("pattern", [r"\d{1,5}", r"(?:long enough|\d{1,9})", r"(?:long enough)?", r"a[bcdefgh]cd", "."])
def test_nothing_required(pattern: str) -> None:
    assert required(pattern) is None


def test_case() -> None:
    for pattern, ignore in ((r"(?i:segfault) at", False), ("segfault at", True), ("(?i)segfault at", False)):
        found = required(pattern, ignore)
        assert found and found.caseless


def test_long_literals_are_cut() -> None:
    found = required("x" * 10 + " the quick brown fox jumps over the lazy dog " * 3)
    assert found and all(SHORTEST <= len(t) <= 24 for t in found.texts)


PIECES = st.sampled_from([
    "Error", "port ", r"\d{1,3}", "(?:ab|cdef)", "[xy]", "s?", "(?:long word)?", ".{0,5}", r"\[", "(?P<n>\\w{1,4})",
    "Quit", "^", "$", r"\b",
    "(?:one thing|other thing)", "(?:Zap){1,3}", "é", '"', "(?i:MiXed)", "[^a]", "(?:a|b|c)d", "x{2}",
])


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=6).map("".join), st.data())
def test_every_match_holds_one(pattern: str, data: st.DataObject) -> None:
    assume(pattern.count("(?P<n>") < 2)
    found = required(pattern)
    assume(found is not None)
    assert found is not None
    text = data.draw(st.from_regex(re.compile(pattern, re.ASCII)))
    low = text.lower()
    assert any((t.lower() in low) if found.caseless else (t in text) for t in found.texts)


@pytest.mark.parametrize(("pattern", "problem"), [
    ("(", "not a regular expression"), (r"foobar(?=baz)", "look-around"), (r"(?<!x)foobar", "look-around"),
    (r"(foo)bar\1", "back-reference"), ("foobar.*", "longer than 2048"), ("foobar.{0,3000}", "longer than 2048"),
    ("foo\nbarbaz", "line break"), (r"(?:\w{1,9}){1,9}foobar", "repeat inside a repeat"),
    (r"foobar(?:a{0,9}){0,9}", "repeat inside a repeat"), ("(?:foobar)?", "empty string"),
    (r".{0,200}foobar", "starts with a wide repeat"), (r"abc\d", "no literal"), (r"(?:foobar|\d{1,3})", "no literal"),
    ("x{99999999999999}", "not a regular expression"),
])
def test_lint_refuses(pattern: str, problem: str) -> None:
    message = lint_pattern(pattern)
    assert message is not None and problem in message


@pytest.mark.parametrize("pattern", [
    r"(?:[\w-]{1,40}\.){1,6}local is down", r"foobar(?: \d{1,3},){0,20}",
    r"Cannot find empty port in range: (?P<a>\d{1,5})",
    r"^Killed$", r"foobar[^\"]{0,200}baz", r"(?:one thing|other thing) happened",
])
def test_lint_accepts(pattern: str) -> None:
    assert lint_pattern(pattern) is None


def test_lint_of_a_signature_names_the_pattern() -> None:
    good = Signature("a.b", ("fine words",), Prose("x"), 0.01)
    assert lint(good) is None
    message = lint(Signature("a.b", ("fine words", "bad.*"), Prose("x"), 0.01))
    assert message and "bad.*" in message
    message = lint(Signature("a.b", ("fine words",), Prose("x"), 0.01, unless=("(?=x)",)))
    assert message and "unless" in message and "look-around" in message
    assert lint(Signature("a.b", ("fine words",), Prose("x"), 0.01, unless=("xy", r"^\d"))) is None


def test_a_rule_set_needs_literals() -> None:
    with pytest.raises(ValueError, match=r"a\.b"):
        RuleSet([Signature("a.b", (r"\d{1,3}",), Prose("x"), 0.01)])


def test_the_real_signatures_are_clean(loaded: Loaded) -> None:
    problems = {s.id: message for s in loaded.knowledge.signatures.values() if (message := lint(s))}
    assert problems == {}
