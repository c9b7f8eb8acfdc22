"""Proxy family, live: does the app answer through the proxy, and if not, which hop fails?"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from gradio_doctor.sdk import Exchange, Finding, ProxyAnswers, Source, check

_BAD_GATEWAY = (502, 503, 504, *range(520, 531))
_HEADER_STATUS = (414, 431, 494)
_HEADER_WORDS = ("Header Or Cookie Too Large", "Header Fields Too Large", "URI Too Large", "Header Field Too Large")
_TO_TLS_PORT = ("plain HTTP request was sent to HTTPS port", "HTTP request to an HTTPS server",
                "speaking plain HTTP to an SSL-enabled server port")
_BIG_HEADERS = 3800  # bytes; nginx reads the head of an answer into one page of 4 KiB, or 8 (proxy_buffer_size)
_SLOW = 0.5  # seconds; a page that takes longer may be what the proxy did not wait for
_NOT_ACCEPTED = "not accepted"  # neither taken nor refused (probes/exchange.py)
_LIMITS = ("limit_req", "limit_conn")
_PROBLEMS = {
    "refused": "takes no questions there", "silent": "does not answer", "no-name": "knows no such name",
    "fails": "says that it cannot", "none": "is not configured",
}
_LOOPBACK = ("127.", "::1")


def facts_of(proxied: ProxyAnswers, exchange: Exchange) -> dict[str, str]:
    """What every finding about one exchange tells."""
    answer, direct = exchange.through, exchange.direct
    facts = {
        "public": proxied.public, "url": answer.url, "status": str(answer.status or answer.outcome),
        "gateway": exchange.gateway or "the proxy", "app": proxied.app_url, "method": answer.method,
        "took": f"{answer.seconds:.2f}", "direct": str(direct.status or direct.outcome) if direct else "",
        "sockets": ", ".join(f"{host}:{port}" for host, port in proxied.listening) or proxied.socket,
        "local": proxied.socket,
        "listening": next((str(port) for _, port in proxied.listening), ""),
        "path": urlsplit(answer.url).path,
    }
    return {k: v for k, v in facts.items() if v}


def found(name: str, proxied: ProxyAnswers, exchange: Exchange, **more: str) -> Finding:
    """A finding about one exchange."""
    source = Source("http", exchange.through.url)
    facts = {k: v for k, v in (facts_of(proxied, exchange) | more).items() if v}
    return Finding(name, facts=facts, source=source, witness=f"through:{name}")


def _loopback_only(proxied: ProxyAnswers) -> bool:
    return bool(proxied.listening) and all(host.startswith(_LOOPBACK) for host, _ in proxied.listening)


_REACH = (
    "proxy.live-fine", "proxy.live-upstream-dead", "proxy.live-cannot-reach", "proxy.live-upstream-elsewhere",
    "proxy.live-upstream-scheme", "proxy.live-upstream-name", "port.live-loopback-only", "proxy.live-gives-up",
    "proxy.live-response-header", "proxy.live-request-header", "proxy.live-app-hangs", "proxy.live-gateway-fails",
    "proxy.live-name-unknown", "proxy.live-nobody-there", "proxy.live-nobody-either", "proxy.live-silent",
    "proxy.live-drops", "proxy.live-gateway-error", "proxy.live-sometimes", "proxy.live-refuses-busy",
    "proxy.live-out-of-service", "proxy.live-resolver-fails", "proxy.live-resolver-unknown",
    "proxy.live-stuck",
)


@check("proxy-live-reach", cost=1.5, finds=_REACH)
def proxy_live_reach(proxied: ProxyAnswers) -> Iterator[Finding]:
    """Is there an answer through the proxy, and if the proxy makes one itself: why could it not pass the app's on?"""
    page = proxied.get("page")
    if page is None:
        return
    finding = _reach(proxied, page)
    if finding is not None:
        yield finding
        if finding.id != "proxy.live-upstream-dead" and proxied.app == "answers":
            yield Finding("proxy.live-upstream-dead", seen=False, witness="through:dead")
    elif page.status == 200 and proxied.reached is not False:
        yield found("proxy.live-fine", proxied, page)
        yield Finding("proxy.live-upstream-dead", seen=False, witness="through:dead")


