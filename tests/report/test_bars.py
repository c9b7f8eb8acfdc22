"""Bars of exhausted resources: who holds how much, in the text and the JSON report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.cells import cell_len
from rich.text import Text

from gradio_doctor.diagnosis import Diagnosis, Item
from gradio_doctor.evidence import Share, SharedResource, ShareRole, Shares, Source
from gradio_doctor.report.bars import WIDTH, bar, bar_lines
from gradio_doctor.report.json_report import render_json
from gradio_doctor.report.text import plain, render_plain, render_rich
from gradio_doctor.report.words import WORDS
from gradio_doctor.sizes import in_words
from tests.report.made import cause, diagnosis, evidence

GIB = 2**30
CARD = Shares(
    "gpu-memory", 24 * GIB,
    (
        Share("pid 12 python /srv/app.py", 18 * GIB, "leftover"), Share("pid 4711 python /srv/app.py", 2 * GIB, "app"),
        Share("", 3 * GIB, "hidden"),
    ),
    "0 NVIDIA L4",
)


def shown(shares: Shares, lang: str = "en") -> list[str]:
    return plain(bar_lines(shares, lang)).splitlines()


def report_of(shares: Shares) -> Diagnosis:
    return diagnosis(cause(evidence=(replace(evidence(1), shares=(shares,)),)))


def test_the_app_comes_first_then_who_holds_most_then_what_is_free() -> None:
    bar_row = "█" * 4 + "▓" * 38 + "▒" * 6 + "·" * 2
    assert shown(CARD) == [
        "      memory of GPU 0 NVIDIA L4: 23.00 GiB of 24.00 GiB in use (96 %)",
        f"      [{bar_row}]",
        "      █ 2.00 GiB  this app: pid 4711 python /srv/app.py",
        "      ▓ 18.00 GiB  left over from an earlier run: pid 12 python /srv/app.py",
        "      ▒ 3.00 GiB  no process that can be seen from here",
        "      · 1.00 GiB  free",
    ]


def test_in_chinese() -> None:
    lines = shown(CARD, "zh")
    assert lines[0].strip() == "GPU 0 NVIDIA L4 的显存：已用 23.00 GiB，共 24.00 GiB（96 %）"
    assert lines[2].strip() == "█ 2.00 GiB  本应用：pid 4711 python /srv/app.py"
    assert lines[-1].strip() == "· 1.00 GiB  空闲"


def test_what_is_counted_has_no_bytes() -> None:
    shares = Shares("descriptors", 1024, (Share("sockets", 1000), Share("files", 20)), unit="count")
    lines = shown(shares)
    assert lines[0].strip() == "file descriptors: 1020 of 1024 in use (100 %)"
    assert lines[2].strip() == "█ 1000  sockets"


def test_those_for_whom_no_fill_is_left_are_told_together() -> None:
    held = tuple(Share(f"pid {n}", n * GIB) for n in range(1, 7))
    lines = shown(Shares("memory", 24 * GIB, held))
    assert [line.split("  ")[-1] for line in lines[2:-1]] == ["pid 6", "pid 5", "pid 4", "3 more holders together"]
    assert "6.00 GiB" in lines[5]


def test_accounts_that_add_up_to_more_than_there_is() -> None:
    lines = shown(Shares("memory", 10 * GIB, (Share("a", 8 * GIB), Share("b", 8 * GIB))))
    assert "10.00 GiB of 10.00 GiB in use (100 %)" in lines[0]
    assert lines[1].strip() == "[" + "█" * (WIDTH // 2) + "▓" * (WIDTH // 2) + "]"
    assert lines[-1].strip() == "· 0 MiB  free"


def test_without_a_limit_there_is_no_bar() -> None:
    assert shown(Shares("memory", 0, (Share("a", 1),))) == []


@given(st.lists(st.floats(0, 1e13), max_size=4), st.floats(1, 1e13))
def test_a_bar_is_always_as_wide(amounts: list[float], total: float) -> None:
    drawn = bar(amounts, total)
    assert len(drawn) == WIDTH
    for fill, amount in zip("█▓▒░", amounts, strict=False):
        assert (fill in drawn) == (amount > 0)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_kind_and_role_has_words(lang: str) -> None:
    for kind in get_args(SharedResource):
        assert WORDS[f"share-{kind}"].pick(lang)
    assert all(f"share-{role}" in WORDS for role in get_args(ShareRole))


def test_it_stands_below_its_evidence() -> None:
    lines = render_plain(report_of(CARD)).splitlines()
    at = next(n for n, line in enumerate(lines) if "evidence number 1" in line)
    assert "memory of GPU 0" in lines[at + 1]
    assert "memory of GPU" not in render_plain(report_of(CARD), verbosity=-1)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_on_a_terminal_it_stays_inside_of_eighty_columns(lang: str) -> None:
    long = replace(CARD, held=(*CARD.held, Share("pid 9 " + "python /srv/a/long/path.py " * 9, GIB)))
    for line in render_rich(report_of(long), lang, 0, 80).splitlines():
        assert cell_len(Text.from_ansi(line).plain) <= 80


def test_nothing_of_it_drives_the_terminal() -> None:
    text = render_rich(report_of(replace(CARD, held=(Share("x\x1b]0;evil\x07[red]", GIB),))))
    assert "\x1b]0" not in text
    assert "\x07" not in text


def test_as_json(schema: Draft202012Validator) -> None:
    data = json.loads(render_json(report_of(CARD)))
    schema.validate(data)
    shares = data["causes"][0]["evidence"][0]["shares"]
    assert shares == [
        {
            "resource": "gpu-memory", "name": "0 NVIDIA L4", "unit": "bytes", "total": 24 * GIB,
            "held": [{"who": s.who, "role": s.role, "amount": s.amount} for s in CARD.held],
        }
    ]


def test_evidence_without_shares_has_none_in_json() -> None:
    assert "shares" not in json.loads(render_json(diagnosis(cause())))["causes"][0]["evidence"][0]


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 MiB"), (2048, "2 KiB"), (20 * 2**20, "20 MiB"), (1.5 * GIB, "1.50 GiB")]
)
def test_sizes_in_words(size: float, words: str) -> None:
    assert in_words(size) == words


@pytest.mark.parametrize(
    ("amounts", "total", "free"),
    [([1, 1, 1], 3, 0), ([33.4, 33.3, 33.3], 100, 0), ([1e-9, 100], 100, 0), ([99.99], 100, 1),
     ([49, 49, 1.999], 100, 1), ([], 100, WIDTH), ([0], 100, WIDTH), ([160], 160, 0), ([200], 160, 0)],
)
def test_full_is_drawn_full_and_the_last_bit_free_is_seen(amounts: list[float], total: float, free: int) -> None:
    drawn = bar(amounts, total)
    assert len(drawn) == WIDTH and drawn.count("·") == free


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=4), st.booleans())
def test_a_cell_is_free_exactly_when_something_is(amounts: list[float], full: bool) -> None:
    total = sum(amounts) * (1 if full else 1.01)
    assert ("·" in bar(amounts, total)) is not full


def heads(*items: Item) -> list[str]:
    text = render_plain(diagnosis(cause(evidence=tuple(items))))
    return [line for line in text.splitlines() if "in use (" in line]


def test_one_bar_where_a_log_and_the_driver_both_tell() -> None:
    """What was measured is drawn, the numbers of an earlier moment are not; each device has its own."""
    told = replace(CARD, name="", held=(Share("", 20 * GIB, "app"),))
    log = replace(evidence(1), shares=(told,), source=Source("log", "app.log", 3))
    live = replace(evidence(2), shares=(CARD,), source=Source("process", "NVML GPU 0"))
    other = replace(live, shares=(replace(CARD, name="1 NVIDIA L4"),))
    memory = replace(log, shares=(replace(told, resource="memory"),))
    for items in ((log, live), (live, log), (live, live)):
        assert [h.strip()[:26] for h in heads(*items)] == ["memory of GPU 0 NVIDIA L4:"]
    assert len(heads(log)) == 1 and len(heads(live, other)) == 2 and len(heads(live, memory)) == 2
