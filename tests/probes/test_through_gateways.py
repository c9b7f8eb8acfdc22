"""Gateways recognised by what their sources and manuals say that they send."""

from __future__ import annotations

import pytest

from gradio_doctor.evidence import HttpAnswer
from gradio_doctor.probes.through.gateways import is_gateway, made_itself, wall, who_spoke
from gradio_doctor.probes.through.page import asset_of, assets


def said(status: int, body: str = "", **headers: str) -> HttpAnswer:
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    return HttpAnswer("page", "GET", "http://x/", "answered", 0.01, status, named, body)


@pytest.mark.parametrize(
    ("answer", "gateway"),
    [
        (said(502, "<center><h1>502 Bad Gateway</h1></center><hr><center>nginx/1.27</center>"), "nginx"),
        (said(404, "<hr><center>openresty</center>"), "nginx"),
        (said(200, "x", server="nginx/1.31.3"), "nginx"),
        (said(502, "", server="Caddy"), "caddy"),
        (said(200, "{}", server="uvicorn", via="1.1 Caddy"), "caddy"),
        (said(404, "404 page not found\n", content_type="text/plain; charset=utf-8"), "traefik"),
        (said(502, "Bad Gateway", content_type="text/plain; charset=utf-8"), "traefik"),
        (said(503, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n"),
         "haproxy"),
        (said(503, "no healthy upstream", server="envoy"), "envoy"),
        (said(503, "upstream connect error or disconnect/reset before headers. reset reason: connection"), "envoy"),
        (said(502, "<p>The proxy server received an invalid\r\nresponse from an upstream server.", server="Apache"),
         "apache"),
        (said(521, "error code: 521", server="cloudflare", cf_ray="8a"), "cloudflare"),
        (said(504, "<center><h1>504 Gateway Time-out</h1></center>", server="awselb/2.0"), "alb"),
        (said(404, "default backend - 404"), "kubernetes"),
        (said(503, "<img src=https://huggingface.co/front/assets/huggingface_logo.svg>"), "huggingface"),
        (said(500, "Internal Server Error", server="gunicorn"), "gunicorn"),
        (said(200, "{}", server="uvicorn"), "uvicorn"),
        (said(200, "hello"), ""),
    ],
)
def test_who_spoke(answer: HttpAnswer, gateway: str) -> None:
    assert who_spoke(answer) == gateway
    assert is_gateway(who_spoke(answer)) == (gateway not in ("", "uvicorn", "gunicorn"))


def test_who_made_an_answer() -> None:
    good = said(200, server="uvicorn")
    not_found = said(404, '{"detail":"Not Found"}', server="nginx", content_type="application/json")
    assert made_itself(not_found, good) is False  # the app's own answer, passed on
    assert made_itself(said(404, "<center>nginx</center>", server="nginx"), good) is True
    assert made_itself(said(502, "", server="Caddy"), good) is True
    assert made_itself(said(500, "oops", server="nginx"), said(500)) is None
    assert made_itself(said(200, server="nginx"), good) is False
    assert made_itself(HttpAnswer("page", "GET", "x", "refused", 0.1), good) is None


def test_logins_are_recognised() -> None:
    good = said(200, "app")
    assert wall(said(401, www_authenticate="[redacted]"), "", good) == "basic"
    assert wall(said(401), "", good) == "form"
    assert wall(said(401), "", said(401)) == ""  # the app asks for it itself
    assert wall(said(302), "/oauth2/start?rd=/", good) == "redirect"
    assert wall(said(302), "https://me.cloudflareaccess.com/x", good) == "redirect"
    assert wall(said(302), "/gradio/", good) == ""
    assert wall(said(403, "<title>Just a moment...</title>"), "", good) == "challenge"
    assert wall(said(403, "<center>nginx</center>"), "", good) == ""
    assert wall(said(200, "<input type='password'>"), "", good) == "form"
    assert wall(said(200, "<input type='password'>"), "", said(200, '<input type="password">')) == ""


def test_assets_are_where_a_browser_looks_for_them() -> None:
    page = b'<script type="module" src="./assets/index-1.js"></script><link href="https://cdn.example/x.css">'
    assert assets(page, "/") == ["/assets/index-1.js"]
    assert assets(page, "/sub/") == ["/sub/assets/index-1.js"]
    assert assets(page, "/sub") == ["/assets/index-1.js"]  # without the slash a browser looks beside it
    assert assets(b'<base href="./" />' + page, "/sub/") == ["/sub/assets/index-1.js"]
    assert assets(b'<script src="//other.example/assets/a.js">', "/") == []
    assert asset_of("/sub/assets/index-1.js", "/mount") == "/mount/assets/index-1.js"
    assert asset_of("/theme.css", "/mount") == ""