def _reach(proxied: ProxyAnswers, page: Exchange) -> Finding | None:
    answer = page.through
    outcomes = {"dns": "proxy.live-name-unknown", "refused": "proxy.live-nobody-there",
                "unreachable": "proxy.live-nobody-there", "reset": "proxy.live-drops"}
    if proxied.redirects and answer.outcome != "answered":
        return None  # where the redirects lead is another check's
    if proxied.app == "dead":  # it is to be mended first, whatever stands before it
        outcomes |= dict.fromkeys(("refused", "unreachable"), "proxy.live-nobody-either")
    if answer.outcome in outcomes:
        return found(outcomes[answer.outcome], proxied, page, host=urlsplit(proxied.public).hostname or "")
    if answer.outcome == "timeout":
        return _silent(proxied, page)
    if page.status in _HEADER_STATUS or (page.status == 400 and any(w in answer.body for w in _HEADER_WORDS)):
        return found("proxy.live-request-header", proxied, page)
    if proxied.wall:
        return None
    tries = {page.status, *(e.status for e in proxied.every("retry"))}
    if len(tries) > 1 and min(tries) < 500 and max(tries) >= 500:
        return found("proxy.live-sometimes", proxied, page, statuses=", ".join(map(str, sorted(tries))))
    if page.status in _BAD_GATEWAY and page.own is not False:
        return _bad_gateway(proxied, page)
    if page.status == 500 and page.own:
        return found("proxy.live-gateway-error", proxied, page)
    return None


def _silent(proxied: ProxyAnswers, page: Exchange) -> Finding | None:
    if proxied.app == "hangs":
        return found("proxy.live-app-hangs", proxied, page)
    if page.direct is not None and page.direct.seconds >= page.through.seconds:
        return None
    if proxied.app == "answers" and proxied.here is False and _loopback_only(proxied):
        return found("port.live-loopback-only", proxied, page, address=proxied.listening[0][0])
    if proxied.here is not True and proxied.app == "answers" and _NOT_ACCEPTED in page.through.error:
        return found("proxy.live-nobody-there", proxied, page, status=_NOT_ACCEPTED)
    return _misdirected(proxied, page) or _held_up(proxied, page)


def _held_up(proxied: ProxyAnswers, page: Exchange) -> Finding:
    """One silence says little: that the app answers where the proxy is told to ask, and a second one, say more."""
    again = proxied.every("retry")
    if answered := [str(e.status) for e in again if e.status]:
        return found("proxy.live-sometimes", proxied, page, statuses=", ".join(["no answer", *answered]))
    resolver = proxied.resolver
    if resolver is not None and resolver.outcome == "unknown":
        named = {"host": resolver.host, "resolver": resolver.resolver or "-"}
        return found("proxy.live-resolver-unknown", proxied, page, **named)
    right = next((u.url for u in proxied.upstreams if u.same), "")
    if right and again and proxied.app == "answers":
        return found("proxy.live-stuck", proxied, page, asked=right)
    return found("proxy.live-silent", proxied, page)


def _bad_gateway(proxied: ProxyAnswers, page: Exchange) -> Finding:
    """The proxy says that what it asked did not answer. What the app itself is doing tells whose fault that is."""
    if proxied.app == "dead":
        return found("proxy.live-upstream-dead", proxied, page)
    if proxied.app == "hangs":
        return found("proxy.live-app-hangs", proxied, page)
    if proxied.app != "answers" or page.direct is None:
        return found("proxy.live-gateway-fails", proxied, page)
    direct = page.direct
    others = [e for e in proxied.every("config", "pool", "asset") if e.status in (200, 401)]
    if page.status in (500, 502) and direct.header_bytes > _BIG_HEADERS and others:
        return found("proxy.live-response-header", proxied, page, bytes=str(direct.header_bytes))
    if page.status in (504, 524) and direct.seconds >= _SLOW and page.through.seconds < direct.seconds + 0.2:
        return found("proxy.live-gives-up", proxied, page, seconds=f"{page.through.seconds:.1f}",
                     needs=f"{direct.seconds:.1f}")
    if others:
        return found("proxy.live-sometimes", proxied, page, statuses=f"{page.status}, {others[0].status}")
    if page.status == 503 and page.gateway == "nginx":  # nginx says 502 or 504 of an upstream, 503 of its own accord
        return _out_of_service(proxied, page)
    return _elsewhere(proxied, page)


