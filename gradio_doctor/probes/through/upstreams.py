"""The addresses to which the proxy is configured to pass requests, asked from here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import replace

from gradio_doctor.evidence import Route, UpstreamTried
from gradio_doctor.evidence.proxies import Upstream, is_local
from gradio_doctor.probes.exchange import Request, Server, ask
from gradio_doctor.probes.redact import clean
from gradio_doctor.probes.through.app import App, app_id

_MOST = 3
_TIME = re.compile(r"(\d{1,9})(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_HEARTBEAT = 15.0  # seconds between Gradio's own signs of life (gradio/routes.py)


def try_upstreams(route: Route | None, app: App, own: Sequence[str] = ()) -> tuple[UpstreamTried, ...]:
    """Ask each upstream of a route for the app's id. Only HTTP is spoken. `own` are this machine's addresses."""
    upstreams = route.upstreams[:_MOST] if route else ()
    return tuple(replace(_try(u, app), here=_here(u, own)) for u in upstreams if u.scheme in ("http", "https"))


def _here(upstream: Upstream, own: Sequence[str]) -> bool | None:
    """Whether an address is one of this machine's; None for a name, and where they are not known."""
    try:
        ipaddress.ip_address(upstream.host.strip("[]"))
    except ValueError:
        return None
    return is_local(upstream.host, own) if own else None


def _try(upstream: Upstream, app: App) -> UpstreamTried:
    port = upstream.port or (443 if upstream.scheme == "https" else 80)
    server = Server(upstream.host or "localhost", port, upstream.scheme == "https", socket=upstream.socket)
    if server.tls and app.server is not None and not app.server.tls and port in app.ports and not upstream.socket:
        # what is wrong is known already, and to ask would leave a line in the app's log
        return UpstreamTried(clean(upstream.url, 200), "tls", error="the app speaks plain HTTP there")
    path = app.prefix + app.api + "/app_id"
    reply = ask(server, Request("upstream", "GET", path, seconds=1.5))
    answer = reply.answer
    same: bool | None = None
    if answer.status is not None and app.ids:
        same = app_id(reply) in app.ids
    return UpstreamTried(clean(upstream.url, 200), answer.outcome, answer.status or 0, same, answer.error)


def patience(route: Route | None) -> float:
    """Seconds to listen so that a configured time-out that is too short for Gradio is seen; 0 when none is."""
    setting = route.get("proxy_read_timeout") if route else None
    found = _TIME.fullmatch(setting.value) if setting else None
    if found is None:
        return 0.0
    seconds = int(found[1]) * _UNITS[found[2] or ""]
    return seconds + 0.5 if seconds < _HEARTBEAT else 0.0
