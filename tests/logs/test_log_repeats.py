"""Lines judged by their form are counted just as they would be one by one."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.corpus import KINDS
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs import bulk, forms, repeats
from gradio_doctor.logs.digits import blind_to_digits, blinded, sharp_strings
from gradio_doctor.logs.read import read_logs
from gradio_doctor.logs.rules import RuleSet
from gradio_doctor.registry import load
from tests.logs.conftest import make

CASES = sorted((Path(__file__).parents[2] / "fixtures" / "cases").glob("*.log"))

LINES = {"long": 60, "one": 60, "accept": 3000, "handler": 6000}  # of the benchmark's logs


@pytest.fixture(scope="module")
def signatures() -> Sequence[Signature]:
    return tuple(load(plugins=False).knowledge.signatures.values())


def outcome(path: Path, signatures: Sequence[Signature]) -> object:
    found = read_logs([path], signatures)
    return found.matches, found.tracebacks, found.files


def one_by_one(path: Path, signatures: Sequence[Signature], monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patch:
        patch.setattr(forms.Forms, "learn", lambda *_: None)
        patch.setattr(repeats.Repeats, "again", lambda *_: None)
        return outcome(path, signatures)


def other_digits(choose: random.Random) -> Callable[[re.Match[bytes]], bytes]:
    """Now and then other digits, so that some lines change what they say and others only their numbers."""
    return lambda found: found[0] if choose.random() < 0.7 else b"%d" % choose.randrange(10)


@pytest.mark.parametrize("part", range(6))
def test_repeated_real_logs(
    part: int, tmp_path: Path, signatures: Sequence[Signature], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = random.Random(part)
    path = tmp_path / "long.log"
    with path.open("wb") as file:
        for case in CASES[part::6]:
            lines = case.read_bytes()[:4000].split(b"\n")
            for _ in range(25):
                file.write(re.sub(rb"\d", other_digits(choose), b"\n".join(lines)) + b"\n")
    assert outcome(path, signatures) == one_by_one(path, signatures, monkeypatch)


@pytest.mark.parametrize("kind", KINDS)
def test_logs_of_the_benchmark(
    kind: str, tmp_path: Path, signatures: Sequence[Signature], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = random.Random(kind)
    made = KINDS[kind](choose)
    text = "".join(next(made) for _ in range(LINES.get(kind, 30_000))).encode()
    path = tmp_path / "made.log"
    path.write_bytes(re.sub(rb"\d", other_digits(choose), text))
    done: list[int | None] = []
    count = bulk.Bulk.count

    def noted(*given: Any) -> int | None:
        done.append(count(*given))
        return done[-1]

    monkeypatch.setattr(bulk.Bulk, "count", noted)
    found = outcome(path, signatures)
    assert any(done) == (kind in ("dense", "nginx"))  # only there it is worth it
    assert found == one_by_one(path, signatures, monkeypatch)


def test_digits_that_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [
        make("a.exit", "exited with code (?:137|9)\\b"),
        make("b.any", "exited with code \\d{1,3}"),
        make("c.unless", "exited with code", unless=("code 1\\b",)),
    ]
    codes = [1, 9, 137, 139, 2, 91] * 2000
    path = tmp_path / "codes.log"
    path.write_text("".join(f"12:{n % 60:02}:07 worker {n} exited with code {c} ok\n" for n, c in enumerate(codes)))
    counts = {m.signature: m.count for m in read_logs([path], rules).matches}
    assert counts == {"a.exit": 4000, "b.any": 12_000, "c.unless": 10_000}
    assert outcome(path, rules) == one_by_one(path, rules, monkeypatch)


@pytest.mark.parametrize(
    ("pattern", "strings"),
    [
        (r"\[Errno (?:98|48)\] x", ("[Errno 98] x", "[Errno 48] x")),
        (r"\((?:111|61): .{0,60}\) while 2nd", ("(111: ", "(61: ", ") while 2nd")),
        (r"HTTP/[12]\" 5\d\d", ('HTTP/1" 5', 'HTTP/2" 5')),
        (r"port [2-5]", ("port 2", "port 3", "port 4", "port 5")),
        (r"0x[0-9a-f]{4} a1?", ("0x", " a1")),
        (r"[a-f0-8]{4}", None),
        (r"(?:\w{1,3}x1){1,2}", ("x1",)),
    ],
)
def test_strings_with_digits(pattern: str, strings: tuple[str, ...] | None) -> None:
    assert sharp_strings(pattern) == strings
    assert not blind_to_digits(pattern)


@pytest.mark.parametrize("pattern", [r"\d{1,3} [0-9] \w \S", "[^a] .", r"[\d.]{2}", r"(?P<n1>\x41)\b", "x{3,5}"])
def test_blind(pattern: str) -> None:
    assert blind_to_digits(pattern)
    assert blinded(pattern) == pattern


def test_blinded_expressions_match_no_less(signatures: Sequence[Signature]) -> None:
    """Each real line that a sharp expression matches is matched by it made blind, with any digits."""
    rules, choose, tried = RuleSet(signatures).rules, random.Random(1), 0
    text = b"\n".join(case.read_bytes() for case in CASES).decode("utf-8", "replace")
    for rule in rules:
        flags = re.ASCII | (re.IGNORECASE if rule.signature.ignore_case else 0)
        for pattern in rule.signature.patterns:
            if blind_to_digits(pattern):
                continue
            loose = re.compile(blinded(pattern), flags)
            for found in re.finditer(pattern, text, flags):
                tried += 1
                changed = re.sub(r"[0-9]", lambda _: str(choose.randrange(10)), found[0])
                assert loose.search(found[0]), pattern
                assert "$" in pattern or "\\b" in pattern or loose.search(changed), pattern
    assert tried > 100
