"""Proxy family, read off the configuration: what would break this app under use. All of it is prediction.

Each was measured with nginx 1.31 (Caddy 2.11 where it is named) before Gradio 6.31. What was measured to be harmless
is not told: proxy_buffering on or off, gzip with buffering off, `encode gzip` of Caddy.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.nginx_text import Line, block, seconds, size
from gradio_doctor.sdk import Absent, Finding, HttpAnswers, Interpreter, Proxies, Route, Source, check

from .proxy_config import place
from .proxy_config_routes import chosen, headers, major

_HEARTBEAT = 15.0  # seconds between two messages of a stream that has nothing to say (Gradio 4 and later)
_PAGE = 20  # requests that a page of Gradio 6 makes at once, at the very least (the core is 17 files)
_STREAM = "text/event-stream"
_TEXT_TYPES = ("text/plain", "text/css", "application/javascript", "application/json", "image/svg+xml")
_MEGABYTE = 1 << 20
_COOKIES = 4096  # bytes of cookies that browsers send along without anybody noticing


def _finding(name: str, route: Route, directive: str, facts: dict[str, str], *changes: Line) -> Finding:
    location = place(route, directive)
    told = facts | {"file": location.file, "line": str(location.line), "route": route.path, "kind": route.kind}
    if changes and route.kind == "nginx":
        told["block"] = block(route, *changes)
    return Finding(name, facts=told, source=Source("file", location.file, location.line), location=location)


@check("proxy-config-stream", finds=("proxy.may-hold-stream", "proxy.may-cut-stream"), cost=0.05)
def proxy_config_stream(
    proxies: Proxies, http: HttpAnswers | Absent, interpreter: Interpreter | Absent
) -> Iterator[Finding]:
    """Would the events of the queue be held back by compression, or cut while a handler computes?"""
    version = major(http, interpreter)
    if version is None or version < 4:
        return
    for route in chosen(proxies, "/gradio_api/queue/data" if version >= 5 else "/queue/data"):
        yield from _held(route)
        yield from _cut(route)


def _held(route: Route) -> Iterator[Finding]:
    gzip, types, buffering = route.get("gzip"), route.get("gzip_types"), route.get("proxy_buffering")
    if gzip is None or gzip.value != "on" or types is None or (buffering is not None and buffering.value == "off"):
        return
    if _STREAM in types.arguments or "*" in types.arguments:
        kept = tuple(t for t in types.arguments if t not in (_STREAM, "*")) or _TEXT_TYPES
        yield _finding("proxy.may-hold-stream", route, "gzip_types", {"types": types.value}, ("gzip_types", *kept))


def _cut(route: Route) -> Iterator[Finding]:
    name = {"nginx": "proxy_read_timeout", "caddy": "read_timeout"}.get(route.kind, "")
    said = route.get(name) if name else None
    limit = seconds(said.value) if said is not None else None
    if said is not None and limit is not None and 0 < limit < _HEARTBEAT:
        facts = {"setting": f"{name} {said.value}", "seconds": f"{limit:g}"}
        yield _finding("proxy.may-cut-stream", route, name, facts, (name, "300s"))


@check("proxy-config-websocket", finds=("proxy.may-refuse-websocket",), cost=0.05)
def proxy_config_websocket(
    proxies: Proxies, http: HttpAnswers | Absent, interpreter: Interpreter | Absent
) -> Iterator[Finding]:
    """Gradio 3 needs a WebSocket: does nginx pass the upgrade on?"""
    if major(http, interpreter) != 3:
        return
    for route in chosen(proxies, "/queue/join"):
        if route.kind != "nginx" or any(u.scheme not in ("http", "https") for u in route.upstreams):
            continue
        told = headers(route)
        connection = told.get("connection", "")
        passes = bool(told.get("upgrade")) and (connection.lower() == "upgrade" or "$" in connection)
        if not passes:
            yield _finding(
                "proxy.may-refuse-websocket", route, "proxy_pass", {}, ("proxy_http_version", "1.1"),
                ("proxy_set_header", "Upgrade", "$http_upgrade"), ("proxy_set_header", "Connection", "upgrade"),
            )


@check(
    "proxy-config-limits", cost=0.05,
    finds=("proxy.may-refuse-page", "proxy.may-refuse-upload", "proxy.may-refuse-cookies", "proxy.may-serve-stale"),
)
def proxy_config_limits(
    proxies: Proxies, http: HttpAnswers | Absent, interpreter: Interpreter | Absent
) -> Iterator[Finding]:
    """Would it refuse what a page or an upload of Gradio needs, or hand one user's answer to another?"""
    version = major(http, interpreter)
    if version is None:
        return
    api = "/gradio_api" if version >= 5 else ""
    for route in chosen(proxies, "/assets/index.js"):
        yield from _rate(route)
    for route in chosen(proxies, f"{api}/upload"):
        yield from _upload(route)
    for route in chosen(proxies, "/config"):
        yield from _cookies(route)
        yield from _cached(route)


