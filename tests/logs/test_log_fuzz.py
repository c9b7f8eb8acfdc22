"""Hostile logs: a share of what `python -m bench.fuzz` does, and what hypothesis thinks of. Nothing may go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import fuzz, fuzz_look
from bench.fuzz import Share, TooSlow, one, watchdog
from bench.fuzz_inputs import KEYS, PREFIXES, SEQUENCES, TIMES, Inputs
from bench.fuzz_look import complaints, look, prepare, wild
from gradio_doctor import commands, engine
from gradio_doctor.logs import engines, read
from gradio_doctor.registry import load

SHARE = 600  # inputs of the generator; hypothesis gives 500 more


@pytest.fixture(scope="module", autouse=True)
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What does not depend on the input is made ready once; everything is put back afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        places = ((commands, "load"), (read, "RuleSet"), (engine, "_within"))
        for module, name in (*places, *((engines, n) for n in ("by_search", "by_grams", "by_hyperscan"))):
            patch.setattr(module, name, getattr(module, name))
        prepare()
        directory = tmp_path_factory.mktemp("fuzz")
        patch.chdir(directory)
        yield directory


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_generated(prepared: Path, seed: int) -> None:
    inputs, total = Inputs(seed), Share()
    for number in range(SHARE // 3):
        total.add(one(inputs, number, prepared))
    assert not total.wrong
    assert total.inputs == SHARE // 3 and set(total.statuses) <= {0, 1, 3} and len(total.statuses) > 1


def asked(directory: Path, data: bytes) -> tuple[str, ...]:
    file = directory / "input.log"
    file.write_bytes(data)
    with watchdog():
        return look([file], directory, Random(len(data))).wrong


PATTERNS = [p for s in load(plugins=False).knowledge.signatures.values() for p in s.patterns]
PIECES = [*PREFIXES, *SEQUENCES, *TIMES, b"\r", b"\0", b"\n", b"    ", b"Traceback (most recent call last):\n", b"}"]
CHECKED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@CHECKED
@given(data=st.binary(max_size=2000))
def test_any_bytes(prepared: Path, data: bytes) -> None:
    assert asked(prepared, data) == ()


@CHECKED
@given(data=st.lists(st.sampled_from(PIECES) | st.text(max_size=40).map(lambda t: t.encode("utf-8", "replace"))))
def test_pieces_of_logs(prepared: Path, data: list[bytes]) -> None:
    assert asked(prepared, b"".join(data)) == ()


@settings(CHECKED, max_examples=50)  # drawing them takes long
@given(st.data())
def test_lines_that_match(prepared: Path, data: st.DataObject) -> None:
    """Whatever a pattern may capture: figures of any length, names of any characters."""
    patterns = data.draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=4))
    lines = [data.draw(st.from_regex(p)) for p in patterns]
    front = data.draw(st.sampled_from(PREFIXES))
    assert asked(prepared, b"\n".join(front + t.encode("utf-8", "replace") for t in lines)) == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60) | st.sampled_from([
        "Traceback (most recent call last):\n  File \"/a\", line 1, in f\n    x()\nE: y", "\u001b[2J", "1e400",
    ]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4), max_leaves=8,
)


@CHECKED
@given(st.lists(st.dictionaries(st.sampled_from([*KEYS, "exc_type", "frames"]), VALUES, max_size=6), max_size=4))
def test_json_lines(prepared: Path, lines: list[dict[str, object]]) -> None:
    assert asked(prepared, "\n".join(map(json.dumps, lines)).encode()) == ()


# -- the fuzzer itself sees what it is there for


def test_inputs_are_the_same_every_time() -> None:
    assert [Inputs(5).make(n) for n in range(30)] == [Inputs(5).make(n) for n in range(30)]
    assert Inputs(5).make(1) != Inputs(6).make(1)


@pytest.mark.parametrize("text", ["\x1b[2J", "a\tb", "\x9b", "\u202e", "\u200b", "\r", "\x00", "\U000e0041", "\ud800"])
def test_wild_text(text: str) -> None:
    assert wild(f"fine {text} fine")
    assert list(complaints(0, f"fine {text} fine", "", ""))


def test_tame_text() -> None:
    assert wild("\x1b[1;31mour own colours\x1b[0m and 中文 and é\n") == ""


def test_a_bad_report_is_seen(prepared: Path) -> None:
    (prepared / "input.log").write_text("nothing\n")
    assert look([prepared / "input.log"], prepared, Random(0)).wrong == ()
    good = json.loads((prepared / "report.json").read_text())

    def wrong(**changes: object) -> str:
        return " ".join(complaints(0, "", "", json.dumps({**good, **changes}, indent=2)))

    assert wrong() == ""
    assert "schema" in wrong(verdict="fine")
    assert "probabilities" in wrong(unknown_probability=1.5)
    assert "check x failed" in wrong(checks=[{"id": "x", "outcome": "failed", "seconds": 0.0, "reason": "KeyError"}])
    assert "control character" in wrong(target={"kind": "log", "text": "a\x1b[2Jb"})
    assert "the report means 3" in wrong(verdict="inconclusive")
    assert "exit status 4" in " ".join(complaints(4, "", "a defect", ""))
    assert "without a report" in " ".join(complaints(0, "", "", ""))
    assert "exit status 2" in " ".join(complaints(2, "", "gradio-doctor: no\n", ""))


def test_what_hangs_and_what_raises_is_seen(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "look", lambda *_: 1 / 0)
    assert "ZeroDivisionError" in one(Inputs(1), 0, prepared).wrong[0][1]

    def endless(*_: object) -> fuzz_look.Seen:
        while True:
            pass

    monkeypatch.setattr(fuzz, "look", endless)
    with pytest.raises(TooSlow), watchdog(0.2):
        endless()


def test_several_processes_and_one_that_dies() -> None:
    total = fuzz.run(1, 6, 2)
    assert total.inputs == 6 and not total.wrong and total.memory > 10
