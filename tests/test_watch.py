"""How often a watched app is asked and looked into: seldom while it is well, and bounded while it is not."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from gradio_doctor import watch as module
from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.evidence import Absent, AcceptQueue, HttpAnswer, HttpAnswers, Stacks, Target, Threads
from gradio_doctor.live import Judgement, Live
from gradio_doctor.probes.app_address import AppAddress
from gradio_doctor.probes.base import Options
from gradio_doctor.registry import load
from gradio_doctor.watch import Watcher
from gradio_doctor.watch_catch import Caught
from gradio_doctor.watch_glance import Glancer
from gradio_doctor.watch_story import Story
from tests.report.made import cause, diagnosis

WELL = HttpAnswer("loop", "HEAD", "http://127.0.0.1:7860/config", "answered", 0.002, status=405)
SILENT = replace(WELL, outcome="timeout", status=None, seconds=1.0)
REFUSED = replace(WELL, outcome="refused", status=None, seconds=0.001)
SLOW = replace(WELL, seconds=0.6)
BLOCKED = Judgement("loop-blocked", 1, True, (1,))


@dataclass
class Request:
    answer: HttpAnswer

    def wait(self, seconds: float = 9.0) -> HttpAnswer | None:
        return self.answer if self.answer.seconds <= seconds else None


@dataclass
class Scripted:
    """A glancer whose glances are written down; the app ends after the last."""

    answers: list[HttpAnswer]
    runs: bool = True  # whether the loop's thread has run between the glances
    address: AppAddress | None = field(default_factory=lambda: AppAddress("127.0.0.1", 7860))
    processes: tuple[object, ...] = (object(),)
    ask: bool = True
    asked: int = 0
    glances: int = 0

    def alive(self) -> bool:
        return self.glances < len(self.answers)

    def idle_for(self) -> float:
        self.glances += 1
        return 0.0

    def moved(self) -> bool:
        return self.runs

    def request(self) -> Request:
        self.asked += 1
        return Request(self.answers[self.glances - 1])


@dataclass
class Made:
    watcher: Watcher
    glancer: Scripted
    examined: list[dict[type, object]]
    slept: list[float]
    now: list[float]

    def kinds(self) -> list[str]:
        return [h.kind for h in itertools.islice(self.watcher.run(), 50)]


def watched(
    monkeypatch: pytest.MonkeyPatch, answers: list[HttpAnswer], *, found: bool = True, caught: bool = False,
    interval: float = 5.0, runs: bool = True,
) -> Made:
    now, slept, examined = [1000.0], [], []  # type: tuple[list[float], list[float], list[dict[type, object]]]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    def examine(*_: object, given: dict[type, object], **__: object) -> Diagnosis:
        examined.append(given)
        return diagnosis(cause("blocking.event-loop")) if found else diagnosis(verdict="inconclusive")

    monkeypatch.setattr(module, "examine", examine)
    monkeypatch.setattr("gradio_doctor.watch.time.monotonic", lambda: now[0])
    watcher = Watcher(Target("port", "7860", port=7860), Options(), load(), interval, Story(clock=lambda: now[0]),
                      sleep=sleep)
    live = Live((BLOCKED,) if caught else (), {}, True)
    looks = Caught(live, Threads((), 0.1), Stacks(()))
    monkeypatch.setattr(Watcher, "_caught", lambda _: looks)
    glancer = Scripted([*answers, WELL], runs)
    watcher.glancer = cast("Glancer", cast("Any", glancer))
    return Made(watcher, glancer, examined, slept, now)


def test_a_healthy_app_is_asked_once_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    made = watched(monkeypatch, [WELL] * 20)
    assert made.kinds() == ["ended"]
    assert made.examined == []
    assert set(made.slept) == {5.0}
    assert made.watcher.story.status == 0


def test_a_block_that_was_caught_is_judged_by_what_was_seen_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evidence is that of the moment, although the app has answered meanwhile."""
    made = watched(monkeypatch, [WELL, SLOW, WELL], caught=True)
    assert made.kinds() == ["cause", "well", "ended"]
    (given,) = made.examined
    assert cast("Live", given[Live]).judgements == (BLOCKED,)
    assert isinstance(given[AcceptQueue], Absent)
    (answer,) = cast("HttpAnswers", given[HttpAnswers]).answers
    assert (answer.outcome, answer.seconds) == ("timeout", 0.6)
    assert cast("HttpAnswers", given[HttpAnswers]).base == "http://127.0.0.1:7860"
    assert made.watcher.story.status == 1


def test_late_and_not_seen_why_makes_it_look_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    made = watched(monkeypatch, [SLOW] + [WELL] * 40)
    assert made.kinds() == ["late", "ended"]
    assert made.examined == [], "an answer that came late needs no diagnosis"
    assert made.slept[:20] == [0.25] * 20
    assert set(made.slept[20:]) == {5.0}
    assert made.watcher.story.status == 3


def test_an_app_that_is_always_late_is_not_looked_at_four_times_a_second_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = watched(monkeypatch, [SLOW] * 60)
    assert made.kinds() == ["late", "ended"]
    often = sum(pause == 0.25 for pause in made.slept)
    assert often == 20
    assert made.watcher.story.total == 60


def test_a_hang_is_diagnosed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = watched(monkeypatch, [SILENT] * 30, interval=0.5)
    assert made.kinds() == ["cause", "well", "ended"]
    assert len(made.examined) == 1
    assert made.glancer.asked >= 2


def test_a_loop_that_has_not_run_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = watched(monkeypatch, [SILENT] * 30, runs=False)
    assert made.kinds()[0] == "cause"
    assert made.glancer.asked == 1


def test_a_hang_without_an_explanation_is_not_diagnosed_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = watched(monkeypatch, [SILENT] * 40, found=False, interval=1.0)
    assert made.kinds() == ["late", "ended"]
    assert len(made.examined) <= 2
    assert made.watcher.story.status == 3


def test_unanswered_requests_do_not_pile_up_in_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    made = watched(monkeypatch, [SILENT] * 1000, interval=1.0)
    made.kinds()
    assert 50 <= made.glancer.asked < 150


def test_a_port_that_is_closed_is_diagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = watched(monkeypatch, [WELL, REFUSED, REFUSED, WELL])
    assert made.kinds() == ["cause", "well", "ended"]
    assert made.examined == [{}]


@pytest.mark.parametrize(("interval", "pause"), [(0.1, 0.1), (0.2, 0.2), (3600.0, 0.25)])
def test_the_pause_is_never_longer_than_asked_for(
    monkeypatch: pytest.MonkeyPatch, interval: float, pause: float
) -> None:
    made = watched(monkeypatch, [SLOW] + [WELL] * 5, interval=interval)
    made.kinds()
    assert made.slept[0] == pause
