"""Connections that pile up before a server that does not accept them."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gradio_doctor.evidence import Absent, AcceptQueue, Instances, Listener, Listeners, Process, Run, Target
from gradio_doctor.probes import accept_queue
from gradio_doctor.probes.accept_queue import Sampling, begin_sampling, probe_accept_queue, sample_backlog
from gradio_doctor.probes.sockets import probe_listeners
from tests.probes.network_lab import Given, child, eventually

ACCEPTS = """
import socket
s = socket.create_server(("127.0.0.1", 0), backlog=64)
print(s.getsockname()[1], flush=True)
while True:
    s.accept()[0].close()
"""


@pytest.fixture
def deaf() -> Iterator[tuple[socket.socket, int]]:
    """A socket that listens, and nobody accepts on it."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as s:
        yield s, s.getsockname()[1]


def sampled(port: int, **how: float) -> AcceptQueue:
    found = sample_backlog(port, **how)  # type: ignore[arg-type]
    assert isinstance(found, AcceptQueue)
    return found


def test_an_idle_server_has_nobody_waiting(deaf: tuple[socket.socket, int]) -> None:
    found = sampled(deaf[1])
    assert found.samples == (0, 0, 0, 0, 0)
    assert found.port == deaf[1] and found.seconds >= 0.29


def test_waiting_connections_are_counted_and_stay(deaf: tuple[socket.socket, int]) -> None:
    with ExitStack() as clients:
        for _ in range(4):
            clients.enter_context(socket.create_connection(("127.0.0.1", deaf[1])))
        assert sampled(deaf[1]).samples == (4,) * 5


def test_growth_shows_in_the_samples(deaf: tuple[socket.socket, int]) -> None:
    with ExitStack() as clients:
        def arrive() -> None:
            for _ in range(3):
                time.sleep(0.08)
                clients.enter_context(socket.create_connection(("127.0.0.1", deaf[1])))

        thread = threading.Thread(target=arrive)
        thread.start()
        samples = sampled(deaf[1]).samples
        thread.join()
        assert samples == tuple(sorted(samples)) and samples[0] == 0 and samples[-1] >= 2


def test_a_suspended_server_keeps_them_waiting_and_a_resumed_one_takes_them() -> None:
    with child(ACCEPTS) as (process, line), ExitStack() as clients:
        port = int(line)
        os.kill(process.pid, signal.SIGSTOP)
        eventually(lambda: "State:\tT" in Path(f"/proc/{process.pid}/status").read_text())
        for _ in range(3):
            clients.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert sampled(port).samples == (3,) * 5
        os.kill(process.pid, signal.SIGCONT)
        eventually(lambda: sampled(port, seconds=0.02).samples[-1] == 0)


def test_sockets_that_share_a_port_count_together() -> None:
    with socket.socket() as one, socket.socket() as two, ExitStack() as clients:
        for s in (one, two):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            s.bind(("127.0.0.1", one.getsockname()[1] if s is two else 0))
            s.listen(64)
        for _ in range(6):
            clients.enter_context(socket.create_connection(one.getsockname()))
        assert sampled(one.getsockname()[1]).samples[-1] == 6


def test_a_port_without_listener_is_absent_and_not_an_empty_queue(deaf: tuple[socket.socket, int]) -> None:
    deaf[0].close()
    found = sample_backlog(deaf[1])
    assert isinstance(found, Absent) and str(deaf[1]) in found.why


def test_tables_that_cannot_be_read_are_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> tuple[Listener, ...]:
        raise OSError("sandboxed")

    monkeypatch.setattr(accept_queue, "listening_sockets", refused)
    assert sample_backlog(1) == Absent("the listening sockets cannot be read: sandboxed")


def test_the_queue_of_the_port_asked_about(deaf: tuple[socket.socket, int]) -> None:
    with socket.create_connection(("127.0.0.1", deaf[1])):
        found = probe_accept_queue(Given(Target("port", str(deaf[1]), port=deaf[1])))
        assert isinstance(found, AcceptQueue) and found.samples == (1,) * 5


