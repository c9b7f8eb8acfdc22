"""What the checks make of answers through a proxy beside those of the app: each fault, and the healthy twins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from gradio_doctor.evidence import (
    Directive,
    Exchange,
    HttpAnswer,
    ProxyAnswers,
    Route,
    StreamHeard,
    TlsLook,
    UpstreamTried,
)
from gradio_doctor.evidence.proxied import ResolverAsked
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding

APP, PUBLIC = "http://127.0.0.1:7860", "http://example.com/"
NGINX = "<center><h1>{0}</h1></center><hr><center>nginx</center>"


def answer(status: int | None, *, url: str = PUBLIC, outcome: str = "answered", body: str = "", seconds: float = 0.01,
           header_bytes: int = 200, error: str = "", **headers: str) -> HttpAnswer:
    told = {k.replace("_", "-"): v for k, v in headers.items()}
    return HttpAnswer("x", "GET", url, outcome, seconds, status, told, body, error, header_bytes=header_bytes)  # type: ignore[arg-type]


def exchange(probe: str, status: int | None, direct: int | None = 200, *, own: bool | None = None,
             gateway: str = "nginx", **more: object) -> Exchange:
    through = answer(status, **{"url": PUBLIC + probe, **more})  # type: ignore[arg-type]
    made = own if own is not None else (status is not None and status >= 400)
    beside = answer(direct, url=APP) if direct is not None else None
    return Exchange(probe, through, beside, gateway, made)  # type: ignore[arg-type]


HEALTHY = ProxyAnswers(
    PUBLIC, True, "answers",
    (exchange("page", 200), exchange("config", 200), exchange("pool", 200, None), exchange("asset", 200),
     exchange("cookie", 405, 405), exchange("burst", 405, None)),
    app_url=APP, listening=(("127.0.0.1", 7860),), version="6.31.0", root="http://example.com", direct_root=APP,
    here=True, reached=True, stream=StreamHeard("answered", 0.8, 200, 0.01, 0.01, content_type="text/event-stream"),
    direct_stream=StreamHeard("answered", 0.1, 200, 0.01, 0.01, content_type="text/event-stream"),
)


def with_page(status: int | None, *others: Exchange, **more: object) -> ProxyAnswers:
    page = exchange("page", status, **more)  # type: ignore[arg-type]
    return replace(HEALTHY, exchanges=(page, *others), reached=None, root=None, stream=None, direct_stream=None)


def instead(*changed: Exchange) -> ProxyAnswers:
    """The healthy answers, some of them changed (or added)."""
    new = {e.probe: e for e in changed}
    kept = tuple(new.pop(e.probe, e) for e in HEALTHY.exchanges)
    return replace(HEALTHY, exchanges=(*kept, *new.values()))


def findings(loaded: Loaded, proxied: ProxyAnswers) -> list[Finding]:
    every: list[Finding] = []
    for check in loaded.checks:
        if check.id.startswith("proxy-live-"):
            every += check(**{need.parameter: proxied for need in check.needs})
    return every


def first(loaded: Loaded, proxied: ProxyAnswers) -> str:
    ranking = rank(loaded.knowledge, merged(findings(loaded, proxied)))
    best = next(iter(ranking.probability), "")
    return best if best and ranking.probability[best] > ranking.unknown else ""


def names(found: Iterable[Finding]) -> set[str]:
    return {f.id for f in found if f.seen}


SECOND = exchange("second", 200, None)
HELD, QUICK = StreamHeard("timeout", 2.0), HEALTHY.stream
SILENT = with_page(None, exchange("retry", None, None, outcome="timeout"), outcome="timeout", seconds=3.0)
LIMITED = Route("nginx", "n.conf", 1, settings=(Directive("limit_req", ("zone=a",), "n.conf", 2),))
RIGHT = UpstreamTried("http://127.0.0.1:7860", "answered", 200, True)
UNRESOLVED = UpstreamTried("http://app:7860", "dns")


def asked(outcome: str) -> ResolverAsked:
    return ResolverAsked("app", "10.0.0.1", outcome)  # type: ignore[arg-type]


FAULTS = {
    "the queue is forbidden": (instead(exchange("door", 403, 400)), "proxy.auth"),
    "the stream's path is forbidden": (instead(exchange("door", 400, 400, own=False), exchange("events", 403, 405)),
                                       "proxy.auth"),
    "POST is refused": (instead(exchange("door", 405, 400), exchange("door-path", 405, 405, own=False)), "proxy.auth"),
    "the queue needs a login": (instead(exchange("door", 302, 400, location="/login")), "proxy.auth"),
    "nobody knows the app, the queue is forbidden": (
        replace(instead(exchange("door", 403, None)), app="unknown"), "proxy.auth"),
    "a file where the queue is": (instead(exchange("door", 405, 400), exchange("door-path", 404, 405)),
                                  "proxy.root-path"),
    "no queue": (instead(exchange("door", 404, 400)), "proxy.root-path"),
    "the queue under another path": (instead(exchange("door", 404, 400, own=False)), "proxy.root-path"),
    "a page for the queue": (instead(exchange("door", 200, 400)), "proxy.root-path"),
    "the queue is elsewhere": (instead(exchange("door", 502, 400)), "proxy.wrong-upstream"),
    "503 for all": (with_page(503, exchange("retry", 503, None), exchange("config", 503)), "proxy.wrong-upstream"),
    "503 for all, HAProxy": (with_page(503, exchange("config", 503), gateway="haproxy"), "proxy.wrong-upstream"),
    "503 at once, with a limit": (replace(with_page(503), route=LIMITED), "proxy.rate-limited"),
    "429 for all": (with_page(429, exchange("config", 429)), "proxy.rate-limited"),
    "a resolver that is not there": (replace(SILENT, resolver=asked("refused"), upstreams=(RIGHT,)), "proxy.dns"),
    "a resolver that is silent": (replace(with_page(502), resolver=asked("silent"), upstreams=(RIGHT,)), "proxy.dns"),
    "a resolver in a container": (replace(SILENT, resolver=asked("unknown"), upstreams=(RIGHT,)), "proxy.dns"),
    "no resolver": (replace(with_page(502), resolver=asked("none"), upstreams=(RIGHT,)), "proxy.dns"),
    "silence, and a name nobody knows": (replace(SILENT, upstreams=(UNRESOLVED,)), "proxy.dns"),
    "silence, and a firewall before the address": (
        replace(SILENT, upstreams=(UpstreamTried("http://10.9.9.9:7860", "timeout"),),
                listening=(("0.0.0.0", 7860),)), "proxy.wrong-upstream"),
    "silence at the right address": (replace(SILENT, upstreams=(RIGHT,)), "proxy.capacity"),
    "silence, and nothing is known": (SILENT, "proxy.wrong-upstream"),
    "a firewall swallows it": (replace(
        with_page(None, outcome="timeout", seconds=1.0, error="TimeoutError: the connection was not accepted"),
        here=False, listening=(("0.0.0.0", 7860),)), "proxy.not-running"),
    "HTTP/2 is misdirected": (replace(HEALTHY, second=exchange("second", 421, None)), "proxy.tls"),
    "HTTP/2 breaks off": (replace(HEALTHY, second=exchange("second", None, None, outcome="reset")), "proxy.tls"),
    "held back over HTTP/2": (replace(HEALTHY, second=SECOND, second_stream=HELD), "proxy.buffering"),
    "dead": (replace(with_page(502, direct=None), app="dead"), "proxy.upstream-down"),
    "dead, 504": (replace(with_page(504, direct=None, gateway="caddy"), app="dead"), "proxy.upstream-down"),
    "nobody knows the app": (replace(with_page(502, direct=None), app="unknown"), "proxy.upstream-down"),
    "elsewhere": (with_page(502), "proxy.wrong-upstream"),
    "another port": (replace(with_page(502), upstreams=(UpstreamTried("http://127.0.0.1:9", "refused"),)),
                     "proxy.wrong-upstream"),
    "https upstream": (replace(with_page(502), upstreams=(UpstreamTried("https://127.0.0.1:7860", "tls"),)),
                       "proxy.wrong-upstream"),
    "upstream's name": (replace(with_page(502), upstreams=(UpstreamTried("http://app:7860", "dns"),)), "proxy.dns"),
    "proxy elsewhere": (replace(with_page(502), here=False), "port.loopback-only"),
    "other address": (replace(with_page(502), upstreams=(UpstreamTried("http://10.0.0.5:7860", "refused"),)),
                      "port.loopback-only"),
    "an address of no interface": (
        replace(with_page(502), upstreams=(UpstreamTried("http://10.0.0.5:7860", "refused", here=False),)),
        "proxy.wrong-upstream"),
    "silent": (with_page(None, outcome="timeout", seconds=3.0), "proxy.wrong-upstream"),
    "drops": (with_page(None, outcome="reset"), "proxy.capacity"),
    "500 of its own": (with_page(500), "proxy.capacity"),
    "no name": (with_page(None, outcome="dns"), "proxy.dns"),
    "big answer head": (replace(with_page(502, exchange("config", 200)), exchanges=(
        replace(exchange("page", 502), direct=answer(200, header_bytes=9000)), exchange("config", 200))),
        "proxy.header-limits"),
    "small buffer": (with_page(400, body="400 Request Header Or Cookie Too Large"), "proxy.header-limits"),
    "cookie": (instead(exchange("cookie", 400, 405)), "proxy.header-limits"),
    "gives up": (replace(with_page(504, seconds=1.0), exchanges=(
        replace(exchange("page", 504, seconds=1.0), direct=answer(200, seconds=2.0)),)), "proxy.timeout"),
    "limit": (instead(exchange("burst", 503, None)), "proxy.rate-limited"),
    "429": (instead(exchange("config", 429)), "proxy.rate-limited"),
    "upload": (instead(exchange("upload", 413, 405)), "proxy.body-too-large"),
    "forbidden": (with_page(403, exchange("config", 403)), "proxy.auth"),
    "login before a part": (instead(exchange("config", 401)), "proxy.auth"),
    "wrong password": (replace(with_page(401), wall="basic", login_given=True), "proxy.auth"),
    "expired": (replace(HEALTHY, tls=TlsLook("expired", "certificate has expired")), "proxy.tls"),
    "plain port": (replace(with_page(None, outcome="tls"), tls=TlsLook("no-tls", "wrong version number")), "proxy.tls"),
    "TLS port": (with_page(400, body="The plain HTTP request was sent to HTTPS port"), "proxy.tls"),
    "loop": (replace(with_page(301), redirects=(PUBLIC,) * 6, looped=True), "proxy.root-path"),
    "astray": (replace(with_page(302), redirects=(APP + "/gradio/",)), "proxy.root-path"),
    "no path": (with_page(404), "proxy.root-path"),
    "prefix kept": (with_page(404, own=False), "proxy.root-path"),
    "config lost": (replace(instead(exchange("config", 404)), reached=None), "proxy.root-path"),
    "script lost": (instead(exchange("asset", 404)), "proxy.root-path"),
    "another program": (replace(HEALTHY, reached=False), "proxy.wrong-upstream"),
    "root: backend": (replace(HEALTHY, root=APP), "proxy.root-path"),
    "root: port": (replace(HEALTHY, root="http://example.com:81"), "proxy.root-path"),
    "root: name of the upstream": (replace(HEALTHY, root="http://gradio_app"), "proxy.root-path"),
    "root: path": (replace(HEALTHY, root="http://example.com/sub"), "proxy.root-path"),
    "held": (replace(HEALTHY, stream=StreamHeard("timeout", 0.8)), "proxy.buffering"),
    "compressed": (replace(HEALTHY, stream=StreamHeard("answered", 0.8, 200, encoding="gzip")), "proxy.buffering"),
    "cut": (replace(HEALTHY, stream=StreamHeard("answered", 0.1, 200, 0.01, 0.01, 0.02)), "proxy.buffering"),
    "timed out": (replace(HEALTHY, stream=StreamHeard("answered", 0.6, 200, 0.01, 0.01, 0.51)), "proxy.timeout"),
    "no upgrade": (instead(exchange("upgrade", 404, 403)), "proxy.websocket-upgrade"),
}
TWINS = {
    "the queue's door refuses what is no event": instead(exchange("door", 400, 400, own=False),
                                                         exchange("events", 405, 405, own=False)),
    "the queue is closed on both sides": instead(exchange("door", 503, 503, own=False)),
    "the login of the app, before its queue": instead(exchange("door", 401, 401, own=False)),
    "nobody knows the app, its queue refuses": replace(
        instead(exchange("door", 400, None, own=False), exchange("events", 405, None, own=False)), app="unknown"),
    "the router's own 405 in the proxy's name": replace(
        instead(exchange("door", 400, None, own=False), exchange("events", 405, None, own=True)), app="unknown"),
    "an unknown gateway, nobody knows the app": replace(
        instead(replace(exchange("door", 403, None, gateway=""), own=None)), app="unknown"),
    "the queue did not answer in time": instead(exchange("door", None, 400, outcome="timeout")),
    "a login page behind a redirect": replace(HEALTHY, wall="form", redirects=(PUBLIC + "login",), reached=False,
                                              root=None),
    "a challenge with 503": replace(with_page(503), wall="challenge"),
    "a challenge with 429": replace(with_page(429), wall="challenge"),
    "all is well": HEALTHY,
    "the app hangs": replace(with_page(504, direct=None), app="hangs"),
    "the app hangs, so does the proxy": replace(with_page(None, outcome="timeout", direct=None), app="hangs"),
    "the app itself says 500": replace(instead(exchange("page", 500, 500, own=False)), app="errors"),
    "a login": replace(with_page(401), wall="basic"),
    "a redirect to a login": replace(with_page(302), wall="redirect", redirects=("https://sso.example/",)),
    "the login of the app": instead(exchange("config", 401, 401, own=False)),
    "neither the app nor the proxy is there": replace(with_page(None, direct=None, outcome="refused"), app="dead"),
    "HTTP/2, too": replace(HEALTHY, second=SECOND, second_stream=QUICK),
    "held back over HTTP/1.1 alone": replace(HEALTHY, stream=HELD, second=SECOND, second_stream=QUICK),
    "trusted": replace(HEALTHY, tls=TlsLook("trusted", "TLSv1.3", "h2")),
    "the app's public name": replace(HEALTHY, root="https://app.example.org", direct_root="https://app.example.org"),
    "TLS ends before this proxy": replace(HEALTHY, root="https://example.com"),
    "Gradio 3 tells no root": replace(HEALTHY, root=""),
    "the default port is left out": replace(HEALTHY, root="http://example.com:80"),
    "no stream was listened to": replace(HEALTHY, stream=None, direct_stream=None),
    "a stream that the app has not": replace(HEALTHY, stream=StreamHeard("timeout", 0.8),
                                             direct_stream=StreamHeard("answered", 1.0, 404)),
    "listened too short": replace(HEALTHY, stream=StreamHeard("timeout", 0.3)),
    "the app takes no such body": instead(exchange("upload", 413, 413)),
    "the upgrade arrives": instead(exchange("upgrade", 403, 403)),
    "no WebSocket on either side": instead(exchange("upgrade", 404, 404)),
    "several workers": replace(HEALTHY, reached=None),
    "a loopback app, a proxy beside it": replace(HEALTHY, here=False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_first(fault: str, loaded: Loaded) -> None:
    proxied, cause = FAULTS[fault]
    assert first(loaded, proxied) == cause, names(findings(loaded, proxied))


@pytest.mark.parametrize("twin", TWINS)
def test_a_healthy_twin_is_silent(twin: str, loaded: Loaded) -> None:
    found = findings(loaded, TWINS[twin])
    assert first(loaded, TWINS[twin]) == ""
    assert not [n for n in names(found) if loaded.knowledge.findings[n].symptom]


def test_every_finding_of_the_file_is_made_here_and_can_be_told(loaded: Loaded) -> None:
    made = [f for proxied, _ in FAULTS.values() for f in findings(loaded, proxied)]
    made += [f for proxied in TWINS.values() for f in findings(loaded, proxied)]
    declared = {n for n in loaded.knowledge.findings if n.startswith(("proxy.live-", "port.live-"))}
    rare = {"proxy.live-sometimes", "proxy.live-refuses-busy", "proxy.live-nobody-there", "proxy.live-handshake",
            "proxy.live-root-scheme", "proxy.live-other-instance"}
    assert declared - rare <= names(made)
    for finding in made:
        if finding.seen:
            text = loaded.knowledge.findings[finding.id].text
            for prose in (text.en, text.zh):
                prose.format(**finding.facts)  # every placeholder has a fact


def test_what_is_well_speaks_against_a_dead_app(loaded: Loaded) -> None:
    """A log may tell of an outage that is over."""
    unseen = {f.id for f in findings(loaded, HEALTHY) if not f.seen}
    assert unseen == {"proxy.live-upstream-dead"}


@pytest.mark.parametrize(
    ("proxied", "finding"),
    [
        (replace(with_page(503, exchange("retry", 200)), app="answers"), "proxy.live-sometimes"),
        (replace(with_page(503), route=LIMITED), "proxy.live-refuses-busy"),
        (replace(SILENT, exchanges=(SILENT.exchanges[0], exchange("retry", 200, None))), "proxy.live-sometimes"),
        (with_page(None, outcome="refused"), "proxy.live-nobody-there"),
        (replace(HEALTHY, tls=TlsLook("failed", "alert")), "proxy.live-handshake"),
        (replace(HEALTHY, root="http://example.com", exchanges=(
            exchange("page", 200), exchange("config", 200, url="https://example.com/config"))),
         "proxy.live-root-scheme"),
        (replace(instead(exchange("pool", 200, None, body='{"app_id":8}')), reached=False),
         "proxy.live-other-instance"),
    ],
)
def test_the_rarer_ones(proxied: ProxyAnswers, finding: str, loaded: Loaded) -> None:
    assert finding in names(findings(loaded, proxied))
