"""What a log says about ports. Gradio swallows the bind error, so the lines around it decide."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Finding, LogEvents, LogMatch, check

_PRIVILEGED = 1024
_VERDICTS = (
    "port.log-port-taken", "port.log-range-taken", "port.log-privileged", "port.log-bad-address",
    "port.log-bind-refused",
)


@check("port-log", finds=(*_VERDICTS, "port.log-own-port-again"))
def port_log(log: LogEvents) -> Iterator[Finding]:
    """Why "Cannot find empty port": the port is taken, forbidden, or the address is not ours.

    gradio/http_server.py swallows OSError, after uvicorn has printed it as an ERROR line of its own (not for the
    loopback test that Gradio makes first: then nothing is printed, and the number of the port is all there is).
    """
    failed = next((m for name in _FAILURES if (m := log.get(name))), None)
    if failed is None:
        return
    facts = {"first": failed.captures.get("first", ""), "last": failed.captures.get("last", "")}
    verdict, facts = _verdict(log, facts)
    replaces = tuple(name for name in _FAILURES if name != verdict)
    yield Finding(verdict, facts=facts, source=failed.source, witness="port-log", replaces=replaces)
    yield from _again(log, failed)


_FAILURES = ("port.cannot-find-empty-port", "port.port-in-use", "port.all-ports-in-use")


def _verdict(log: LogEvents, facts: dict[str, str]) -> tuple[str, dict[str, str]]:
    first, last = facts["first"], facts["last"] or facts["first"]
    for name in ("port.cannot-assign", "port.name-unknown"):
        if (match := log.get(name)) is not None:
            return "port.log-bad-address", facts | {"host": match.captures.get("host", "")}
    if log.get("port.winsock") is not None:
        return "port.log-bind-refused", facts
    if log.get("port.bind-forbidden") is not None or log.get("port.winerror-10013") is not None:
        return "port.log-privileged", facts
    if first and first == last and int(first) < _PRIVILEGED:
        return "port.log-privileged", facts | {"port": first}
    if first != last:
        return "port.log-range-taken", facts
    return "port.log-port-taken", facts


def _again(log: LogEvents, failed: LogMatch) -> Iterator[Finding]:
    """The same log shows the app serving on that port before: it was started a second time."""
    serving = log.get("port.running-on")
    if serving is None or serving.source.name != failed.source.name:
        return
    before = (serving.source.line or 0) < (failed.source.line or 0)
    same = [s for s in serving.samples if s.captures.get("first") == failed.captures.get("first")]
    if before and same:
        yield Finding("port.log-own-port-again", facts=dict(failed.captures), source=same[0].source)