def test_the_queue_of_the_port_that_the_running_app_holds(deaf: tuple[socket.socket, int]) -> None:
    listeners = probe_listeners(Given())
    assert isinstance(listeners, Listeners)
    mine = Listeners(tuple(s for s in listeners.sockets if s.port == deaf[1]))
    app = Process(os.getpid(), 1, "python", ("python", "app.py"), "me", 0.0, "sleeping")
    with socket.create_connection(("127.0.0.1", deaf[1])):
        found = probe_accept_queue(Given(Target("script", "app.py"), evidence=(Instances("app.py", (app,)), mine)))
        assert isinstance(found, AcceptQueue) and (found.port, found.samples) == (deaf[1], (1,) * 5)


def test_the_queue_of_our_own_supervised_start(deaf: tuple[socket.socket, int]) -> None:
    run = Run(("python", "app.py"), "/", 1, "serving", 1.0, port=deaf[1])
    found = probe_accept_queue(Given(Target("script", "app.py"), evidence=(run, Listeners(()), Instances("app.py"))))
    assert isinstance(found, AcceptQueue) and found.port == deaf[1]


def test_an_app_that_does_not_run_has_no_queue() -> None:
    found = probe_accept_queue(Given(Target("script", "app.py"), evidence=(Listeners(()), Instances("app.py"))))
    assert found == Absent("the app is not running")


def test_another_machine_is_absent_with_the_command_to_run_there() -> None:
    found = probe_accept_queue(Given(Target("url", "x", url="http://192.0.2.7:7860"), evidence=(Listeners(()),)))
    assert isinstance(found, Absent) and found.unlock == "ssh 192.0.2.7 gradio-doctor diagnose 7860"


def test_a_recording_has_no_queue() -> None:
    assert isinstance(probe_accept_queue(Given(Target("log", "a.log"))), Absent)


def test_other_systems_do_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    found = probe_accept_queue(Given(Target("port", "7860", port=7860)))
    assert isinstance(found, Absent) and "Linux" in found.why


# -- in the background, while the app is asked


def test_a_silent_app_is_watched_meanwhile(
    deaf: tuple[socket.socket, int], monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampling = Sampling()
    with socket.create_connection(("127.0.0.1", deaf[1])):
        sampling.begin(deaf[1])
        assert sampling.found() is not None
        monkeypatch.setattr("gradio_doctor.probes.accept_queue.sample_backlog", None)  # once is enough
        context = Given(Target("port", str(deaf[1]), port=deaf[1]), evidence=(sampling,))
        found = probe_accept_queue(context)
    assert isinstance(found, AcceptQueue) and found.samples == (1,) * 5


def test_an_app_that_answered_is_not_watched(deaf: tuple[socket.socket, int]) -> None:
    sampling = Sampling()
    sampling.begin(deaf[1])
    sampling.answered.set()
    assert sampling.found() is None
    found = probe_accept_queue(Given(Target("port", str(deaf[1]), port=deaf[1]), evidence=(sampling,)))
    assert isinstance(found, AcceptQueue) and found.samples == (0,) * 5  # asked for all the same: looked at now


def test_it_begins_only_where_the_queue_can_be_seen(deaf: tuple[socket.socket, int]) -> None:
    far = begin_sampling(Given(Target("url", "x", url="http://192.0.2.7:7860"), evidence=(Listeners(()),)))
    assert isinstance(far, Absent)
    ended: list[Callable[[], None]] = []
    context = Given(Target("port", str(deaf[1]), port=deaf[1]))
    context.on_close = ended.append  # type: ignore[method-assign, assignment]
    sampling = begin_sampling(context)
    assert isinstance(sampling, Sampling) and len(ended) == 1
    ended[0]()
    assert sampling.found() is None
