"""Blocking family, live: which of the two resources (event loop, worker threads) does not answer."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Absent, AcceptQueue, Finding, HttpAnswer, HttpAnswers, Listeners, Processes, Source, check


def _silent(answer: HttpAnswer) -> bool:
    return answer.outcome == "timeout"


@check("blocking-loop", finds=("blocking.loop-silent",), cost=0.3)
def blocking_loop(
    http: HttpAnswers, queue: AcceptQueue | Absent, listeners: Listeners | Absent, processes: Processes | Absent
) -> Iterator[Finding]:
    """A route that needs the event loop alone stays silent, in a process that is not suspended."""
    answer = http.get("loop")
    if answer is None or _suspended(queue, listeners, processes):
        return
    facts = {"url": answer.url, "seconds": f"{answer.seconds:.1f}"}
    source = Source("http", answer.url)
    yield Finding("blocking.loop-silent", _silent(answer), facts, source, witness="http:loop")


@check("blocking-accepts", finds=("blocking.nobody-accepts",), cost=0.5)
def blocking_accepts(
    queue: AcceptQueue, listeners: Listeners | Absent, processes: Processes | Absent, http: HttpAnswers | Absent
) -> Iterator[Finding]:
    """Connections pile up in the kernel because nobody calls accept(). Where ours were answered, somebody does."""
    if not queue.samples or _suspended(queue, listeners, processes):
        return
    answered = isinstance(http, HttpAnswers) and any(a.outcome == "answered" for a in http.answers)
    piling = not answered and min(queue.samples) > 0 and queue.samples[-1] >= queue.samples[0]
    facts = {"port": str(queue.port), "waiting": str(queue.samples[-1])}
    source = Source("socket", f"port {queue.port}")
    yield Finding("blocking.nobody-accepts", piling, facts, source, witness="accept-queue")


def _suspended(queue: AcceptQueue | Absent, listeners: Listeners | Absent, processes: Processes | Absent) -> bool:
    """True when a holder of the port is stopped: its silence has nothing to do with its code."""
    if isinstance(queue, Absent) or isinstance(listeners, Absent) or isinstance(processes, Absent):
        return False
    holders = (processes.get(pid) for socket in listeners.on(queue.port) for pid in socket.holders)
    return any(process is not None and process.stopped for process in holders)


@check("blocking-pool", finds=("blocking.pool-silent",), cost=0.3)
def blocking_pool(http: HttpAnswers) -> Iterator[Finding]:
    """The loop answers at once while a route that needs a worker thread stays silent."""
    loop, pool = http.get("loop"), http.get("pool")
    if loop is None or pool is None or loop.outcome != "answered":
        return
    facts = {"url": pool.url, "seconds": f"{pool.seconds:.1f}", "loop": f"{loop.seconds:.3f}"}
    yield Finding("blocking.pool-silent", _silent(pool), facts, Source("http", pool.url), witness="http:pool")
