"""Handlers that await another server: the source must tell of such an await, and the kernel of the silence.

The real thing is in tests/lab/test_live.py and bench/live_scenarios.py.
"""

from __future__ import annotations

import pytest

from gradio_doctor.evidence import AppSource, Location, Outgoing, SlowCall, Unanswered
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.said import named

PEER = "10.0.0.2:443"
ENDLESS = SlowCall("await", "client.get", (Location("/a/app.py", 9, "ask"),), unlimited=True)
DISTANT = SlowCall("await", "ai.create", (Location("/a/app.py", 5, "chat"),), seconds=600.0)
NEAR = SlowCall("await", "client.post", (Location("/a/app.py", 7, "post"),), seconds=30.0)


def judged(loaded: Loaded, calls: tuple[SlowCall, ...], *waits: float) -> list[Finding]:
    outgoing = Outgoing(tuple(Unanswered(7, PEER, s) for s in sorted(waits, reverse=True)))
    return list(named(loaded, "blocking-awaits")(AppSource("/a/app.py", awaited=calls), outgoing))


@pytest.mark.parametrize(("calls", "waits", "seen"), [
    ((ENDLESS,), (3.5,), [True]),
    ((ENDLESS,), (2.0,), [False]),
    ((ENDLESS,), (), [False]),
    ((DISTANT,), (12.0,), [False]),
    ((DISTANT,), (25.0,), [True]),
    ((NEAR,), (25.0,), []),  # it ends by itself
    ((), (600.0,), []),  # whatever that is, no handler awaits it
    ((DISTANT, ENDLESS), (4.0,), [True]),
])
def test_what_must_come_together(
    loaded: Loaded, calls: tuple[SlowCall, ...], waits: tuple[float, ...], seen: list[bool]
) -> None:
    assert [f.seen for f in judged(loaded, calls, *waits)] == seen


def test_what_is_told(loaded: Loaded) -> None:
    found, = judged(loaded, (NEAR, DISTANT, ENDLESS), 65.2, 30.0)
    assert found.location == ENDLESS.location and found.facts["handler"] == "ask"
    told = {k: found.facts[k] for k in ("remote", "lasted", "count", "where", "call")}
    assert told == {"remote": PEER, "lasted": "65", "count": "2", "where": "/a/app.py:9", "call": "client.get"}
