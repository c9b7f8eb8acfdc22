"""Gradio's Node server listens in the app's name: a child of the app that holds the wanted port is no stranger."""

from __future__ import annotations

import pytest

from gradio_doctor.evidence import Instances, Listener, Listeners, Process, Processes, WantedAddress
from gradio_doctor.registry import Loaded
from tests.checks.said import named

WANTED = WantedAddress("127.0.0.1", (7860,), fixed=True, known=True, origin="server_port=7860 in app.py:9")


def process(pid: int, parent: int, *command: str) -> Process:
    return Process(pid, parent, command[0], command, "me", 900.0, "sleeping")


APP = process(10, 1, "python", "app.py")
NODE = process(11, 10, "node", "--import", "register.mjs")
BELOW = process(12, 11, "node", "worker.js")
OTHER = process(30, 1, "node", "server.js")


def table(*processes: Process) -> Processes:
    return Processes({p.pid: p for p in processes}, 1000.0)


@pytest.mark.parametrize(("holder", "stranger"), [(NODE, False), (BELOW, False), (APP, False), (OTHER, True)])
def test_who_holds_the_wanted_port(holder: Process, stranger: bool, loaded: Loaded) -> None:
    sockets = Listeners((
        Listener("127.0.0.1", 7860, 4, 1, 0, holders=(holder.pid,)),
        Listener("127.0.0.1", 7861, 4, 2, 0, holders=(10,)),
    ))
    everyone = table(APP, NODE, BELOW, OTHER)
    found = list(named(loaded, "port-holder")(WANTED, sockets, everyone, Instances("app.py", (APP,))))
    assert [(f.id, f.seen) for f in found] == [("port.held-by-other", stranger)]


def test_processes_and_what_they_started() -> None:
    everyone = table(APP, NODE, BELOW, OTHER)
    assert everyone.with_descendants([10]) == {10, 11, 12}
    assert everyone.with_descendants([11, 30]) == {11, 12, 30}
    assert everyone.with_descendants([]) == frozenset() and everyone.with_descendants([99]) == {99}


def test_processes_that_are_each_others_parents_end_all_the_same() -> None:
    """A table read while pids were used again."""
    assert table(process(1, 2, "a"), process(2, 1, "b")).with_descendants([1]) == {1, 2}
