"""Proxy family, read off the configuration: would the app know its public address? All of it is prediction.

Gradio 4 and later tell the browser where to call them (config.root): the Host or X-Forwarded-Host header, https where
X-Forwarded-Proto says so, and root_path behind it (gradio/route_utils.py get_root_url). Each case was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from gradio_doctor.nginx_text import Line, block
from gradio_doctor.sdk import (
    Absent,
    AppSource,
    Call,
    Environment,
    Finding,
    HttpAnswers,
    Instances,
    Interpreter,
    Proxies,
    Route,
    Source,
    check,
)

from .proxy_config import place
from .proxy_config_routes import headers, major

_STANDARD = {False: "80", True: "443"}


@dataclass(frozen=True)
class _Told:
    """What the app was told of its address: root_path (None: cannot be known) and the path that it is mounted at."""

    root: str | None
    mount: str = ""

    @property
    def is_url(self) -> bool:
        return bool(self.root) and str(self.root).startswith(("http://", "https://"))

    @property
    def path(self) -> str:
        return urlsplit(self.root or "").path.rstrip("/")


def _told(source: AppSource | Absent, environment: Environment | Absent, instances: Instances | Absent) -> _Told:
    """As the source says, else the environment. A server's --root-path, or what cannot be read, leaves it unknown."""
    commands = " ".join(p.command_line for p in instances.main) if isinstance(instances, Instances) else ""
    if isinstance(source, Absent) or "root-path" in commands or "root_path" in commands:
        return _Told(None)
    calls = source.named("mount_gradio_app") or source.named("launch")
    if len(calls) != 1 or not all(_plain(c) for c in calls):
        return _Told(None)
    mount = _text(calls[0], "path") if calls[0].name == "mount_gradio_app" else ""
    root = _text(calls[0], "root_path")
    if root == "" and isinstance(environment, Environment):
        root = environment.variables.get("GRADIO_ROOT_PATH", "")
    return _Told(None if mount is None else root, (mount or "").rstrip("/"))


def _plain(call: Call) -> bool:
    """True when nothing of its keywords is hidden (**options)."""
    return all(s.name not in ("**", "") for s in call.settings)


def _text(call: Call, name: str) -> str | None:
    """The text given for a keyword, "" when it is not given, None when it cannot be read off the source."""
    said = call.get(name)
    if said is None or (said.known and said.value is None):
        return ""
    return said.value if said.known and isinstance(said.value, str) else None


def _finding(name: str, route: Route, directive: str, facts: dict[str, str], *changes: Line) -> Finding:
    location = place(route, directive)
    told = facts | {"file": location.file, "line": str(location.line), "route": route.path, "kind": route.kind}
    if route.kind == "nginx" and changes:
        told["block"] = block(route, *changes)
    return Finding(name, facts=told, source=Source("file", location.file, location.line), location=location)


@check(
    "proxy-config-paths", cost=0.05,
    finds=("proxy.may-lose-sub-path", "proxy.may-miss-path", "proxy.may-double-slash", "proxy.may-miss-mount"),
)
def proxy_config_paths(
    proxies: Proxies, source: AppSource | Absent, environment: Environment | Absent, instances: Instances | Absent,
    http: HttpAnswers | Absent, interpreter: Interpreter | Absent,
) -> Iterator[Finding]:
    """Does the app know the sub-path under which the proxy serves it?"""
    told, version = _told(source, environment, instances), major(http, interpreter)
    if told.root is None or version is None or version < 4:
        return
    for route in _each(proxies):
        prefix = route.path.rstrip("/")
        if prefix and route.path.startswith("/") and all(u.path in ("", "/") for u in route.upstreams):
            yield from _sub_path(route, prefix, route.upstreams[0].path == "/", told)


def _each(proxies: Proxies) -> Iterator[Route]:
    """The routes of the app's page, each once; not those of a part of it (/gradio_api/, /assets/)."""
    seen: set[tuple[str, int]] = set()
    parts = ("/gradio_api", "/assets", "/static", "/queue", "/config", "/theme", "/file", "/upload")
    for route in proxies.ours if proxies.matched != "only" else ():
        if (route.file, route.line) not in seen and not any(p in route.path for p in parts):
            seen.add((route.file, route.line))
            yield route


def _sub_path(route: Route, prefix: str, stripped: bool, told: _Told) -> Iterator[Finding]:
    upstream = route.upstreams[0]
    facts = {"prefix": prefix, "upstream": upstream.url, "known": told.path or told.mount}
    bare = upstream.url.removesuffix("/") if stripped else upstream.url
    by_pass = any(d.name == "proxy_pass" and d.value.endswith("/") for d in route.own)
    if told.mount:
        if stripped and told.mount == prefix:
            yield _finding("proxy.may-miss-mount", route, "proxy_pass", facts, ("proxy_pass", bare))
    elif stripped and by_pass and not route.path.endswith("/") and route.kind == "nginx":
        yield _finding("proxy.may-double-slash", route, "proxy_pass", facts | {"opening": _with_slash(route)})
    elif stripped and told.path != prefix:
        name = "proxy.may-lose-sub-path"
        yield _finding(name, route, "proxy_pass", facts | {"known": told.path or "/"})
    elif not stripped and not told.path:
        yield _finding("proxy.may-miss-path", route, "proxy_pass", facts, ("proxy_pass", bare.rstrip("/") + "/"))


def _with_slash(route: Route) -> str:
    return block(route).replace(route.opening, route.opening.replace(" {", "/ {"), 1)


@check(
    "proxy-config-origin", cost=0.05,
    finds=("proxy.may-lose-port", "proxy.may-lose-host", "proxy.may-lose-scheme"),
)
def proxy_config_origin(
    proxies: Proxies, source: AppSource | Absent, environment: Environment | Absent, instances: Instances | Absent,
    http: HttpAnswers | Absent, interpreter: Interpreter | Absent,
) -> Iterator[Finding]:
    """Does nginx tell the app the host, port and scheme that the browser used?"""
    told, version = _told(source, environment, instances), major(http, interpreter)
    if version is None or version < 4 or told.is_url:
        return
    for route in _each(proxies):
        if route.kind == "nginx" and any(u.scheme in ("http", "https") for u in route.upstreams):
            yield from _origin(route)


def _origin(route: Route) -> Iterator[Finding]:
    said = headers(route)
    public = said.get("x-forwarded-host") or said.get("host") or "$proxy_host"
    fix: tuple[Line, ...] = (
        ("proxy_set_header", "Host", "$http_host"), ("proxy_set_header", "X-Forwarded-Proto", "$scheme"),
    )
    if said.get("x-forwarded-host"):
        fix = (*fix, ("proxy_set_header", "X-Forwarded-Host", "$http_host"))
    ports = {where.rpartition(":")[2] for where in route.listens if not where.startswith("unix:")}
    facts = {"header": public, "port": min(ports, default=""), "upstream": route.upstreams[0].url.removesuffix("/")}
    if public in ("$host", "$server_name") and ports and _STANDARD[route.tls] not in ports:
        yield _finding("proxy.may-lose-port", route, "proxy_set_header", facts, *fix)
    elif public.startswith("$proxy_host"):
        yield _finding("proxy.may-lose-host", route, "proxy_pass", facts, *fix)
    if route.tls and said.get("x-forwarded-proto", "") in ("", "http"):
        yield _finding("proxy.may-lose-scheme", route, "proxy_pass", facts, *fix)
