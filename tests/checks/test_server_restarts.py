"""From what ends and is started anew to findings and causes: who does it, or the error that ends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gradio_doctor.evidence.servers import Restart, Servers, ServerWorker
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Absent
from tests.checks.said import events, named
from tests.checks.test_server_live import blocked, first, gunicorn, one, options

NO_LOG, NO_STACKS = Absent("no log is at hand"), Absent("no stacks")
AT_IMPORT = """Traceback (most recent call last):
  File "/srv/app.py", line 4, in <module>
    key = os.environ["MODEL_KEY"]
  File "<frozen os>", line 679, in __getitem__
KeyError: 'MODEL_KEY'
"""
IN_HANDLER = """Traceback (most recent call last):
  File "/srv/app.py", line 9, in predict
    return table[text]
KeyError: 'x'
"""


def test_an_app_started_anew_and_anew(loaded: Loaded) -> None:
    restart = Restart(7, "bash loop.sh", (20, 21, 22), 8.4, 12.0)
    found = one(loaded, "server-live-restarts", Servers((), (restart,)), NO_LOG)
    assert found.facts["count"] == "2" and found.facts["keeper"] == "bash loop.sh" and found.facts["seconds"] == "8"
    assert first(loaded, found)[0] == "server.restart-loop"


def test_a_reloader_that_reloads_itself(loaded: Loaded) -> None:
    command = ("/v/bin/uvicorn", "app:app", "--reload", "--port", "7860")
    server = replace(gunicorn(begun=(20, 21)), kind="uvicorn", command=command, options=options(reload="True"))
    found = one(loaded, "server-live-restarts", Servers((server,)), NO_LOG)
    assert found.facts["plain_command"].endswith("/v/bin/uvicorn app:app --port 7860")
    assert first(loaded, found)[0] == "server.restart-loop"
    for quiet in (replace(server, begun=(20,)), replace(server, options={})):
        assert list(named(loaded, "server-live-restarts")(Servers((quiet,)), NO_LOG)) == []


@pytest.mark.parametrize(("log", "name"), [
    (AT_IMPORT, "server.workers-die-of-error"), (IN_HANDLER, "server.workers-die"), ("", "server.workers-die"),
])
def test_workers_that_die(loaded: Loaded, tmp_path: Path, log: str, name: str) -> None:
    server = gunicorn(workers=(ServerWorker(12, 5.0),), ended=(12,), begun=(20,), reaped=4.2, seconds=2.0)
    told = events(log, loaded, tmp_path) if log else NO_LOG
    found = one(loaded, "server-live-deaths", Servers((server,)), NO_STACKS, told)
    assert found.id == name and found.facts["pids"] == "12" and "-w 1" in found.facts["single_worker_command"]
    assert first(loaded, found)[0] == "server.restart-loop"


def test_workers_that_do_not_come_up_within_the_time_limit(loaded: Loaded) -> None:
    young = (ServerWorker(12, 3.0),)
    server = gunicorn(workers=young, ended=(12,), begun=(20,), reaped=4.2, seconds=1.5, options=options(timeout="4"))
    found = one(loaded, "server-live-deaths", Servers((server,)), NO_STACKS, NO_LOG)
    assert found.id == "server.workers-outlive-timeout" and "-t 600" in found.facts["patient_command"]
    assert first(loaded, found)[0] == "server.worker-timeout"


@pytest.mark.parametrize("server", [
    gunicorn(ended=(12,), begun=(20,), reaped=0.1),  # nobody has died before
    gunicorn(ended=(12,), begun=(), reaped=4.2),  # one less: it was told to (SIGTTOU)
    gunicorn(begun=(20,), reaped=4.2),
    gunicorn(ended=(12,), begun=(20,), reaped=4.2, options=options(max_requests="50")),
])
def test_workers_that_change_for_a_good_reason(loaded: Loaded, server: object) -> None:
    assert list(named(loaded, "server-live-deaths")(Servers((server,)), NO_STACKS, NO_LOG)) == []  # type: ignore[arg-type]


def test_a_blocked_worker_is_told_by_its_block(loaded: Loaded) -> None:
    server = gunicorn(ended=(12,), begun=(20,), reaped=4.2)
    assert list(named(loaded, "server-live-deaths")(Servers((server,)), blocked(12), NO_LOG)) == []
