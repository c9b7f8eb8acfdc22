"""A port that could not be had and on which nobody listens."""

from __future__ import annotations

from typing import Any

from gradio_doctor.evidence import Listener, Listeners, LogEvents, PortUser, PortUsers, Process, Processes, Run
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.said import events, named

PORT = 40123
TEXT = f"OSError: Cannot find empty port in range: {PORT}-{PORT}. You can specify a different port.\n"
ENDED = Run(("python", "app.py"), "/srv", 7, "exited", 2.0, exit_code=1)
OTHER = Processes({9: Process(9, 1, "psql", ("psql", "-h", "db"), "me", 1.0, "sleeping")}, 10.0)
TAKEN = PortUsers(PORT, (PortUser(9, "10.0.0.2:5432"),), ephemeral=True)
NOBODY = Listeners(())


def found(
    loaded: Loaded, log: LogEvents, users: PortUsers, run: Run = ENDED, listeners: Listeners = NOBODY
) -> list[Finding]:
    return list(named(loaded, "port-connection")(run, log, listeners, users, OTHER))


def test_a_connection_has_it(loaded: Loaded, tmp_path: Any) -> None:
    (one,) = found(loaded, events(TEXT, loaded, tmp_path), TAKEN)
    assert one.id == "port.used-by-connection"
    assert (one.facts["pid"], one.facts["command"], one.facts["remote"]) == ("9", "psql -h db", "10.0.0.2:5432")


def test_nobody_has_it_any_more(loaded: Loaded, tmp_path: Any) -> None:
    log = events(TEXT, loaded, tmp_path)
    (lent,) = found(loaded, log, PortUsers(PORT, (), ephemeral=True))
    (free,) = found(loaded, log, PortUsers(PORT, ()))
    assert lent.id == free.id == "port.free-again"
    assert "connection" in lent.facts["again"] and "connection" not in free.facts["again"]


def test_it_is_said_first(loaded: Loaded, tmp_path: Any) -> None:
    """What the log alone suggests, an earlier run, is refuted by the look at the port."""
    log = events(TEXT, loaded, tmp_path)
    for users in (TAKEN, PortUsers(PORT, ())):
        seen = [Finding("port.log-port-taken", facts={"first": str(PORT)}), *found(loaded, log, users)]
        assert next(iter(rank(loaded.knowledge, merged(seen)).probability)) == "port.foreign-process"


def test_where_it_does_not_fit(loaded: Loaded, tmp_path: Any) -> None:
    log = events(TEXT, loaded, tmp_path)
    listening = Listeners((Listener("127.0.0.1", PORT, 4, 5, 0, 10, holders=(9,)),))
    assert not found(loaded, log, TAKEN, listeners=listening)
    assert not found(loaded, log, TAKEN, Run(("python",), "/srv", 7, "serving", 2.0))
    assert not found(loaded, events("all is well\n", loaded, tmp_path), TAKEN)
    assert not found(loaded, log, PortUsers(PORT + 1, TAKEN.users))
    assert not found(loaded, log, PortUsers(PORT, (PortUser(0, "10.0.0.2:5432"),)))  # nobody can tell whose it is
