"""Proxy family, live: does what the app sends come through whole and in time, and what the browser sends as well?"""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Exchange, Finding, ProxyAnswers, Source, StreamHeard, check

from .proxy_live import found

_LISTENED = 0.7  # seconds; less would be too short to say that no event comes
_SILENCE = 0.4  # seconds without a byte before the end: then it was a time-out that ended the stream
_OF_A_PAGE = ("page", "config", "asset", "door", "events")  # what nobody can use a page of Gradio without
_HEADER_REFUSALS = (400, 413, 414, 431, 494, 500, 502)


@check("proxy-live-stream", cost=1.5, finds=("proxy.live-stream-held", "proxy.live-stream-compressed",
                                             "proxy.live-stream-cut", "proxy.live-stream-timed-out",
                                             "proxy.live-stream-http1"))
def proxy_live_stream(proxied: ProxyAnswers) -> Iterator[Finding]:
    """The first event comes at once without the proxy: does it with it, and does the stream stay open?

    Where HTTP/2 is offered, browsers take it: then that stream counts. nginx 1.31 that ends TLS holds back over
    HTTP/1.1 what it passes on at once over HTTP/2 (measured).
    """
    stream, direct = proxied.second_stream or proxied.stream, proxied.direct_stream
    if stream is None or direct is None or direct.first is None or stream.status not in (0, 200):
        return
    if stream.content_type and "event-stream" not in stream.content_type:
        return  # something else answered, which other checks tell
    name = _stream_fault(stream)
    facts = {
        "public": proxied.public, "listened": f"{stream.listened:.1f}", "encoding": stream.encoding,
        "at_once": f"{direct.first:.2f}", "gateway": stream.gateway or "the proxy",
        "seconds": f"{(stream.ended or 0.0) - (stream.last or 0.0):.1f}",
    }
    source = Source("http", proxied.public)
    if not name and proxied.stream is not stream and proxied.stream and _stream_fault(proxied.stream):
        yield Finding("proxy.live-stream-http1", facts=facts, source=source, witness="through:stream")
    for one in ("proxy.live-stream-held", "proxy.live-stream-compressed", "proxy.live-stream-cut",
                "proxy.live-stream-timed-out"):
        if one == name:
            yield Finding(one, facts={k: v for k, v in facts.items() if v}, source=source, witness="through:stream")


def _stream_fault(stream: StreamHeard) -> str:
    if stream.ended is not None:
        silence = stream.ended - (stream.last or 0.0)
        timed_out = stream.first is not None and silence >= _SILENCE
        return "proxy.live-stream-timed-out" if timed_out else "proxy.live-stream-cut"
    if stream.first is None and stream.listened >= _LISTENED:
        return "proxy.live-stream-compressed" if stream.encoding else "proxy.live-stream-held"
    return ""


@check("proxy-live-second", cost=1.5, finds=("proxy.live-http2-fails",))
def proxy_live_second(proxied: ProxyAnswers) -> Iterator[Finding]:
    """The page comes over HTTP/1.1: does it over HTTP/2, too, which browsers prefer?"""
    page, second = proxied.get("page"), proxied.second
    if page is None or second is None or page.status >= 400:
        return
    answer = second.through
    fails = answer.outcome != "answered" or second.status == 421 or second.status >= 500
    facts = {"public": proxied.public, "status": str(second.status or answer.outcome), "error": answer.error,
             "gateway": second.gateway or "the proxy"}
    source = Source("http", proxied.public)
    yield Finding("proxy.live-http2-fails", fails, {k: v for k, v in facts.items() if v}, source, witness="through:h2")


@check("proxy-live-upgrade", cost=1.5, finds=("proxy.live-no-upgrade",))
def proxy_live_upgrade(proxied: ProxyAnswers) -> Iterator[Finding]:
    """Gradio 3 refuses a WebSocket for an unknown path with 403; as a plain request it is not found (404)."""
    upgrade = proxied.get("upgrade")
    if upgrade is None or upgrade.direct is None or upgrade.direct.status not in (101, 403):
        return
    if upgrade.status in (400, 404, 405, 426):
        yield found("proxy.live-no-upgrade", proxied, upgrade, path="/queue/join")


@check("proxy-live-rate", cost=1.5, finds=("proxy.live-rate-limited", "proxy.live-limits-page",
                                           "proxy.live-limited-at-once"))
def proxy_live_rate(proxied: ProxyAnswers) -> Iterator[Finding]:
    """Are requests refused for their number: after a few, those of a page among them, or from the first one on?"""
    page, stream, asked = proxied.get("page"), proxied.stream, proxied.exchanges
    if page is None or proxied.wall:
        return
    admitted = any(e.status and not _limited(e) and e.status < 500 for e in asked)
    limited = next((e for e in asked if _limited(e)), None)
    if limited is not None and not admitted:
        if page.status == 429:
            yield found("proxy.live-limited-at-once", proxied, page, refused_first="429")
        return
    streamed = stream is not None and stream.status in (429, 503) and page.status < 400
    if limited is None and not streamed:
        return
    refused = limited or page
    facts = {"status": str(limited.status)} if limited else {"status": str(stream.status if stream else 0)}
    yield found("proxy.live-rate-limited", proxied, refused, **facts)
    needed = [e for e in asked if e.probe in _OF_A_PAGE and _limited(e)]
    if needed or streamed:
        path = {} if needed else {"path": "the event stream"}
        yield found("proxy.live-limits-page", proxied, needed[0] if needed else page, **facts, **path)


@check("proxy-live-limits", cost=1.5, finds=("proxy.live-cookie-refused", "proxy.live-body-refused"))
def proxy_live_limits(proxied: ProxyAnswers) -> Iterator[Finding]:
    """Are requests refused for their size?"""
    if any(_limited(e) for e in proxied.exchanges):
        return
    cookie = proxied.get("cookie")
    if cookie is not None and cookie.direct is not None and cookie.direct.status != cookie.status and (
        cookie.status in _HEADER_REFUSALS or cookie.through.outcome == "reset"
    ):
        yield found("proxy.live-cookie-refused", proxied, cookie)
    upload = next((e for e in proxied.every("upload") if e.status == 413), None)
    if upload is not None and not (upload.direct and upload.direct.status == 413):
        yield found("proxy.live-body-refused", proxied, upload, bytes="10000000")


def _limited(exchange: Exchange) -> bool:
    """True for a refusal by the proxy's own limit: 429, or nginx's 503 (it says 502 and 504 of an upstream)."""
    if exchange.status == 429:
        return exchange.own is not False
    return exchange.status == 503 and exchange.gateway == "nginx" and exchange.own is not False and (
        exchange.probe not in ("page", "retry")
    )
