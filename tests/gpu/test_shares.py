"""The arithmetic of who holds a card, on made-up evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.gpu import account, verdict
from checks.gpu_live import gpu_live_memory
from checks.gpu_shares import Runs, account_now, card_of, holders, is_crowded, runs_of, shares_of
from gradio_doctor.evidence import (
    Absent,
    ExceptionLink,
    Gpu,
    GpuProcess,
    Gpus,
    Instances,
    LogEvents,
    LogMatch,
    Process,
    Run,
    Source,
    Traceback,
)
from gradio_doctor.sdk import Finding
from tests.gpu.standin import out_of_memory

GIB = 2**30
NO_RUN = Absent("")
CROWDED = out_of_memory("2.00 GiB", "28.00 MiB", "496.00 MiB", "80.00 MiB")
OWN = out_of_memory("12.00 GiB", "9.00 GiB", "13.20 GiB", "12.70 GiB")


def process(pid: int, started: float = 10.0, ppid: int = 1, state: str = "sleeping") -> Process:
    return Process(pid, ppid, "python", ("python", f"{pid}.py"), "me", started, state)


def on_card(pid: int, gib: float | None, who: Process | str | None = "") -> GpuProcess:
    memory = None if gib is None else int(gib * GIB)
    if who is None:
        return GpuProcess(pid, memory, known="not-visible")
    return GpuProcess(pid, memory, process=who if isinstance(who, Process) else process(pid))


def card(*seen: GpuProcess, used: float | None = None, total: float = 22.49, index: int = 0, **more: object) -> Gpu:
    held = sum(p.memory or 0 for p in seen) / GIB if used is None else used
    sizes = (int(total * GIB), int(held * GIB), int((total - held) * GIB))
    return Gpu(index, f"GPU-{index}", "L4", *sizes, processes=seen, **more)  # type: ignore[arg-type]


def log(text: str = "", *names: str, traceback: bool = False) -> LogEvents:
    source = Source("log", "app.log", 3)
    found = [LogMatch(name, {}, text, source, "app") for name in names]
    chain = Traceback((ExceptionLink("ValueError", "no", (), source, 4),))
    return LogEvents((), tuple(found), (chain,) if traceback else ())


TORCH = ("gpu.torch-oom", "gpu.torch-memory-numbers")


def look(device: Gpu, read: LogEvents, *main: Process, run: Run | Absent = NO_RUN) -> dict[str, Finding]:
    found = gpu_live_memory(Gpus((device,)), read, Instances("app.py", main), run)
    return {f.id: f for f in found}


def test_commands_get_our_own_numbers() -> None:
    """In a container the driver's number of a process is the host's; PyTorch's message has the host's, too."""
    old, new = process(5, started=1.0), process(6, started=9.0)
    apart = [replace(on_card(4000 + p.pid, 10, p), known="start-order") for p in (old, new)]
    named = "Process 4005 has 10.00 GiB memory in use. "
    crowded = out_of_memory("2.00 GiB", "28.00 MiB", "496.00 MiB", "80.00 MiB", named)
    found = look(card(*apart), log(crowded, *TORCH), old, new)["gpu.held-by-leftover"]
    assert (found.facts["pids"], found.facts["leftover_pid"], found.facts["pid"]) == ("5", "5", "5")
    assert "the driver's 4005: by the order" in found.shares[0].held[1].who
    assert holders(card(on_card(4005, 1, None)), Runs())[0].who == "pid 4005 of the host, or of another container"


def test_an_earlier_run_is_told_from_another_program() -> None:
    old, new = process(5, started=1.0), process(6, started=9.0)
    found = look(card(on_card(5, 15, old), on_card(6, 0.5, new), on_card(8, 6)), log("", "gpu.bare-oom"), old, new)
    assert set(found) == {"gpu.held-by-leftover", "gpu.held-by-program"}
    assert found["gpu.held-by-leftover"].facts["leftover_pid"] == "5"
    assert found["gpu.held-by-program"].facts["program_pid"] == "8"
    (bar,) = found["gpu.held-by-leftover"].shares
    assert [(s.role, s.amount / GIB) for s in bar.held] == [("app", 0.5), ("leftover", 15), ("other", 6)]
    assert not found["gpu.held-by-program"].shares, "the same bar is not drawn twice"


@pytest.mark.parametrize("text", [CROWDED, out_of_memory("2.00 GiB", "28.00 MiB", "496.00 MiB", "80.00 MiB",
                                                         "Process 5 has 21.00 GiB memory in use. ")])
def test_the_message_says_that_the_only_run_is_not_its_writer(text: str) -> None:
    old = process(5)
    found = look(card(on_card(5, 21.5, old)), log(text, *TORCH), old)
    assert list(found) == ["gpu.held-by-leftover"]
    assert found["gpu.held-by-leftover"].facts["own"] == "496 MiB"


def test_the_run_that_fills_the_card_itself() -> None:
    app = process(5)
    found = look(card(on_card(5, 21.9, app)), log("", "gpu.bare-oom"), app)
    assert list(found) == ["gpu.app-fills-card"]
    found = look(card(on_card(5, 13.2, app)), log(OWN, *TORCH), app)
    assert list(found) == ["gpu.app-fills-card"]


def test_workers_of_the_app_are_the_app() -> None:
    app, worker = process(5), process(6, started=11.0, ppid=5)
    instances = Instances("app.py", (app,), (worker,))
    assert runs_of(instances, None) == Runs(frozenset({5, 6}))
    device = card(on_card(5, 1, app), on_card(6, 20.9, worker))
    found = list(gpu_live_memory(Gpus((device,)), log("", "gpu.bare-oom"), instances, Absent("")))
    assert [f.id for f in found] == ["gpu.app-fills-card"]


def test_a_fork_that_outlived_its_run_is_an_earlier_run() -> None:
    app, orphan = process(5, started=20.0), process(6, started=11.0, ppid=1)
    assert runs_of(Instances("app.py", (app,), (orphan,)), None) == Runs(frozenset({5}), frozenset({6}))


def test_memory_of_nobody_that_can_be_seen() -> None:
    found = look(card(on_card(4711, 21, None)), log("", "gpu.bare-oom"))
    assert list(found) == ["gpu.held-by-hidden"]
    assert "kill" not in str(found["gpu.held-by-hidden"].facts)
    found = look(card(used=21), log("", "gpu.bare-oom"))
    assert list(found) == ["gpu.held-by-hidden"]
    assert "pids" not in found["gpu.held-by-hidden"].facts


def test_the_app_may_be_among_those_that_cannot_be_seen() -> None:
    """In a container NVML gives the host's pids: without a match nothing is said of others."""
    app = process(5)
    assert look(card(on_card(4711, 21.9, None)), log("", "gpu.bare-oom"), app) == {}
    unknown = gpu_live_memory(Gpus((card(on_card(8, 21.9)),)), log("", "gpu.bare-oom"), Absent(""), NO_RUN)
    assert not list(unknown), "whose app it is could not be told"
    found = look(card(on_card(4711, 21.9, None)), log(CROWDED, *TORCH), app)
    assert list(found) == ["gpu.held-by-hidden"], "its own message says that it is not the one"


