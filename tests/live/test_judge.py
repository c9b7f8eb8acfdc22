"""Judgements on made-up looks: the borders between healthy and not, which real processes do not hit on demand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import (
    Absent,
    KernelThread,
    Listener,
    Listeners,
    ProcessStacks,
    ProcessThreads,
    Resource,
    StackFrame,
    Stacks,
    StackSample,
    SystemCall,
    Threads,
    ThreadSample,
    ThreadStack,
)
from gradio_doctor.live import Judgement, fold, judge, view_processes
from gradio_doctor.live.frames import common, inside, is_loop_machinery
from gradio_doctor.live.roles import loop_by_kernel, roles
from gradio_doctor.live.waits import lock_name, wait_of

SITE, LIB = "/v/lib/python3.11/site-packages/", "/usr/lib/python3.11/"
RUN_ONCE = [
    StackFrame("Handle._run", LIB + "asyncio/events.py", 84),
    StackFrame("_run_once", LIB + "asyncio/base_events.py", 9),
    StackFrame("Runner.run", LIB + "asyncio/runners.py", 118), StackFrame("Server.run", SITE + "uvicorn/server.py", 86),
]
SELECT = [StackFrame("EpollSelector.select", LIB + "selectors.py", 468), *RUN_ONCE[1:]]
WORKER = StackFrame("WorkerThread.run", SITE + "anyio/_backends/_asyncio.py", 1124)
WAITS = StackFrame("Condition.wait", LIB + "threading.py", 327)
RESTS = [WAITS, StackFrame("Queue.get", LIB + "queue.py", 171), WORKER]
WRAPPER = StackFrame("function_wrapper.<locals>.wrapper", SITE + "gradio/utils.py", 1116)
LAUNCHED = StackFrame("Blocks.block_thread", SITE + "gradio/blocks.py", 3957)
MAIN = [LAUNCHED, StackFrame("<module>", "/srv/app.py", 50, True)]


def own(function: str, line: int, text: str = "", *inside: str) -> StackFrame:
    return StackFrame(function, "/srv/app.py", line, True, text, inside)


def kernel(tid: int, rate: float, cpu: float = 0.0, call: SystemCall | None = None, delay: float = 0.0) -> KernelThread:
    """A thread over 0.6 s with a steady rate of switches and share of CPU."""
    state = "R" if cpu + delay > 0.3 else "S"
    times = (0.0, 0.2, 0.4, 0.6)
    samples = tuple(ThreadSample(t, state, 1 + t * cpu, int(1000 + t * rate), 0, "", call, t * delay) for t in times)
    return KernelThread(tid, "python", samples, 2.0)


def stacks(looks: dict[int, list[list[StackFrame]]], gil: int = 0) -> Stacks:
    """Three looks at each thread: one list of frames is repeated."""
    samples = tuple(
        StackSample(n * 0.15, tuple(
            ThreadStack(tid, "", tuple(frames[n % len(frames)]), holds_gil=tid == gil) for tid, frames in looks.items()
        )) for n in range(3)
    )
    return Stacks((ProcessStacks(1, samples),))


def threads(*members: KernelThread) -> Threads:
    return Threads((ProcessThreads(1, members),), 0.6)


def kinds(found: tuple[Judgement, ...]) -> list[str]:
    return [j.kind + ("" if j.sure else "?") for j in found]


SLEEP = SystemCall(230, "clock_nanosleep", Resource("time"))
FUTEX = SystemCall(202, "futex", Resource("futex"), endless=True, lock=7)
HANDLER = [own("predict", 9, "time.sleep(3)"), *RUN_ONCE]


@pytest.mark.parametrize(("rate", "cpu", "expected"), [
    (0.0, 0.0, ["loop-blocked"]), (2.0, 0.01, ["loop-blocked"]), (5.0, 0.0, []), (900.0, 0.03, []), (0.0, 0.2, []),
])
def test_how_often_a_healthy_loop_wakes_at_the_least(rate: float, cpu: float, expected: list[str]) -> None:
    seen = threads(kernel(1, 10, call=SLEEP), kernel(2, rate, cpu, SLEEP))
    assert kinds(judge(seen, stacks({1: [MAIN], 2: [HANDLER]}))) == expected


def test_the_loop_of_something_that_does_not_serve_may_rest_for_long() -> None:
    seen, quiet = threads(kernel(1, 10, call=SLEEP), kernel(2, 0.0)), [SELECT[:-1]]
    assert judge(seen, stacks({1: [MAIN], 2: quiet})) == ()
    assert kinds(judge(seen, stacks({1: [MAIN], 2: [SELECT]}))) == ["loop-stalled?"]


@pytest.mark.parametrize(("cpu", "delay", "expected"), [
    (0.95, 0.0, ["loop-busy?"]), (0.25, 0.6, ["loop-busy?"]), (0.25, 0.1, []),
])
def test_a_busy_loop_on_a_crowded_machine(cpu: float, delay: float, expected: list[str]) -> None:
    """It is busy also when it gets little of a CPU that others want too."""
    looks = {1: [MAIN], 2: [[own("tokens", n), own("predict", 20), *RUN_ONCE] for n in (3, 4, 5)]}
    found = judge(threads(kernel(1, 10), kernel(2, 2, cpu, delay=delay)), stacks(looks, gil=2))
    assert kinds(found) == expected
    assert not found or (found[0].location is not None and found[0].location.function == "tokens")


def test_a_loop_under_load_is_in_other_code_each_time() -> None:
    looks = {1: [MAIN], 2: [[own(f"handler{n}", n), *RUN_ONCE] for n in range(3)]}
    assert judge(threads(kernel(1, 30), kernel(2, 20, 0.9)), stacks(looks)) == ()


def test_threads_that_take_turns_do_not_starve_the_loop() -> None:
    """Its rate is that of one which waits for the lock; but each look finds another holder."""
    looks = {1: [MAIN], 2: [SELECT], 3: [[own("work", 3), WRAPPER, WORKER]], 4: [[own("work", 3), WRAPPER, WORKER]]}
    turns = stacks(looks).processes[0].samples
    passed = tuple(
        replace(s, threads=tuple(replace(t, holds_gil=t.tid == 3 + n % 2) for t in s.threads))
        for n, s in enumerate(turns)
    )
    seen = threads(kernel(1, 40), kernel(2, 200, call=FUTEX), kernel(3, 100, 0.4), kernel(4, 100, 0.4))
    assert judge(seen, Stacks((ProcessStacks(1, passed),))) == ()
    assert kinds(judge(seen, stacks(looks, gil=3))) == ["loop-starved?"]  # one pause after the other, of a collector
    kept = threads(kernel(1, 195), kernel(2, 195, call=FUTEX), kernel(3, 0, 0.9))
    assert kinds(judge(kept, stacks(looks, gil=3))) == ["loop-starved"]


def waiting(tid: int, line: int, lock: str, *held: str) -> tuple[int, list[list[StackFrame]]]:
    return tid, [[own(f"f{tid}", line, f"with {lock}:", *held), WRAPPER, WORKER]]


def locked(*members: tuple[int, list[list[StackFrame]]], rate: float = 0.0, distinct: bool = True) -> list[str]:
    looks = dict([(1, [MAIN]), (2, [SELECT]), *members])
    calls = {tid: replace(FUTEX, lock=tid if distinct else 7) for tid, _ in members}
    seen = [kernel(1, 10), kernel(2, 900, 0.03), *(kernel(tid, rate, call=calls[tid]) for tid, _ in members)]
    return kinds(judge(threads(*seen), stacks(looks)))


def test_the_borders_of_a_deadlock() -> None:
    assert locked(waiting(3, 5, "B", "A"), waiting(4, 9, "A", "B")) == ["deadlock"]
    assert locked(waiting(3, 5, "B", "A"), waiting(4, 9, "C", "B"), waiting(5, 11, "A", "C")) == ["deadlock"]
    assert locked(waiting(3, 5, "A", "A")) == ["deadlock"]  # a lock taken twice by one thread
    assert locked(waiting(3, 5, "self.b", "self.a"), waiting(4, 9, "self.a", "self.b")) == ["deadlock?"]
    assert locked(waiting(3, 5, "A"), waiting(4, 9, "A"), distinct=False) == ["handler-stuck?"]  # nobody has it
    assert locked(waiting(3, 5, "B", "A"), waiting(4, 9, "A", "B"), rate=200.0) == []  # they wait for the GIL
    assert locked(waiting(3, 5, "B"), waiting(4, 9, "A")) == ["deadlock?"]  # who holds them is not seen, all wait


def test_two_locks_that_a_third_thread_holds_are_no_deadlock() -> None:
    looks = {1: [MAIN], 2: [SELECT], **dict([waiting(3, 5, "A"), waiting(4, 9, "B")]),
             5: [[own("work", 20, "x()", "A", "B"), WRAPPER, WORKER]]}
    seen = threads(kernel(1, 10), kernel(2, 900), kernel(3, 0, call=replace(FUTEX, lock=3)),
                   kernel(4, 0, call=replace(FUTEX, lock=4)), kernel(5, 100, 0.9))
    assert judge(seen, stacks(looks)) == ()


@pytest.mark.parametrize(("text", "name"), [
    ("with LOCK:", "LOCK"), ("with self.lock: pass", "self.lock"), ("LOCK.acquire(timeout=3)", "LOCK"),
    ("async with a.b as c:", "a.b"), ("with open(p) as f, LOCK:", "LOCK"), ("x = q.get()", ""), ("", ""),
    ("with q.get() as x:", ""), ("locks['a'].acquire()", "locks['a']"), ("model(x)", ""),
])
def test_the_lock_that_a_line_takes(text: str, name: str) -> None:
    assert lock_name([own("f", 1, text)]) == name


@pytest.mark.parametrize(("frames", "kind"), [
    ([("get", "queue.py")], "queue"), ([("wait", "threading.py"), ("get", "queue.py")], "queue"),
    ([("wait", "threading.py"), ("result", "concurrent/futures/_base.py")], "future"),
    ([("wait", "threading.py"), ("wait", "threading.py")], "event"), ([("join", "threading.py")], "join"),
    ([("wait", "threading.py"), ("wait_for_connection", "httpcore/_sync/connection_pool.py")], "pool"),
    ([("get", "queue.py"), ("_get_conn", "urllib3/connectionpool.py")], "pool"),
    ([("get", "sqlalchemy/util/queue.py"), ("wait", "threading.py"), ("_do_get", "sqlalchemy/pool/impl.py")], "pool"),
])
def test_what_a_lock_of_the_library_stands_for(frames: list[tuple[str, str]], kind: str) -> None:
    stack = [StackFrame(name, LIB + file, 1) for name, file in frames] + [own("f", 3, "with x:")]
    found = wait_of(FUTEX, stack)
    assert found is not None and found.kind == kind and (found.library != "") == (kind == "pool")


def test_an_unknown_call_and_no_frames_tell_nothing() -> None:
    assert wait_of(None, []) is None and wait_of(SystemCall(999), []) is None
    lost = wait_of(SystemCall(202, "futex", Resource("futex"), endless=True), [])
    assert lost is not None and lost.kind == "other" and lost.endless


def test_roles_by_frames_with_and_without_qualified_names() -> None:
    old = [StackFrame("run", SITE + "uvicorn/server.py", 1), StackFrame("run", LIB + "threading.py", 2)]
    uv = [RUN_ONCE[2], RUN_ONCE[3]]
    nested = [own("main", 4), StackFrame("run", LIB + "asyncio/runners.py", 44), own("predict", 3), WRAPPER, WORKER]
    background = [SELECT[0], StackFrame("run_forever", LIB + "asyncio/base_events.py", 600)]
    looks = stacks({1: [MAIN], 2: [background], 3: [uv], 4: [nested], 5: [RESTS], 6: [[own("spin", 1)]]})
    assert roles(looks.processes[0]) == {1: "main", 2: "other-loop", 3: "loop", 4: "worker", 5: "worker", 6: "other"}
    assert roles(stacks({1: [old]}).processes[0]) == {1: "loop"}
    view = view_processes(None, looks)[0]
    four = next(t for t in view.threads if t.tid == 4)
    assert four.own is not None and four.own.name == "main"


def test_the_machinery_is_taken_off_from_outside() -> None:
    assert inside(HANDLER, is_loop_machinery) == (HANDLER[0],)
    assert inside(RUN_ONCE, is_loop_machinery) == () and inside([HANDLER[0]], is_loop_machinery) == (HANDLER[0],)


def test_what_stacks_share() -> None:
    def look(*lines: int) -> ThreadStack:
        return ThreadStack(1, "", tuple(own(f"f{n}", line) for n, line in enumerate(lines)))

    shared, same = common([look(1, 2, 3), look(1, 2, 3)])
    assert same and len(shared) == 3
    shared, same = common([look(1, 2, 3), look(1, 9, 3)])
    assert not same and [f.line for f in shared] == [9, 3]  # the call differs inside of line 2 and 9
    assert common([]) == ((), False) and common([look(1)])[1] is False


def test_the_loop_by_the_kernel_alone() -> None:
    def woken(tid: int, count: int, rate: float = 0.0, call: SystemCall | None = None) -> KernelThread:
        base = kernel(tid, rate, call=call)
        return replace(base, samples=tuple(replace(s, voluntary=count + int(s.at * rate)) for s in base.samples))

    assert loop_by_kernel([woken(1, 600, 10, SLEEP), woken(2, 900)]) == 2  # the main thread naps
    assert loop_by_kernel([woken(1, 600), woken(2, 900)]) is None
    assert loop_by_kernel([woken(1, 9000), woken(2, 900)]) == 1
    assert loop_by_kernel([woken(1, 20)]) is None and loop_by_kernel([]) is None


def test_a_socket_without_a_server_needs_all_its_holders() -> None:
    looks = stacks({1: [MAIN]})
    mine = Listener("127.0.0.1", 7860, 4, 1, 0, backlog=3, holders=(1,))
    found = judge(threads(kernel(1, 10)), looks, listeners=Listeners((mine,)))
    assert kinds(found) == ["server-thread-gone"] and found[0].facts["waiting"] == "3"
    shared = replace(mine, holders=(1, 2))
    assert judge(threads(kernel(1, 10)), looks, listeners=Listeners((shared,))) == ()
    assert judge(threads(kernel(1, 10)), None, listeners=Listeners((mine,))) == ()


def test_nothing_known_is_nothing_judged() -> None:
    assert judge(None, None) == () == judge(Absent("x"), Absent("y"), listeners=Absent("z"))
    assert view_processes(Threads((), 0.0), Stacks(())) == () and fold([]) == ()


FRAMES = st.builds(
    StackFrame, st.sampled_from(["run", "wait", "get", "f", "_run_once", "wrapper", "block_thread", "select"]),
    st.sampled_from([LIB + "threading.py", LIB + "queue.py", SITE + "uvicorn/server.py", "/srv/app.py", WORKER.file]),
    st.integers(0, 9), st.booleans(), st.sampled_from(["", "with A:", "A.acquire()"]),
    st.lists(st.sampled_from(["A", "B"]), max_size=2).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.integers(1, 5), st.lists(st.lists(FRAMES, max_size=6), min_size=1, max_size=3), max_size=5),
    st.dictionaries(st.integers(1, 5), st.tuples(st.floats(0, 1000), st.floats(0, 1)), max_size=5), st.integers(0, 5),
    st.sampled_from([None, True, False]),
)
def test_whatever_is_seen_is_judged_without_an_error(
    looks: dict[int, list[list[StackFrame]]], rates: dict[int, tuple[float, float]], gil: int, answers: bool | None
) -> None:
    seen = threads(*(kernel(tid, rate, cpu, FUTEX) for tid, (rate, cpu) in rates.items()))
    found = judge(seen, stacks(looks, gil), limits=(1,), loop_answers=answers)
    assert all(j.threads and set(j.threads) <= {*looks, *rates} for j in found)
    assert not (answers is True and any(j.kind.startswith("loop-") for j in found))
    folded = fold(t for p in view_processes(seen, stacks(looks, gil)) for t in p.threads)
    assert all(g.text and g.count == len(g.tids) for g in folded)
