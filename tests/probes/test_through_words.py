"""Whose words an answer is: error pages as real gateways send them, and pages of apps that only look like them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import Directive, HttpAnswer, Listener, Listeners, Proxies, Route, Upstream
from gradio_doctor.probes.exchange import Reply, Request, Server
from gradio_doctor.probes.through.app import App, app_id, told
from gradio_doctor.probes.through.gateways import made_itself, wall, who_spoke
from gradio_doctor.probes.through.page import Arrival, arrive, asset_of, assets
from gradio_doctor.probes.through.public import Public, _of_route, is_here, parse_public, route_of
from gradio_doctor.probes.through.upstreams import patience, try_upstreams

HTML, PLAIN = "text/html", "text/plain; charset=utf-8"


def said(status: int, body: str = "", **headers: str) -> HttpAnswer:
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    return HttpAnswer("page", "GET", "http://x/", "answered", 0.01, status, named, body)


GOOD = said(200, "<html>", server="uvicorn")
CENTER = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
HAPROXY = "<html><body><h1>{0}</h1>\n{1}\n</body></html>\n"
APACHE = '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>{0}</title>\n</head><body>\n<p>{1}'
OF_GATEWAYS = {
    "cloudflare, short": (said(502, "error code: 502", server="cloudflare", content_type=PLAIN), "cloudflare"),
    "cloudflare, tunnel": (said(530, "error code: 1033"), "cloudflare"),
    "cloudflare, long": (said(522, '<div id="cf-error-details" class="p-0">', cf_ray="8f1-FRA"), "cloudflare"),
    "cloudflare, 520": (said(520, "", server="cloudflare"), "cloudflare"),
    "alb 502": (said(502, CENTER.format("502 Bad Gateway") + "</body>\r\n</html>\r\n", server="awselb/2.0"), "alb"),
    "alb 503": (said(503, CENTER.format("503 Service Temporarily Unavailable"), server="awselb/2.0"), "alb"),
    "envoy, refused": (said(503, "upstream connect error or disconnect/reset before headers. retried and the latest "
                                 "reset reason: remote connection failure", content_type="text/plain"), "envoy"),
    "envoy, late": (said(504, "upstream request timeout", server="istio-envoy"), "envoy"),
    "envoy, nobody": (said(503, "no healthy upstream", content_type="text/plain"), "envoy"),
    "traefik 502": (said(502, "Bad Gateway", content_type=PLAIN), "traefik"),
    "traefik 504": (said(504, "Gateway Timeout", content_type=PLAIN), "traefik"),
    "traefik, no route": (said(404, "404 page not found\n", content_type=PLAIN), "traefik"),
    "traefik, no server": (said(503, "no available server\n", content_type=PLAIN), "traefik"),
    "haproxy 502": (said(502, HAPROXY.format(
        "502 Bad Gateway", "The server returned an invalid or incomplete response.")), "haproxy"),
    "haproxy 503": (said(503, HAPROXY.format(
        "503 Service Unavailable", "No server is available to handle this request.")), "haproxy"),
    "haproxy 504": (said(504, HAPROXY.format("504", "The server didn't respond in time.")), "haproxy"),
    "haproxy 403": (said(403, HAPROXY.format(
        "403 Forbidden", "Request forbidden by administrative rules.")), "haproxy"),
    "haproxy 429": (said(429, HAPROXY.format(
        "429 Too Many Requests", "You have sent too many requests in a given amount of time.")), "haproxy"),
    "haproxy 400": (said(400, HAPROXY.format("400 Bad request", "Your browser sent an invalid request.")), "haproxy"),
    "apache 502": (said(502, APACHE.format("502", "The proxy server received an invalid\nresponse from")), "apache"),
    "apache 503": (said(503, APACHE.format("503", "The server is temporarily unable to service your\nrequest due to "
                                           "maintenance downtime or capacity\nproblems.")), "apache"),
    "apache 404": (said(404, APACHE.format("404", "<address>Apache/2.4.58 (Ubuntu) Server</address>")), "apache"),
    "ingress-nginx": (said(503, CENTER.format("503") + "<hr><center>nginx</center>\r\n"), "nginx"),
    "kubernetes": (said(404, "default backend - 404", content_type=HTML), "kubernetes"),
    "gke": (said(404, "response 404 (backend NotFound), service rules for the path non-existent \n"), "kubernetes"),
    "caddy": (said(502, "", server="Caddy"), "caddy"),
}


@pytest.mark.parametrize("name", OF_GATEWAYS)
def test_a_gateways_own_page_is_its_own(name: str) -> None:
    answer, gateway = OF_GATEWAYS[name]
    assert who_spoke(answer) == gateway
    assert made_itself(answer, GOOD) is not False


@pytest.mark.parametrize("name", [n for n, (a, _) in OF_GATEWAYS.items() if (a.status or 0) >= 502])
def test_a_bad_gateway_is_made_by_a_gateway_even_when_the_app_cannot_be_asked(name: str) -> None:
    assert made_itself(OF_GATEWAYS[name][0], None) is True


@pytest.mark.parametrize("answer", [
    said(404, '{"detail":"Not Found"}', content_type="application/json", server="nginx/1.27"),
    said(422, '{"detail":[{"msg":"no healthy upstream"}]}', content_type="application/json", server="envoy"),
    said(500, "Internal Server Error", server="uvicorn", content_type=PLAIN),
    said(503, "Service Unavailable", server="gunicorn/22", content_type=PLAIN),
    said(200, "How to read <center>nginx</center> and cf-error-details", server="uvicorn"),
    said(200, "<center>nginx</center>", server="nginx"),
    said(405, '{"detail":"Method Not Allowed"}', content_type="application/json"),
])
def test_what_the_app_says_is_not_taken_for_a_gateways_word(answer: HttpAnswer) -> None:
    assert made_itself(answer, GOOD) is False


@pytest.mark.parametrize("answer", [
    said(200, "the manual says: error code: 502"), said(200, "Bad Gateway"), said(399, "<center>nginx"),
    said(404, "Not Found", content_type=PLAIN), said(502, "Bad Gateway", content_type="application/json"),
    said(503, "Service Unavailable: come back", content_type=PLAIN),
])
def test_without_marks_nobody_is_named(answer: HttpAnswer) -> None:
    assert who_spoke(answer) == ""


@pytest.mark.parametrize("status", [502, 503, 504, 520, 530])
def test_the_apps_own_bad_gateway_comes_through_as_the_apps(status: int) -> None:
    assert made_itself(said(status, "oops", server="nginx"), said(status, "oops")) is False
    assert made_itself(said(status, "oops", server="nginx"), GOOD) is True


@pytest.mark.parametrize(("status", "wanted"), [(519, True), (531, True), (400, True), (399, False), (204, False)])
def test_borders_of_what_a_gateway_may_have_made(status: int, wanted: bool) -> None:
    assert made_itself(said(status, "", server="nginx"), GOOD) is wanted


@settings(max_examples=60, deadline=None)
@given(status=st.integers(100, 599), body=st.text(max_size=60), server=st.text(max_size=20), via=st.text(max_size=20),
       kind=st.sampled_from(["", HTML, PLAIN, "application/json"]))
def test_any_answer_can_be_judged(status: int, body: str, server: str, via: str, kind: str) -> None:
    answer = said(status, body, server=server, via=via, content_type=kind)
    assert wall(answer, body, answer) == "" or status < 400  # the app itself answers like that
    if status < 300:
        assert not made_itself(answer, GOOD)


@pytest.mark.parametrize(("answer", "location", "kind"), [
    (said(503, "<title>Just a moment...</title>"), "", "challenge"),
    (said(429, '<script src="/cdn-cgi/challenge-platform/x">'), "", "challenge"),
    (said(200, "Just a moment..."), "", ""),
    (said(407), "", "basic"), (said(307), "https://login.microsoftonline.com/x", "redirect"),
    (said(308), "/AUTH/realms", "redirect"), (said(300), "/login", ""), (said(302), "", ""),
    (said(404, '<input type="password">'), "", ""),
])
def test_borders_of_walls(answer: HttpAnswer, location: str, kind: str) -> None:
    assert wall(answer, location, GOOD) == kind


def serving(*locations: str, body: bytes = b"") -> tuple[list[str], Callable[[Server, Request], Reply]]:
    """A server that redirects as often as there are locations, and what it was asked."""
    asked: list[str] = []

    def ask(server: Server, request: Request) -> Reply:
        asked.append(server.url(request.path))
        at = len(asked) - 1
        return Reply(said(302, location=locations[at]) if at < len(locations) else said(200), body)

    return asked, ask


def test_redirects_change_port_scheme_and_path_on_the_same_host() -> None:
    asked, ask = serving("https://app.example/gradio/?next=/x", "sub/")
    found = arrive(ask, Server("10.0.0.1", 80, public="app.example"), "/")
    assert asked == ["http://app.example/", "https://app.example/gradio/", "https://app.example/gradio/sub/"]
    assert (found.folder, found.server.tls, found.server.port, found.looped) == ("/gradio/sub", True, 443, False)
    assert found.redirects == ("https://app.example/gradio/", "https://app.example/gradio/sub/")


@pytest.mark.parametrize("location", [
    "http://other.example/", "//other.example/x", "ftp://app/", "http://app:99999/", "http://[::1", "javascript:1",
])
def test_a_redirect_elsewhere_or_nowhere_is_told_not_followed(location: str) -> None:
    asked, ask = serving(location)
    found = arrive(ask, Server("app", 80, public="app"), "/")
    assert len(asked) == len(found.redirects) == 1
    assert (found.location, found.looped) == (location, False)


def test_five_redirects_are_followed_and_six_are_a_loop() -> None:
    assert not arrive(serving(*["/a"] * 5)[1], Server("app", 80), "/").looped
    asked, ask = serving(*["/a"] * 50)
    assert arrive(ask, Server("app", 80), "/").looped
    assert len(asked) == 6


@pytest.mark.parametrize(("status", "body", "wanted"), [
    (200, b"window.__gradio_mode__ = 'app'", True), (200, b"window.gradio_config = {}", True),
    (404, b"window.gradio_config = {}", False), (200, b"<html>Gradio</html>", False),
])
def test_gradios_page_is_known_by_its_marks(status: int, body: bytes, wanted: bool) -> None:
    assert Arrival(Reply(said(status), body), Server("app", 80), "/").is_gradio is wanted


@pytest.mark.parametrize(("page", "wanted"), [
    (b"<script src=/a/assets/x.js></script>", ["/a/assets/x.js"]),
    (b"<link href='assets/x.css'><link href='./assets/x.css'>", ["/app/assets/x.css"]),
    (b'<script src="../assets/x.js">', ["/assets/x.js"]),
    (b'<base href="http://[no"><script src="assets/x.js">', ["/app/assets/x.js"]),
    (b'<base href="https://cdn.example/"><script src="assets/x.js">', []),
    (b'<script src="http://[::1/assets/x.js">', []), (b'<img src="x.png">', []), (b'<script src="x.js', []), (b"", []),
])
def test_assets_of_odd_pages(page: bytes, wanted: list[str]) -> None:
    assert assets(page, "/app/") == wanted


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.text("<>\"'= /[]:.basehrfcj", max_size=60))
def test_no_page_breaks_the_search_for_assets(raw: bytes, text: str) -> None:
    for path in assets(b'<base href="' + text.encode() + b'"><script src="' + raw + b'.js">', "/app/"):
        assert path.startswith("/") and not path.startswith("//")
        assert asset_of(path, "/m").startswith("/m/assets/") or "/assets/" not in path


@pytest.mark.parametrize(("content", "wanted"), [
    (b'{"app_id": 42}', "42"), (b'{"app_id": "x"}', "x"), (b'{"app_id": null}', ""), (b'{"app_id": true}', ""),
    (b'{"app_id": [[1]]}', ""), (b"[1]", ""), (b"{", ""), (b"\xff", ""), (b"[" * 100_000, ""),
    (b'{"app_id": "' + b"x" * 500 + b'"}', "x" * 64),
])
def test_the_id_of_a_process(content: bytes, wanted: str) -> None:
    assert app_id(Reply(said(200), content)) == wanted
    assert told(Reply(said(401), content)) == {}


def timed(value: str) -> Route:
    return Route("nginx", "f", 1, settings=(Directive("proxy_read_timeout", (value,), "f", 1),))


@pytest.mark.parametrize(("value", "wanted"), [
    ("14s", 14.5), ("15s", 0.0), ("500ms", 1.0), ("10", 10.5), ("1m", 0.0), ("$t", 0.0), ("", 0.0), ("-1", 0.0),
    ("9" * 40, 0.0),
])
def test_how_long_a_time_out_is_worth_waiting_for(value: str, wanted: float) -> None:
    assert patience(timed(value)) == wanted
    assert patience(None) == 0.0


def test_upstreams_that_cannot_be_asked_are_told_and_at_most_three() -> None:
    every = (Upstream("uwsgi", "h", 1), Upstream("https", "127.0.0.1", 7860), Upstream("http", socket="/none.sock"),
             Upstream("http", "127.0.0.1", 999999))
    app = App("answers", Server("127.0.0.1", 7860), ids=("1",), ports=(7860,))
    found = try_upstreams(Route("nginx", "f", 1, upstreams=every), app)
    assert [t.outcome for t in found][:1] == ["tls"]
    assert [t.url for t in found] == ["https://127.0.0.1:7860", "http://unix:/none.sock"]
    assert all(t.status == 0 and t.same is None for t in found)
    assert try_upstreams(None, app) == ()


@pytest.mark.parametrize(("listen", "names", "tls", "url"), [
    ("*:80", (), False, "http://127.0.0.1/"), ("[::]:8080", ("_",), False, "http://127.0.0.1:8080/"),
    ("10.0.0.5:443", ("*.x.org", "a.x.org"), True, "https://a.x.org/"), ("*:8443", ("~^a",), True,
                                                                        "https://127.0.0.1:8443/"),
])
def test_the_address_of_a_route(listen: str, names: tuple[str, ...], tls: bool, url: str) -> None:
    found = _of_route(Route("nginx", "f", 1, ("unix:/run/x:1", listen), tls, names))
    assert found is not None
    assert (found.url, found.told) == (url, False)


@pytest.mark.parametrize("listen", ["*:²", "*:0", "*:99999", "*:", "unix:/run/x:80", "*:https", "", "*:80-90"])
def test_what_is_no_port_is_no_address(listen: str) -> None:
    assert _of_route(Route("nginx", "f", 1, (listen,))) is None


@pytest.mark.parametrize("path", ["~ ^/x", "= /app", "/$x", "/a*"])
def test_a_pattern_is_no_address(path: str) -> None:
    assert _of_route(Route("nginx", "f", 1, ("*:80",), path=path)) is None


def test_where_a_public_address_is() -> None:
    public = parse_public("http://127.0.0.1:8080")
    here = Listeners((Listener("127.0.0.1", 8080, 4, 1, 0),))
    assert is_here(public, here, ()) is True
    assert is_here(public, Listeners(()), ()) is False
    assert is_here(Public(Server("no.invalid", 80)), here, ()) in (None, False)
    routes = Route("nginx", "f", 1, ("*:8080",), path="/", upstreams=())

    assert route_of(public, Proxies(routes=(routes,))) is None  # it leads nowhere
