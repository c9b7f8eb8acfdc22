"""Time stamps without a year, without a date and with time zones, across midnight and New Year."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from gradio_doctor.evidence import LogEvents
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs import read_logs
from gradio_doctor.logs.prefixes import peel
from gradio_doctor.logs.times import may_hold_times, moment, parse_time

Write = Callable[[str, str, str], str]


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a log that was last changed at a time."""
    def function(name: str, text: str, changed: str) -> str:
        path = tmp_path / name
        path.write_text(text)
        os.utime(path, (at(changed), at(changed)))
        return str(path)

    return function


@pytest.mark.parametrize(("stamp", "now", "time"), [
    ("Dec 31 23:59:58 h x: y", "2027-01-01T00:00:05", "2026-12-31T23:59:58"),  # read just after New Year
    ("Jan  1 00:00:03 h x: y", "2027-01-01T00:00:05", "2027-01-01T00:00:03"),
    ("Jan  1 08:30:00 h x: y", "2026-12-31T23:30:05", "2027-01-01T08:30:00"),  # written in Tokyo: its clock is ahead
    ("Feb  1 08:30:00 h x: y", "2026-01-31T23:30:05", "2026-02-01T08:30:00"),
    ("Jan  2 23:00:00 h x: y", "2026-12-31T23:30:05", "2026-01-02T23:00:00"),  # too far ahead for any zone
    ("Nov 22 10:00:00 h x: y", "2026-11-22T10:00:01", "2026-11-22T10:00:00"),
    ("Nov 23 10:00:00 h x: y", "2026-11-22T10:00:01", "2025-11-23T10:00:00"),
    ("Feb 29 10:00:00 h x: y", "2026-11-22T10:00:01", "2024-02-29T10:00:00"),  # the latest year that had one
    ("Feb 30 10:00:00 h x: y", "2026-11-22T10:00:01", None),
    ("E1231 23:59:58.5 7 a.py:1] x", "2027-01-01T00:00:05", "2026-12-31T23:59:58.5"),
    ("I0101 00:00:03.5 7 a.py:1] x", "2026-12-31T20:00:00", "2027-01-01T00:00:03.5"),
    ("E9999 23:59:58.5 7 a.py:1] x", "2027-01-01T00:00:05", None),
])
def test_years_that_are_left_out(stamp: str, now: str, time: str | None) -> None:
    assert parse_time(stamp, at(now)) == time
    assert peel(stamp, at(now)).time == time


def test_a_log_across_new_year(write: Write, signatures: tuple[Signature, ...]) -> None:
    """The lines stand in their order, and another log with years falls in between."""
    text = "Dec 31 23:59:50 h x: boom happened in old\nJan  1 00:00:10 h x: Killed\n"
    old = write("syslog", text, "2027-01-01T00:00:11")
    new = write("app.log", "2027-01-01 00:00:01 boom happened in new\n", "2027-01-01T00:00:02")
    found = read_logs([new, old], signatures)
    assert [(m.signature, m.source.time) for m in found.matches] == [
        ("app.boom", "2026-12-31T23:59:50"), ("memory.killed", "2027-01-01T00:00:10"),
    ]
    boom = found.get("app.boom")
    assert boom and [s.source.time for s in boom.samples] == ["2026-12-31T23:59:50", "2027-01-01T00:00:01"]


def test_a_log_across_midnight(write: Write, signatures: tuple[Signature, ...]) -> None:
    """A clock without a date gives no time (which day it was is not known), and lines keep their order."""
    path = write("app.log", "23:59:58 INFO boom happened in one\n00:00:02 INFO Killed\n", "2026-11-22T00:00:03")
    found = read_logs([path], signatures)
    assert [(m.signature, m.source.line, m.source.time) for m in found.matches] == [
        ("app.boom", 1, None), ("memory.killed", 2, None),
    ]


def test_time_zones(write: Write, signatures: tuple[Signature, ...]) -> None:
    """The earlier moment comes first whatever its clock shows."""
    shanghai = write("a.log", "2026-11-22T18:00:00+08:00 boom happened in shanghai\n", "2026-11-22T10:00:00")
    utc = write("b.log", "2026-11-22T10:00:05Z Killed\n", "2026-11-22T10:00:05")
    york = write("c.log", "[22/Nov/2026:05:00:03 -0500] disk is full\n", "2026-11-22T10:00:03")
    found: LogEvents = read_logs([utc, york, shanghai], signatures)
    assert [Path(f.name).name for f in found.files] == ["a.log", "c.log", "b.log"]
    assert [m.signature for m in found.matches] == ["app.boom", "app.unless", "memory.killed"]


@pytest.mark.parametrize(("text", "time"), [
    ('time="2026-11-22T10:00:00Z" level=error msg="x"', "2026-11-22T10:00:00+00:00"),
    ("level=error ts=2026-11-22T10:00:00.123+08:00 msg=x", "2026-11-22T10:00:00.123+08:00"),
    ("event='x' timestamp='2026-11-22T10:00:00.5Z'", "2026-11-22T10:00:00.5+00:00"),
    ("level=info ts=1763805600.5 caller=x", "2025-11-22T10:00:00.500+00:00"),
    ("uptime=12:00:00 x", None), ("timestamp=soon", None), ("runtime=2026-11-22T10:00:00Z", None),
])
def test_times_in_key_value_lines(text: str, time: str | None) -> None:
    assert peel(text).time == time


def test_moments_of_any_precision() -> None:
    assert moment("2026-11-22T10:00:00.5Z") == moment("2026-11-22T10:00:00.500000000+00:00")
    assert moment("2026-11-22T10:00:00.5Z") == at("2026-11-22T10:00:00") + 0.5
    with pytest.raises(ValueError, match="never"):
        moment("never")


@pytest.mark.parametrize(
    ("raw", "may"),
    [
        (b"INFO:     127.0.0.1:51034 - GET / 200 OK\n", False), (b"took 12:34 min\nfile 123456789\n", False),
        (b"2026-11-22 10:00:00 x", True), (b"Nov 22 10:00:00 box x", True), (b"1763805600 x", True),
        (b'{"ts": 1.7e9}', True), ("\u0661\u0662:00:00".encode(), True), (b"I1122 10:00:00 x", True), (b"", False),
    ],
)
def test_lines_that_may_hold_times(raw: bytes, may: bool) -> None:
    assert may_hold_times(raw) == may
