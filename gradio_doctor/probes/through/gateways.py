"""Who spoke: gateways recognised by their headers and by the pages that they make themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gradio_doctor.evidence import HttpAnswer
from gradio_doctor.evidence.proxied import Gateway, Wall

# What a gateway writes into an answer that it makes itself (from each program's source), most telling first.
_OWN_PAGES: tuple[tuple[str, Gateway], ...] = (
    ("default backend - 404", "kubernetes"),
    ("response 404 (backend NotFound)", "kubernetes"),
    ("<center>nginx", "nginx"), ("<center>openresty", "nginx"), ("<center>tengine", "nginx"),
    ("<center>cloudflare", "cloudflare"), ("cf-error-details", "cloudflare"), ("error code: 5", "cloudflare"),
    ("error code: 10", "cloudflare"), ("challenges.cloudflare.com", "cloudflare"),
    ("upstream connect error or disconnect/reset", "envoy"), ("no healthy upstream", "envoy"),
    ("upstream request timeout", "envoy"),
    ("No server is available to handle this request", "haproxy"),
    ("Request forbidden by administrative rules", "haproxy"),
    ("You have sent too many requests in a given amount of time", "haproxy"),
    ("Your browser didn't send a complete request in time", "haproxy"),
    ("The server didn't respond in time", "haproxy"), ("Your browser sent an invalid request", "haproxy"),
    ("The server returned an invalid or incomplete response", "haproxy"),
    ("Client sent an HTTP request to an HTTPS server", "caddy"),
    ("The proxy server received an invalid", "apache"), ("The proxy server could not handle the request", "apache"),
    ("due to maintenance downtime or capacity", "apache"), ("<address>Apache", "apache"),
    ("huggingface.co/front/assets", "huggingface"), ("Your space is in error", "huggingface"),
)
_SERVERS: tuple[tuple[str, Gateway], ...] = (
    ("nginx", "nginx"), ("openresty", "nginx"), ("tengine", "nginx"), ("caddy", "caddy"), ("envoy", "envoy"),
    ("istio-envoy", "envoy"), ("apache", "apache"), ("cloudflare", "cloudflare"), ("awselb", "alb"),
    ("traefik", "traefik"), ("haproxy", "haproxy"), ("gunicorn", "gunicorn"), ("uvicorn", "uvicorn"),
)
_MARKS: tuple[tuple[str, Gateway], ...] = (
    ("cf-ray", "cloudflare"), ("x-proxied-replica", "huggingface"), ("x-proxied-host", "huggingface"),
    ("x-envoy-upstream-service-time", "envoy"), ("x-amzn-trace-id", "alb"), ("x-haproxy-server-state", "haproxy"),
)
# The whole body of Go's and Node's error answers, and who sends it.
_SHORT_PAGES: Mapping[str, Gateway] = {
    "404 page not found": "traefik", "Bad Gateway": "traefik", "Gateway Timeout": "traefik",
    "Service Unavailable": "traefik", "no available server": "traefik",
}
_LOGINS = (
    "/oauth2/", "/login", "/signin", "/sign_in", "/sso/", "/saml", "/auth/", "/authorize", "accounts.google.",
    "login.microsoftonline.", "cloudflareaccess.com", "auth0.com", "okta.com", "/realms/", "authelia", "authentik",
)
_PASSWORD = re.compile(r"""type ?= ?["']?password\b""", re.IGNORECASE)
_REDIRECTS = (301, 302, 303, 307, 308)
_CHALLENGES = ("Just a moment...", "challenge-platform", "challenges.cloudflare.com", "awsWafCookieDomainList")
_GATEWAYS = frozenset({"nginx", "caddy", "traefik", "haproxy", "envoy", "apache", "cloudflare", "alb", "kubernetes",
                       "huggingface"})


def who_spoke(answer: HttpAnswer) -> Gateway:
    """The gateway (or server) whose marks an answer bears, "" when it bears none."""
    body, headers = answer.body, answer.headers or {}
    if answer.status is not None and answer.status >= 400:
        own = _first(_OWN_PAGES, lambda text: text in body)
        if own:
            return own
    server = headers.get("server", "").lower()
    named = _first(_SERVERS, server.startswith)
    if named in ("", "uvicorn", "gunicorn"):  # Caddy passes the app's own Server header on, and names itself in Via
        via = headers.get("via", "").lower()
        named = _first(_SERVERS, lambda text: text in via) or named
    if named and named not in ("uvicorn", "gunicorn"):
        return named
    marked = _first(_MARKS, lambda text: text in headers)
    if marked or named:
        return marked or named
    plain = headers.get("content-type", "").startswith("text/plain")
    return _SHORT_PAGES.get(body.strip(), "") if plain or body.strip() == "404 page not found" else ""


def _first(table: tuple[tuple[str, Gateway], ...], fits: Callable[[str], bool]) -> Gateway:
    for text, kind in table:
        if fits(text):
            return kind
    return ""


def made_itself(answer: HttpAnswer, direct: HttpAnswer | None) -> bool | None:
    """True when a gateway made this answer, False when it passed one of the app's on, None when nobody can tell."""
    if answer.status is None:
        return None
    if (answer.headers or {}).get("content-type", "").startswith("application/json") and '"detail"' in answer.body:
        return False
    if answer.status >= 400 and any(text in answer.body for text, _ in _OWN_PAGES):
        return True
    gateway = who_spoke(answer)
    if gateway in ("uvicorn", "gunicorn", ""):
        return False if gateway else None
    if answer.status in (502, 503, 504) or 520 <= answer.status <= 530:
        return direct is None or direct.status != answer.status
    if answer.status >= 400 or answer.status in _REDIRECTS:
        return True if direct is None or direct.status != answer.status else None
    return False


def is_gateway(kind: Gateway) -> bool:
    """True for what stands in front of an app, False for the servers that run one."""
    return kind in _GATEWAYS


def wall(answer: HttpAnswer, location: str, direct: HttpAnswer | None) -> Wall:
    """The kind of login that an answer is, "" when it is none, or when the app itself answers like that.

    `location` is where it redirects to, or where the redirects that were followed led.
    """
    if direct is not None and direct.status == answer.status and (answer.status or 0) >= 400:
        return ""
    headers, body = answer.headers or {}, answer.body
    if answer.status in (403, 429, 503) and any(text in body for text in _CHALLENGES):
        return "challenge"
    if answer.status == 401:
        return "basic" if "www-authenticate" in headers else "form"
    if answer.status == 407:
        return "basic"
    if answer.status in (200, *_REDIRECTS) and any(text in location.lower() for text in _LOGINS):
        return "redirect"
    login_page = answer.status == 200 and _PASSWORD.search(body)
    return "form" if login_page and (direct is None or not _PASSWORD.search(direct.body)) else ""
