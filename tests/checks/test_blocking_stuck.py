"""Judgements on handlers that wait inside the app become findings only where nothing speaks for a healthy wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gradio_doctor.evidence import HttpAnswer, HttpAnswers, Location, Outgoing, StackFrame, Unanswered
from gradio_doctor.live.model import Wait
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Absent
from tests.checks.said import named
from tests.checks.test_blocking_live import judged, live

NOBODY = Absent("not Linux")
ELSEWHERE = Outgoing((Unanswered(4711, "10.0.0.9:443", 5.0),))
MINE = Outgoing((Unanswered(4711, "127.0.0.1:7860", 5.0),))


def answers(size: int = 0, loop: str = "answered") -> HttpAnswers:
    body = f'{{"queue_size": {size}}}'
    asked: list[Any] = [
        HttpAnswer("loop", "HEAD", "http://x/config", loop, 0.01, 405 if loop == "answered" else None),  # type: ignore[arg-type]
        HttpAnswer("queue-size", "GET", "http://x/q", "answered", 0.01, 200, body=body),
    ]
    return HttpAnswers("http://x", tuple(asked))


def stuck(kind: Any, lock: str = "") -> Any:
    return judged("handler-stuck", sure=False, seconds=9.0, wait=Wait(kind, endless=True, name="LOCK" if lock else ""),
                  facts={"wait": kind, "count": "1", "lock": lock})


@pytest.mark.parametrize(("kind", "lock", "size", "outgoing", "expected"), [
    ("lock", "yes", 0, NOBODY, "blocking.nobody-wakes"), ("lock", "yes", 3, Outgoing(()), "blocking.nobody-wakes"),
    ("queue", "", 3, NOBODY, "blocking.handler-waits"),
    ("queue", "", 0, NOBODY, "blocking.handler-rests"),  # it may be meant
    ("event", "", 1, Outgoing(()), "blocking.handler-waits"),
    ("lock", "yes", 3, ELSEWHERE, ""), ("queue", "", 3, ELSEWHERE, ""),  # the answer may end it
])
def test_a_handler_that_waits_inside_the_app(
    loaded: Loaded, kind: str, lock: str, size: int, outgoing: object, expected: str,
) -> None:
    found = list(named(loaded, "blocking-stuck")(live(stuck(kind, lock)), answers(size), outgoing))
    assert [f.id for f in found] == ([expected] if expected else [])
    assert not found or ("nobody" in found[0].facts["lacking"] and found[0].facts["lasted"] == "9")


@pytest.mark.parametrize(("frames", "typed"), [
    ((), "x = input()"),
    ((StackFrame("Cmd.cmdloop", "/usr/lib/python3.11/cmd.py", 126),), 'a debugger stands before "x = input()"'),
])
def test_a_handler_at_a_terminal(loaded: Loaded, frames: tuple[StackFrame, ...], typed: str) -> None:
    """No queue has to tell that this is wrong."""
    place = Location("/srv/app.py", 31, "predict", "x = input()")
    waits = replace(stuck("terminal"), location=place, stack=frames)
    (found,) = named(loaded, "blocking-stuck")(live(waits), answers(), NOBODY)
    assert (found.id, found.facts["typed"]) == ("blocking.handler-reads-terminal", typed)
    assert next(iter(rank(loaded.knowledge, merged([found])).probability)) == "blocking.deadlock"


def test_without_a_judgement_nothing_is_said(loaded: Loaded) -> None:
    assert list(named(loaded, "blocking-stuck")(live(), answers(9), NOBODY)) == []


@pytest.mark.parametrize(("role", "others", "loop", "outgoing", "expected"), [
    ("loop", "rest", "timeout", NOBODY, "blocking.calls-itself"),
    ("worker", "rest", "timeout", NOBODY, "blocking.calls-itself"),
    ("worker", "rest", "answered", NOBODY, "blocking.waits-for-itself"),
    ("executor", "rest", "answered", MINE, "blocking.waits-for-itself"),
    ("worker", "work", "answered", NOBODY, ""), ("worker", "rest", "answered", ELSEWHERE, ""),
])
def test_an_app_that_asks_itself(
    loaded: Loaded, role: str, others: str, loop: str, outgoing: object, expected: str,
) -> None:
    facts = {"role": role, "others": others, "port": "7860", "remote": "127.0.0.1:7860", "wait": "socket"}
    found = list(named(loaded, "blocking-itself")(live(judged("self-call", facts=facts)), answers(0, loop), outgoing))
    assert [f.id for f in found if f.seen] == ([expected] if expected else [])
