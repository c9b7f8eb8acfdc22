# ruff: noqa: E501 - the lines are printed that long
"""What blocks: lines of servers and databases, and the live findings on the two resources."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from gradio_doctor.evidence import Absent, AcceptQueue, HttpAnswer, HttpAnswers, Listener, Listeners, Process, Processes
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.log_lab import Lab
from tests.checks.said import named

CASES = [
    ("blocking.event-loop", "WARNING discord.gateway Shard ID None heartbeat blocked for more than 10 seconds."),
    ("blocking.event-loop", "websockets.exceptions.ConnectionClosedError: sent 1011 (unexpected error) keepalive ping timeout; no close frame received"),
    ("blocking.event-loop", "django.core.exceptions.SynchronousOnlyOperation: You cannot call this from an async context - use a thread or sync_to_async."),
    ("blocking.thread-pool", "WARNING:waitress.queue:Task queue depth is 5"),
    ("blocking.thread-pool", '*** uWSGI listen queue of socket ":8000" (fd: 3) full !!! (101/100) ***'),
    ("blocking.deadlock", "psycopg2.errors.DeadlockDetected: deadlock detected"),
    ("blocking.deadlock", "(1213, 'Deadlock found when trying to get lock; try restarting transaction')"),
    ("blocking.deadlock", "RuntimeError: Single thread executor already being used, would deadlock"),
    ("blocking.upstream-wait", "django.db.utils.OperationalError: canceling statement due to statement timeout"),
    ("blocking.connection-pool", "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00"),
    ("blocking.connection-pool", "psycopg2.OperationalError: FATAL:  sorry, too many clients already"),
    ("blocking.connection-pool", "psycopg_pool.PoolTimeout: couldn't get a connection after 30.00 sec"),
    ("blocking.connection-pool", "psycopg2.pool.PoolError: connection pool exhausted"),
    ("blocking.connection-pool", "httpx.PoolTimeout"),
]


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("read"))


@pytest.mark.parametrize(("cause", "line"), CASES)
def test_a_line_means_its_cause(cause: str, line: str, reader: Lab) -> None:
    assert reader.read(line + "\n").first == cause


def test_a_full_backlog_of_a_unix_socket(reader: Lab) -> None:
    line = "connect() to unix:/run/gunicorn.sock failed (11: Resource temporarily unavailable) while connecting to upstream"
    read = reader.read(line + "\n")
    assert read.first in ("blocking.thread-pool", "queue.backlog")


def test_a_full_client_pool_of_urllib3_is_harmless(reader: Lab) -> None:
    assert reader.read("WARNING:urllib3.connectionpool:Connection pool is full, discarding connection: x. Connection pool size: 10\n").first == ""


def test_a_real_asyncio_names_what_blocked_it(reader: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def blocks() -> None:
        time.sleep(0.6)

    with caplog.at_level(logging.WARNING, "asyncio"):
        asyncio.run(blocks(), debug=True)
    read = reader.read(caplog.text)
    assert read.first == "blocking.event-loop"
    assert float(read.findings["blocking.asyncio-slow-task"].facts["seconds"]) >= 0.6


def _answer(probe: str, outcome: str = "answered", seconds: float = 0.01) -> HttpAnswer:
    return HttpAnswer(probe, "GET", f"http://127.0.0.1:7860/{probe}", outcome, seconds, 200)  # type: ignore[arg-type]


def _http(*answers: HttpAnswer) -> HttpAnswers:
    return HttpAnswers("http://127.0.0.1:7860", answers)


def _processes(state: str) -> tuple[Listeners, Processes]:
    process = Process(4711, 1, "python", ("python", "app.py"), "me", 0.0, state)
    listener = Listener("127.0.0.1", 7860, 4, 99, 1000, holders=(4711,))
    return Listeners((listener,)), Processes({4711: process}, 10.0)


GROWING = AcceptQueue(7860, (1, 2, 4), 1.0)
ABSENT = Absent("not here")


def _ids(found: object) -> list[tuple[str, bool]]:
    return [(f.id, f.seen) for f in found if isinstance(f, Finding)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("outcome", "seen"), [("timeout", True), ("answered", False), ("refused", False)])
def test_the_loop_is_silent_or_not(outcome: str, seen: bool, loaded: Loaded) -> None:
    found = named(loaded, "blocking-loop")(_http(_answer("loop", outcome)), GROWING, *_processes("sleeping"))
    assert _ids(found) == [("blocking.loop-silent", seen)]


def test_a_suspended_process_says_nothing_about_its_loop(loaded: Loaded) -> None:
    stopped = _processes("stopped")
    assert _ids(named(loaded, "blocking-loop")(_http(_answer("loop", "timeout")), GROWING, *stopped)) == []
    assert _ids(named(loaded, "blocking-accepts")(GROWING, *stopped, ABSENT)) == []


def test_a_silent_loop_is_found_without_looking_at_processes(loaded: Loaded) -> None:
    found = named(loaded, "blocking-loop")(_http(_answer("loop", "timeout")), ABSENT, ABSENT, ABSENT)
    assert _ids(found) == [("blocking.loop-silent", True)]


@pytest.mark.parametrize(
    ("samples", "seen"), [((1, 2, 4), True), ((3, 3), True), ((0, 1), False), ((4, 2, 0), False), ((5, 1), False)]
)
def test_connections_pile_up_or_not(samples: tuple[int, ...], seen: bool, loaded: Loaded) -> None:
    found = named(loaded, "blocking-accepts")(AcceptQueue(7860, samples, 1.0), ABSENT, ABSENT, ABSENT)
    assert _ids(found) == [("blocking.nobody-accepts", seen)]


@pytest.mark.parametrize(("outcome", "seen"), [("timeout", True), ("answered", False)])
def test_a_busy_app_that_answers_accepts(outcome: str, seen: bool, loaded: Loaded) -> None:
    """Seen with eight busy threads on a busy machine: connections waited at each look, and were answered."""
    found = named(loaded, "blocking-accepts")(GROWING, ABSENT, ABSENT, _http(_answer("loop", outcome)))
    assert _ids(found) == [("blocking.nobody-accepts", seen)]


def test_no_samples_no_finding(loaded: Loaded) -> None:
    assert _ids(named(loaded, "blocking-accepts")(AcceptQueue(7860, (), 1.0), ABSENT, ABSENT, ABSENT)) == []


def test_the_pool_is_silent_while_the_loop_answers(loaded: Loaded) -> None:
    check = named(loaded, "blocking-pool")
    assert _ids(check(_http(_answer("loop"), _answer("pool", "timeout", 5.0)))) == [("blocking.pool-silent", True)]
    assert _ids(check(_http(_answer("loop"), _answer("pool")))) == [("blocking.pool-silent", False)]


def test_a_silent_loop_says_nothing_about_the_pool(loaded: Loaded) -> None:
    check = named(loaded, "blocking-pool")
    assert _ids(check(_http(_answer("loop", "timeout"), _answer("pool", "timeout")))) == []
    assert _ids(check(_http(_answer("loop")))) == []
