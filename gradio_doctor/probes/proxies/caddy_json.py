"""The routes of Caddy's own JSON: what `caddy adapt` tells, or what it was configured with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gradio_doctor.evidence import Directive, Route, Upstream
from gradio_doctor.probes.redact import clean

_MOST_DEPTH = 24


def json_routes(config: object, file: str, text: str) -> tuple[Route, ...]:
    """The routes of a configuration. `text` is the Caddyfile that it was made from: lines are looked up in it."""
    servers = _under(_under(_under(config, "apps"), "http"), "servers")
    found: list[Route] = []
    for server in servers.values() if isinstance(servers, dict) else ():
        if not isinstance(server, dict):
            continue
        listens = tuple(_listen(str(w)) for w in _items(server.get("listen")))
        tls = bool(server.get("tls_connection_policies")) or any(w.endswith(":443") for w in listens)
        base = Route("caddy", clean(file, 4096), 1, listens, tls)
        found += _Walk(text.splitlines(), file).routes(server.get("routes"), base, stripped=False, depth=0)
    return tuple(found)


def _listen(written: str) -> str:
    return f"*{written}" if written.startswith(":") else written


def _under(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _items(value: object) -> list[Any]:
    return value[:1000] if isinstance(value, list) else []


@dataclass(frozen=True)
class _Walk:
    """Goes through handlers that hold other handlers."""

    lines: list[str]
    file: str

    def routes(self, routes: object, base: Route, *, stripped: bool, depth: int) -> Iterator[Route]:
        for one in _items(routes) if depth < _MOST_DEPTH else ():
            here = self._matched(base, next(iter(_items(_under(one, "match"))), None))
            strips = stripped
            for handler in _items(_under(one, "handle")):
                kind = _under(handler, "handler")
                strips = strips or bool(_under(handler, "strip_path_prefix"))
                if kind == "subroute":
                    yield from self.routes(_under(handler, "routes"), here, stripped=strips, depth=depth + 1)
                elif kind == "request_body" and isinstance(limit := _under(handler, "max_size"), int):
                    here = replace(here, settings=(*here.settings, self._setting("max_size", str(limit))))
                elif kind == "reverse_proxy":
                    yield self._proxied(handler, here, stripped=strips)
            if _strips_only(one):  # handle_path: one route takes the prefix away for those after it
                stripped = True

    @staticmethod
    def _matched(base: Route, match: object) -> Route:
        hosts, paths = _items(_under(match, "host")), _items(_under(match, "path"))
        if hosts:
            base = replace(base, names=tuple(clean(str(h), 300) for h in hosts))
        if paths:
            path = clean(str(paths[0]), 1000)
            base = replace(base, path=path.removesuffix("*") if path.endswith("*") else f"= {path}")
        return base

    def _proxied(self, handler: Mapping[str, Any], base: Route, *, stripped: bool) -> Route:
        dials = [str(_under(u, "dial") or "") for u in _items(handler.get("upstreams"))]
        transport = handler.get("transport")
        scheme = "https" if isinstance(transport, dict) and "tls" in transport else "http"
        path = "/" if stripped else ""
        upstreams = tuple(_dial(clean(d, 300), scheme, path) for d in dials if d and "{" not in d)
        timeouts = tuple(
            self._setting(name, f"{value / 1e9:g}s") for name in ("read_timeout", "write_timeout")
            if isinstance(value := _under(transport, name), int) and 0 <= value < 1 << 63
        )
        line = next((n for n, text in enumerate(self.lines, 1) if any(d and d in text for d in dials)), 1)
        return replace(base, line=line, upstreams=upstreams, settings=(*timeouts, *base.settings))

    def _setting(self, name: str, value: str) -> Directive:
        line = next((n for n, text in enumerate(self.lines, 1) if name in text), 1)
        return Directive(name, (value,), clean(self.file, 4096), line)


def _strips_only(route: object) -> bool:
    handlers = _items(_under(route, "handle"))
    return bool(handlers) and all(_under(h, "strip_path_prefix") for h in handlers)


def _dial(written: str, scheme: str, path: str) -> Upstream:
    if written.startswith("unix/"):
        return Upstream(scheme, socket=written.removeprefix("unix/"), path=path)
    host, _, port = written.rpartition(":")
    number = int(port[:6]) if port.isascii() and port.isdigit() else None
    return Upstream(scheme, host or "localhost", number, path=path)