def test_what_the_driver_keeps_is_not_hidden() -> None:
    assert holders(card(used=0.45), Runs()) == ()
    assert [h.kind for h in holders(card(used=3), Runs())] == ["hidden"]


def test_where_no_share_is_told_nothing_is_claimed_of_a_living_app() -> None:
    """WSL: the processes are listed, their memory is not."""
    app = process(5)
    device = card(on_card(5, None, app), on_card(6, None), used=22)
    assert account_now(device, Runs(frozenset({5}))) is None
    assert look(device, log("", "gpu.bare-oom"), app) == {}
    (bar,) = [shares_of(device, Runs(frozenset({5})))]
    assert bar.used == 22 * GIB


def test_a_dead_app_has_nothing_on_the_card() -> None:
    assert set(look(card(on_card(8, 21)), log("", "gpu.bare-oom"))) == {"gpu.held-by-program"}
    empty = look(card(used=0.4), log("", "gpu.bare-oom"))
    assert empty["gpu.card-empty-afterwards"].seen
    assert not empty["gpu.held-by-program"].seen
    assert look(card(on_card(8, 10)), log("", "gpu.bare-oom")) == {}, "half full: it may have fitted, or not"


def test_a_full_card_alone_is_no_finding() -> None:
    app = process(5)
    for device in (card(on_card(5, 21.9, app)), card(on_card(8, 21.9), on_card(5, 0.3, app))):
        assert look(device, log(), app) == {}
        assert look(device, log("", "gpu.smi-memory", "gpu.low-vram-notice"), app) == {}


@pytest.mark.parametrize(("outcome", "traceback", "seen"),
                         [("exited", False, True), ("exited", True, False), ("serving", False, False)])
def test_a_full_card_beside_an_app_that_did_not_come_up(outcome: str, traceback: bool, seen: bool) -> None:
    run = Run(("python",), "/", 5, outcome, 1.0)  # type: ignore[arg-type]
    found = look(card(on_card(8, 21)), log(traceback=traceback), run=run)
    assert ("gpu.card-full-at-start" in found) == seen


def test_the_device_is_the_one_of_the_message() -> None:
    small, big = card(on_card(8, 9), total=10.0), card(on_card(9, 1), index=1)
    told = account(CROWDED)
    assert card_of(Gpus((small, big)), Runs(), told) == big
    assert card_of(Gpus((small, big)), Runs(), None) == small
    assert card_of(Gpus((replace(small, hidden=True), big)), Runs(), None) == big
    assert card_of(Gpus((small, card(on_card(9, 1, process(9)), index=1))), Runs(frozenset({9})), None) != small
    assert card_of(Gpus((replace(small, used=None),)), Runs(), None) is None


def test_the_same_arithmetic_as_for_logs() -> None:
    device, runs = card(on_card(5, 1, process(5)), on_card(8, 21)), Runs(frozenset({5}))
    now = account_now(device, runs)
    assert now is not None
    assert verdict(now) == "gpu.others-hold-memory"
    assert is_crowded(device, runs)
