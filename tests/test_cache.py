"""Derived data is kept between runs, and a broken or missing cache costs nothing but time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gradio_doctor import cache
from gradio_doctor.logs.rules import RuleSet
from gradio_doctor.registry import Loaded
from tests.command import gradio_doctor, write_log


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "gradio-doctor"


def test_kept_and_read_back() -> None:
    assert cache.cached("kind", "key") is None
    cache.keep("kind", "key", {"a": [1, "二"]})
    assert cache.cached("kind", "key") == {"a": [1, "二"]}
    assert cache.cached("other", "key") is None


def test_only_the_newest_few_stay(place: Path) -> None:
    for number in range(12):
        cache.keep("kind", f"key{number}", {"n": number})
        os.utime(place / f"kind-key{number}.json", (number, number))
    assert cache.cached("kind", "key11") == {"n": 11}
    assert cache.cached("kind", "key0") is None
    assert len(list(place.iterdir())) == 8


def test_keys_change_with_the_files(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("one")
    first = cache.key_of_files([file])
    assert first == cache.key_of_files([file])
    file.write_text("other")
    assert first != cache.key_of_files([file])


@pytest.mark.parametrize("text", ["", "[1]", "{", "\0", '{"tokens": 3}'])
def test_what_is_broken_counts_as_not_there(place: Path, text: str, loaded: Loaded) -> None:
    signatures = tuple(loaded.knowledge.signatures.values())
    wanted = RuleSet(signatures).tokens
    (kept,) = place.glob("tokens-*.json")
    kept.write_text(text)
    assert RuleSet(signatures).tokens == wanted


def test_tokens_read_back_are_those_worked_out(loaded: Loaded, place: Path) -> None:
    signatures = tuple(loaded.knowledge.signatures.values())
    first = RuleSet(signatures)
    assert list(place.glob("tokens-*.json"))
    second = RuleSet(signatures)
    assert first.tokens == second.tokens
    assert first.longest == second.longest


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = gradio_doctor("logs", write_log(tmp_path), cwd=tmp_path, env={"XDG_CACHE_HOME": str(tmp_path / "file")})
    assert ran.status == 1, ran.stderr


def test_the_second_run_is_quicker(tmp_path: Path) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        assert gradio_doctor("logs", "app.log", cwd=tmp_path, env={"XDG_CACHE_HOME": str(tmp_path)}).status == 1
        return time.perf_counter() - started

    write_log(tmp_path)
    first = seconds()
    assert min(seconds() for _ in range(3)) < first