def _rate(route: Route) -> Iterator[Finding]:
    if (dry := route.get("limit_req_dry_run")) is not None and dry.value == "on":
        return
    for limit in route.all("limit_req"):
        options = dict(a.partition("=")[::2] for a in limit.arguments)
        zone, burst = options.get("zone", ""), options.get("burst", "0")
        rate = next((r for z in route.all("limit_req_zone") if (r := _zone_rate(z.arguments, zone)) is not None), None)
        if rate is not None and _is_count(burst) and int(burst) + rate < _PAGE:
            facts = {"zone": zone, "rate": f"{rate:g}", "burst": burst}
            mended = tuple(a for a in limit.arguments if not a.startswith(("burst=", "delay=")) and a != "nodelay")
            yield _finding(
                "proxy.may-refuse-page", route, "limit_req", facts, ("limit_req", *mended, "burst=200", "nodelay")
            )
            return


def _zone_rate(arguments: tuple[str, ...], zone: str) -> float | None:
    """The requests per second that a zone admits, None for another zone or one that is not counted by client."""
    options = dict(a.partition("=")[::2] for a in arguments[1:])
    number, unit = options.get("rate", "")[:-3], options.get("rate", "")[-3:]
    if options.get("zone", "").partition(":")[0] != zone or arguments[0].strip("{}") not in _BY_CLIENT:
        return None
    if not _is_count(number) or unit not in ("r/s", "r/m"):
        return None
    return int(number) / (60 if unit == "r/m" else 1)


def _is_count(text: str) -> bool:
    """True for digits, and no more of them than a setting could mean."""
    return text.isascii() and text.isdigit() and len(text) < 10


_BY_CLIENT = ("$binary_remote_addr", "$remote_addr")


def _upload(route: Route) -> Iterator[Finding]:
    said = route.get("client_max_body_size")
    limit = size(said.value) if said is not None else _MEGABYTE
    if route.kind == "nginx" and limit is not None and 0 < limit <= _MEGABYTE:
        name, value = "client_max_body_size", said.value if said else "1m"
        facts = {"limit": value, "setting": f"{name} {value}" if said else "nginx's default"}
        yield _finding("proxy.may-refuse-upload", route, name, facts, (name, "200m"))


def _cookies(route: Route) -> Iterator[Finding]:
    said = route.get("large_client_header_buffers")
    limit = size(said.arguments[1]) if said is not None and len(said.arguments) == 2 else None
    if said is not None and limit is not None and limit < _COOKIES:
        facts = {"setting": f"{said.name} {said.value}", "limit": str(limit)}
        yield _finding("proxy.may-refuse-cookies", route, said.name, facts)


def _cached(route: Route) -> Iterator[Finding]:
    zone, key = route.get("proxy_cache"), route.get("proxy_cache_key")
    if route.kind != "nginx" or zone is None or zone.value == "off" or route.get("proxy_no_cache"):
        return
    by_user = key is not None and any(w in key.value for w in ("cookie", "authorization", "session"))
    lasting = [v for v in route.all("proxy_cache_valid") if len(v.arguments) == 1 or {"200", "any"} & {*v.arguments}]
    if lasting and not by_user and not route.get("proxy_cache_bypass"):
        facts = {"setting": f"proxy_cache {zone.value}", "valid": lasting[0].value}
        yield _finding("proxy.may-serve-stale", route, "proxy_cache", facts, ("proxy_cache", "off"))
