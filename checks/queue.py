"""Queue family, live: is the queue's door open, and how many events wait."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import AppSource, Finding, HttpAnswers, Source, check

_LONG = 20  # waiting events; a busy but healthy demo has a handful


@check("queue-door", finds=("queue.door-closed",), cost=0.05)
def queue_door(http: HttpAnswers) -> Iterator[Finding]:
    """Joining without a function index is answered 400 by an open queue and 503 "Queue is stopped." by a dead one."""
    answer = http.get("queue-door")
    if answer is None or answer.outcome != "answered":
        return
    closed = answer.status == 503 and "Queue is stopped" in answer.body
    facts = {"url": answer.url, "status": str(answer.status), "answer": answer.body[:120]}
    yield Finding("queue.door-closed", closed, facts, Source("http", answer.url), witness="http:queue-door")


@check("queue-length", finds=("queue.long",), cost=0.05)
def queue_length(http: HttpAnswers) -> Iterator[Finding]:
    """How many events wait (those that run do not count)."""
    answer = http.get("queue-size")
    size = answer.queue_size if answer is not None else None
    if answer is not None and size is not None:
        source = Source("http", answer.url)
        yield Finding("queue.long", size >= _LONG, {"size": str(size)}, source, witness="http:queue")


@check("queue-limit", finds=("queue.at-limit",), cost=0.1)
def queue_limit(http: HttpAnswers, source: AppSource) -> Iterator[Finding]:
    """As many events wait as the app's queue may hold (`max_size`): the next one is refused."""
    answer = http.get("queue-size")
    size = answer.queue_size if answer is not None else None
    settings = [s for call in source.named("queue") if (s := call.get("max_size")) and s.known]
    limits = [(s.value, s) for s in settings if isinstance(s.value, int) and not isinstance(s.value, bool)]
    if answer is None or size is None or not limits:
        return
    limit, place = min(limits, key=lambda one: one[0])
    facts = {"size": str(size), "limit": str(limit), "where": f"{place.file or source.path}:{place.line}"}
    yield Finding("queue.at-limit", size >= limit, facts, Source("http", answer.url), witness="http:queue")
