"""Blocking family: handlers that await another server. The event loop stays free, and no stack shows it."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import AppSource, Finding, Outgoing, SlowCall, Source, check

_ENDLESS, _LONG = 3.0, 20.0  # seconds that a wait without and with a distant time limit must have lasted
_DISTANT = 60.0  # seconds; calls with a nearer limit end by themselves


@check("blocking-awaits", finds=("blocking.awaits-server",), cost=0.1)
def blocking_awaits(source: AppSource, outgoing: Outgoing) -> Iterator[Finding]:
    """Has the app long waited for an answer, and does a handler await one without a time limit (or a distant one)?"""
    calls = sorted((c for c in source.awaited if _may_wait(c)), key=lambda c: not c.unlimited)
    if not calls:
        return
    call = calls[0]
    lasted = _ENDLESS if call.unlimited else _LONG
    longest = next((u for u in outgoing.unanswered if u.seconds >= lasted), None)
    if longest is None:
        yield Finding("blocking.awaits-server", seen=False)
        return
    place = call.location
    facts = {
        "pid": str(longest.pid), "remote": longest.remote, "lasted": f"{longest.seconds:.0f}", "call": call.what,
        "count": str(sum(u.remote == longest.remote for u in outgoing.unanswered)),
        "handler": call.handler.name if call.handler else place.function,
        "where": f"{place.file}:{place.line}", "function": place.function,
    }
    yield Finding(
        "blocking.awaits-server", facts=facts, source=Source("process", f"pid {longest.pid}"), location=place,
        chain=call.chain if len(call.chain) > 1 else (), witness=f"connections:{longest.pid}",
    )


def _may_wait(call: SlowCall) -> bool:
    return call.unlimited or (call.seconds or 0.0) >= _DISTANT
