"""What is told of a watched app, and what is remembered."""

from __future__ import annotations

import json

import pytest

from gradio_doctor.diagnosis import CauseFound, Diagnosis
from gradio_doctor.evidence import Location
from gradio_doctor.report.text import plain
from gradio_doctor.report.watching import as_json, as_lines
from gradio_doctor.watch_story import Story
from tests.report.made import cause, diagnosis


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def story(clock: Clock) -> Story:
    return Story(5, lambda d: d.failing("error", 0.5), clock)


def block(line: int = 7, name: str = "blocking.event-loop", severity: str = "error") -> tuple[Diagnosis, CauseFound]:
    one = cause(name, severity=severity, location=Location("/srv/app.py", line, "predict", "time.sleep(2)"))
    return diagnosis(one), one


def kinds(story: Story) -> list[str]:
    return [h.kind for h in story.told()]


def test_only_changes_are_told(story: Story, clock: Clock) -> None:
    story.begins(4711, "http://127.0.0.1:7860", 5.0)
    assert kinds(story) == ["watching"]
    for _ in range(3):
        story.well()
        assert kinds(story) == []
    story.cause(*block(), 1.0)
    assert kinds(story) == ["cause"]
    clock.now += 5
    story.cause(*block(), 1.0)  # it still hangs
    assert kinds(story) == []
    story.well()
    (well,) = story.told()
    assert (well.kind, well.seconds) == ("well", 6.0)
    story.well()
    assert kinds(story) == []


def test_the_second_time_it_is_told_in_short(story: Story) -> None:
    for number in (1, 2, 3):
        story.cause(*block(), 1.0)
        story.well(over=True)
        first, well = story.told()
        assert (first.kind, first.again) == ("cause" if number == 1 else "again", number)
        assert well.seconds == 1.0


def test_another_place_is_another_incident(story: Story) -> None:
    story.cause(*block(7), 1.0)
    story.cause(*block(9), 1.0)
    assert kinds(story) == ["cause", "well", "cause"]
    assert story.hangs
    assert story.total == 2


def test_late_for_no_reason_is_told_when_it_is_much_longer(story: Story) -> None:
    told = []
    for seconds in (0.2, 0.3, 0.39, 0.5, 0.9, 2.0):
        story.late(seconds)
        told += [h.seconds for h in story.told()]
    assert told == [0.2, 0.5, 2.0]
    assert story.total == 6
    assert not story.hangs


@pytest.mark.parametrize(
    ("severity", "late", "status"), [("error", 0, 1), ("warning", 0, 0), ("error", 2, 1), (None, 1, 3), (None, 0, 0)]
)
def test_exit_status(story: Story, severity: str | None, late: int, status: int) -> None:
    story.begins(1, "", 5.0)
    if severity:
        story.cause(*block(severity=severity), 1.0)
        story.well()
    for _ in range(late):
        story.late(0.3)
    assert story.status == status


def test_the_history_is_bounded(story: Story, clock: Clock) -> None:
    for number in range(1000):
        story.cause(*block(number), 1.0)
        story.well(over=True)
        clock.now += 10
    assert len(story.incidents) == 5
    assert len(story._seen) <= 6
    summary = story.summary()
    assert summary.again == 1000
    assert sum(row.count for row in summary.rows) == 5


def test_the_summary_groups_by_place(story: Story, clock: Clock) -> None:
    story.begins(1, "", 5.0)
    for line, seconds in ((7, 1.0), (9, 3.0), (7, 2.0)):
        clock.now += 10
        story.cause(*block(line), seconds)
        story.well(over=True)
    story.late(0.2)
    story.cause(*block(7), 0.5)  # and it goes on
    rows = story.summary().rows
    assert [(r.cause, r.place, r.count, r.longest) for r in rows] == [
        ("blocking.event-loop", "/srv/app.py:7", 3, 2.0), ("", "", 1, 0.2),
        ("blocking.event-loop", "/srv/app.py:9", 1, 3.0),
    ]
    assert story.summary().seconds == 30.0


def lines_of(story: Story, lang: str = "en") -> list[str]:
    return [line for h in story.told() for line in plain(as_lines(h, lang, 0)).splitlines()]


def test_as_text(story: Story, clock: Clock) -> None:
    story.begins(4711, "http://127.0.0.1:7860", 0.5)
    story.cause(*block(), 1.0)
    story.well(over=True)
    story.cause(*block(), 1.5)
    story.late(0.25)
    story.ends()
    told = lines_of(story)
    assert all(line[2] == ":" and line[8:10] == "  " for line in told if not line.startswith(" "))
    assert [line[10:] for line in told if not line.startswith(" ")] == [
        "watching pid 4711 at http://127.0.0.1:7860, every 0.5 s (Ctrl-C ends)",
        "blocking.event-loop: blocking.event-loop it is.",
        "answers again, after 1.0 s",
        "blocking.event-loop (app.py:7 predict) again (seen 2 times), 1.5 s",
        "an answer took 0.2 s; what held it was over when it was looked at",
        "the app has ended (pid 4711)",
    ]
    assert "          app.py:7 predict | time.sleep(2)" in told
    assert "          - Stop it." in told and "              kill 4711" in told
    clock.now += 60
    assert plain(as_lines(story.summary(), "en", 0)).splitlines()[0].endswith("watched for 60 s: wrong 3 times")


def test_in_chinese_and_when_nothing_was_wrong(story: Story, clock: Clock) -> None:
    story.begins(4711, "http://127.0.0.1:7860", 5.0)
    clock.now += 12
    assert "正在观察 pid 4711" in lines_of(story, "zh")[0]
    assert plain(as_lines(story.summary(), "zh", 0)).endswith("共观察 12 秒：未见异常\n")


def test_as_json_lines(story: Story) -> None:
    story.begins(4711, "http://127.0.0.1:7860", 5.0)
    for _ in range(2):
        story.cause(*block(), 1.0)
        story.well(over=True)
    told = [as_json(h, "en") for h in (*story.told(), story.summary())]
    assert all(line.isascii() and line.count("\n") == 1 for line in told)
    data = [json.loads(line) for line in told]
    assert [d["event"] for d in data] == ["watching", "cause", "well", "again", "well", "summary"]
    assert data[1]["cause"]["id"] == data[3]["id"] == "blocking.event-loop"
    assert data[3]["place"] == {"file": "/srv/app.py", "line": 7, "function": "predict"}
    assert "cause" not in data[3]
    assert data[5]["incidents"][0]["times"] == 2
    assert data[0]["time"][4] == "-" and data[0]["time"][10] == "T"