def _out_of_service(proxied: ProxyAnswers, page: Exchange) -> Finding:
    """Whoever counts requests lets the first one through: 503 at once is a limit only where one is configured."""
    limits = proxied.route is not None and any(proxied.route.get(name) for name in _LIMITS)
    if limits:
        return found("proxy.live-refuses-busy", proxied, page)
    return found("proxy.live-out-of-service", proxied, page, closed_with=str(page.status))


def _elsewhere(proxied: ProxyAnswers, page: Exchange) -> Finding:
    """The app answers, the proxy cannot reach it: the address, or the way there, is wrong."""
    if (finding := _misdirected(proxied, page)) is not None:
        return finding
    if proxied.here is False and _loopback_only(proxied):
        return found("port.live-loopback-only", proxied, page, address=proxied.listening[0][0])
    if page.status == 503:
        return _out_of_service(proxied, page)
    return found("proxy.live-cannot-reach", proxied, page)


def _misdirected(proxied: ProxyAnswers, page: Exchange) -> Finding | None:
    """What is wrong with the address that the proxy is configured to ask, as far as that is known."""
    resolver = proxied.resolver
    if resolver is not None and resolver.outcome in _PROBLEMS:
        return found("proxy.live-resolver-fails", proxied, page, host=resolver.host, resolver=resolver.resolver or "-",
                     problem=_PROBLEMS[resolver.outcome])
    for tried in proxied.upstreams:
        host, port = _host_and_port(tried.url)
        loopback = host.startswith(_LOOPBACK) or host == "localhost"
        if tried.outcome == "dns" and resolver is not None and resolver.outcome == "answers":
            continue  # a name that only the proxy's own name server knows
        if tried.outcome == "dns":
            return found("proxy.live-upstream-name", proxied, page, host=host, upstream=tried.url)
        if tried.outcome in ("tls", "invalid") or (tried.outcome == "reset" and not proxied.plain):
            return found("proxy.live-upstream-scheme", proxied, page, upstream=tried.url)
        outer = not loopback and tried.here is not False  # an address that no interface has leads nowhere
        if outer and _loopback_only(proxied) and port in {p for _, p in proxied.listening}:
            return found("port.live-loopback-only", proxied, page, address=proxied.listening[0][0], upstream=tried.url)
        if not tried.same:
            elsewhere = ", ".join(f"{host}:{port}" for host, port in proxied.listening)
            return found("proxy.live-upstream-elsewhere", proxied, page, upstream=tried.url, elsewhere=elsewhere)
    return None


def _host_and_port(upstream: str) -> tuple[str, int | None]:
    """Those of an upstream's URL, without them for what is no URL."""
    try:
        parts = urlsplit(upstream)
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None


_TLS = {
    "expired": "proxy.live-certificate", "not-yet-valid": "proxy.live-certificate",
    "wrong-name": "proxy.live-certificate", "self-signed": "proxy.live-certificate",
    "unknown-issuer": "proxy.live-certificate", "failed": "proxy.live-handshake", "no-tls": "proxy.live-no-tls",
}
_REASONS = {
    "expired": "the certificate has expired", "not-yet-valid": "the certificate is not valid yet",
    "wrong-name": "the certificate is for another name", "self-signed": "the certificate is self-signed",
    "unknown-issuer": "no known authority has issued the certificate",
    "no-tls": "the port speaks plain HTTP, not TLS", "failed": "the TLS handshake fails",
}


@check("proxy-live-tls", cost=1.5, finds=("proxy.live-certificate", "proxy.live-handshake", "proxy.live-no-tls",
                                          "proxy.live-wants-tls"))
def proxy_live_tls(proxied: ProxyAnswers) -> Iterator[Finding]:
    """Would a browser accept the proxy's certificate, and is TLS spoken where the URL says so?"""
    look, page = proxied.tls, proxied.get("page")
    facts = {"public": proxied.public, "host": urlsplit(proxied.public).hostname or ""}
    source = Source("http", proxied.public)
    if look is not None and look.outcome in _TLS:
        facts |= {"reason": _REASONS[look.outcome], "detail": look.detail}
        yield Finding(_TLS[look.outcome], facts=facts, source=source, witness="through:tls")
    elif page is not None and not proxied.redirects and (
        (page.through.outcome == "tls" and look is None)
        or (page.status == 400 and any(words in page.through.body for words in _TO_TLS_PORT))
    ):
        facts |= {"reason": "the port speaks TLS, and the URL says http"}
        yield Finding("proxy.live-wants-tls", facts=facts, source=source, witness="through:tls")
