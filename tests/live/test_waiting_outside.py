"""Made-up looks at apps that wait for others, load, or are described to people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradio_doctor.evidence import KernelThread, Resource, StackFrame, SystemCall, ThreadSample
from gradio_doctor.evidence.threads import Peer
from gradio_doctor.live import Judgement, ThreadView, Wait, fold, judge
from gradio_doctor.live.fold import describe_wait
from gradio_doctor.live.making import folded
from gradio_doctor.live.views import waits_for_gil
from tests.live.test_judge import (
    FUTEX,
    LIB,
    MAIN,
    RUN_ONCE,
    SELECT,
    SITE,
    SLEEP,
    WORKER,
    WRAPPER,
    kernel,
    kinds,
    own,
    stacks,
    threads,
)

CALLS = own("predict", 9, "requests.get(url)")
READS = StackFrame("SocketIO.readinto", LIB + "socket.py", 706)


def receiving(remote: str, peer: Peer) -> SystemCall:
    socket = Resource("socket", 9, "tcp", "10.0.0.2:5000", remote, "ESTABLISHED", peer)
    return SystemCall(45, "recvfrom", socket, None, True)


def waiting_on(*calls: SystemCall, loop: SystemCall | None = None) -> tuple[Judgement, ...]:
    """An app whose workers are each in one call, and its loop too when told."""
    looks = {1: [MAIN], 2: [[READS, CALLS, *RUN_ONCE] if loop else SELECT]}
    seen = [kernel(1, 10, call=SLEEP), kernel(2, 0 if loop else 900, call=loop)]
    for tid, made in enumerate(calls, 3):
        looks[tid] = [[READS, CALLS, WRAPPER, WORKER]]
        seen.append(kernel(tid, 0, call=made))
    return judge(threads(*seen), stacks(looks))


def test_threads_are_grouped_by_whom_they_wait_for() -> None:
    found = waiting_on(*[receiving("93.184.216.34:443", "remote")] * 3, receiving("10.0.0.7:5432", "remote"))
    assert sorted((j.facts["remote"], j.facts["count"]) for j in found) == [
        ("10.0.0.7:5432", "1"), ("93.184.216.34:443", "3")]
    assert {j.kind for j in found} == {"upstream-wait"} and all(j.sure and j.seconds == 2.0 for j in found)
    assert all(j.facts["endless"] == "yes" and j.location and j.location.line == 9 for j in found)


@pytest.mark.parametrize(("peer", "kind"), [
    ("self", "self-call"), ("app", "self-call"), ("local", "upstream-wait"), ("remote", "upstream-wait"),
    ("", "upstream-wait"),
])
def test_a_call_to_the_app_itself_is_told_from_others(peer: Peer, kind: str) -> None:
    (found,) = waiting_on(receiving("127.0.0.1:7860", peer))
    assert found.kind == kind and found.facts["port"] == "7860"


def test_the_loops_own_wait_is_shown_before_those_of_workers() -> None:
    found = waiting_on(receiving("127.0.0.1:7860", "self"), loop=receiving("127.0.0.1:7860", "self"))
    assert sorted(kinds(found)) == ["loop-blocked", "self-call"]
    shown = next(j for j in found if j.kind == "self-call")
    assert shown.facts["role"] == "loop" and shown.facts["count"] == "2" and shown.threads == (2, 3)


def test_a_time_limit_is_told() -> None:
    (found,) = waiting_on(replace(receiving("10.0.0.7:80", "remote"), name="poll", timeout=30.0, endless=False))
    assert found.facts["endless"] == "no" and found.kind == "upstream-wait"


def test_an_accepted_connection_without_peer_is_nobody() -> None:
    listening = SystemCall(288, "accept4", Resource("socket", 4, "tcp", "0.0.0.0:9", "", "LISTEN"), None, True)
    assert waiting_on(listening) == ()


def test_background_threads_that_listen_for_ever_are_no_fault() -> None:
    """A thread of a library that reads from a broker: it is no worker, and nobody waits for it."""
    looks = {1: [MAIN], 2: [SELECT], 3: [[READS, StackFrame("listen", SITE + "redis/client.py", 9)]]}
    seen = threads(kernel(1, 10), kernel(2, 900), kernel(3, 0, call=receiving("10.0.0.9:6379", "remote")))
    assert judge(seen, stacks(looks)) == ()


PIPE = SystemCall(1, "write", Resource("pipe", 1, "pipe:[9]", full=True, readers=(40, 41)), None, True)


@pytest.mark.parametrize(("fd", "stream"), [(1, "stdout"), (2, "stderr"), (7, "")])
def test_a_full_pipe_by_its_number(fd: int, stream: str) -> None:
    assert PIPE.resource is not None
    looks = {1: [MAIN], 2: [[own("predict", 3, "print(x)"), *RUN_ONCE]]}
    call = replace(PIPE, resource=replace(PIPE.resource, fd=fd))
    found = judge(threads(kernel(1, 10), kernel(2, 0, call=call)), stacks(looks))
    assert sorted(kinds(found)) == ["loop-blocked", "pipe-full"]
    pipe = next(j for j in found if j.kind == "pipe-full")
    assert (pipe.facts["stream"], pipe.facts["readers"], pipe.facts["role"]) == (stream, "40, 41", "loop")


def loading(*inner: StackFrame, role: str = "main") -> tuple[Judgement, ...]:
    outer = [own("<module>", 4, "model = load()")] if role == "main" else [own("predict", 4, "load()"), WRAPPER, WORKER]
    looks = {1: [[*inner, *outer]]} if role == "main" else {1: [MAIN], 2: [SELECT], 3: [[*inner, *outer]]}
    tid = 1 if role == "main" else 3
    return judge(threads(*(kernel(t, 10 if t == 1 else 900, 0.9 if t == tid else 0.0) for t in looks)), stacks(looks))


@pytest.mark.parametrize(("frames", "what"), [
    ([("load_file", "safetensors/torch.py"), ("from_pretrained", "transformers/modeling_utils.py")], "weights"),
    ([("read", "urllib3/response.py"), ("http_get", "huggingface_hub/file_download.py")], "download"),
    ([("from_pretrained", "sentence_transformers/x.py")], "weights"),
    ([("torch", "torch/__init__.py"), ("_find_and_load", "<frozen importlib._bootstrap>")], "import"),
])
def test_what_is_being_loaded(frames: list[tuple[str, str]], what: str) -> None:
    made = [StackFrame(name, file if file.startswith("<") else SITE + file, 7) for name, file in frames]
    (start,) = loading(*made)
    assert (start.kind, start.sure, start.facts["what"], start.facts["when"]) == ("loading", True, what, "start")
    assert start.location is not None and start.location.text == "model = load()"
    (handler,) = loading(*made, role="worker")
    assert (handler.sure, handler.facts["what"], handler.facts["when"]) == (False, what, "handler")


def test_computing_is_not_loading() -> None:
    assert loading(StackFrame("forward", SITE + "torch/nn/modules/module.py", 3)) == ()


@pytest.mark.parametrize(("wait", "text"), [
    (Wait("sleep"), "sleep"), (Wait("lock", name="LOCK"), "lock LOCK"), (Wait("other"), ""), (None, ""),
    (Wait("pool", library="httpx"), "httpx connection pool"),
    (Wait("socket", Resource("socket", 3, "tcp", remote="10.0.0.1:80", peer="remote")), "socket 10.0.0.1:80"),
    (Wait("socket", Resource("socket", 3, "tcp", remote="[::1]:80", peer="self")), "socket [::1]:80 (the app itself)"),
    (Wait("file-lock", Resource("file", 3, "/srv/x.lock")), "file-lock /srv/x.lock"),
    (Wait("terminal", Resource("file", 0, "/dev/pts/3")), "terminal /dev/pts/3"),
    (Wait("child", Resource("process", name="77")), "child"),
])
def test_a_wait_in_words(wait: Wait | None, text: str) -> None:
    assert describe_wait(ThreadView(1, 1, "worker", "waiting", wait)) == text


def test_many_threads_in_one_line() -> None:
    frames = (StackFrame("sleep", LIB + "x.py", 1), own("predict", 31))
    views = [ThreadView(1, n, "worker", "waiting", Wait("sleep"), frames=frames) for n in range(40)]
    views += [ThreadView(1, 50, "loop", "idle"), ThreadView(1, 51, "main", "idle")]
    lines = [g.text for g in fold(views)]
    assert lines[0] == "40 × waiting on sleep in /srv/app.py:31 predict"
    assert sorted(lines[1:]) == ["1 × idle (loop thread)", "1 × idle (main thread)"]


def test_a_shown_stack_is_the_users_frames_and_the_innermost() -> None:
    library = StackFrame("get", SITE + "requests/api.py", 5)
    assert folded((READS, library, CALLS, WRAPPER, own("outer", 2))) == (READS, CALLS, own("outer", 2))
    assert len(folded(tuple(own(f"f{n}", n) for n in range(500)))) == 24


def test_a_handler_from_a_library_is_shown_by_what_gradio_calls() -> None:
    pipeline = StackFrame("Pipeline.__call__", SITE + "transformers/pipelines/base.py", 1200)
    view = ThreadView(1, 3, "worker", "waiting", frames=(READS, pipeline, WRAPPER))
    assert view.own == pipeline and ThreadView(1, 3, "worker", "waiting", frames=(READS,)).own is None


def steady(rates: tuple[float, ...], call: SystemCall | None, cpu: float = 0.0) -> KernelThread:
    at, count, made = 0.0, 0.0, []
    for rate in (*rates, 0.0):
        made.append(ThreadSample(at, "S", at * cpu, int(count), 0, "", call))
        at, count = at + 0.2, count + rate * 0.2
    return KernelThread(1, "python", tuple(made))


@pytest.mark.parametrize(("rates", "call", "cpu", "expected"), [
    ((200.0, 195.0, 190.0), FUTEX, 0.01, True), ((200.0, 10.0, 200.0), FUTEX, 0.01, False),
    ((905.0, 905.0, 905.0), FUTEX, 0.01, False), ((200.0, 200.0, 200.0), SLEEP, 0.01, False),
    ((200.0, 200.0, 200.0), FUTEX, 0.5, False), ((200.0, 200.0, 200.0), None, 0.01, True), ((), FUTEX, 0.0, False),
])
def test_who_waits_for_the_interpreter_lock_asks_every_five_milliseconds(
    rates: tuple[float, ...], call: SystemCall | None, cpu: float, expected: bool
) -> None:
    assert waits_for_gil(steady(rates, call, cpu)) is expected


def test_the_times_of_a_thread_seen_once() -> None:
    once = steady((), FUTEX)
    assert once.voluntary_rate is None and once.least_rate is None and once.cpu_share == 0.0 and not once.still
    assert kinds(judge(threads(once), None)) == []
