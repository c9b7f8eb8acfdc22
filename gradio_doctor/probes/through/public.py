"""Where the proxy is to be asked: the URL that a person named, a target that is one, or a route found in its files."""

from __future__ import annotations

import base64
import ipaddress
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from gradio_doctor.errors import UsageError
from gradio_doctor.evidence import Absent, HttpAnswers, Listeners, Proxies, Route
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.exchange import Server, addresses_of
from gradio_doctor.probes.redact import clean, redact_url
from gradio_doctor.probes.through.gateways import is_gateway, who_spoke

_PORTS = {"http": 80, "https": 443}
_SURE = ("public", "port", "socket", "named")  # how a route must have been matched to be asked without being told


@dataclass(frozen=True, slots=True)
class Public:
    """The proxy's address. `prefix` is the path of the app there, without a slash at its end; `told` by a person.

    `authorization` is the value of the header, from the user and password in the URL; it is never recorded.
    """

    server: Server
    prefix: str = ""
    told: bool = True
    authorization: str = ""
    is_target: bool = False

    @property
    def url(self) -> str:
        """The URL as a person writes it."""
        return self.server.url(self.prefix + "/")


def find_public(context: Context) -> Public | Absent:
    """The address to ask, or why there is none. Raises UsageError when --proxy is no URL."""
    if context.options.proxy:
        return parse_public(context.options.proxy)
    if context.target.kind == "url" and context.target.url and _answered_by_gateway(context):
        return replace(parse_public(context.target.url), is_target=True)
    proxies = context.get(Proxies)
    if isinstance(proxies, Proxies) and proxies.ours and proxies.matched in _SURE:
        found = next(filter(None, map(_of_route, proxies.ours)), None)
        if found is not None and is_here(found, context.get(Listeners), proxies.addresses) is False:
            named = f"{found.url} here, which a configuration names"
            return Absent(f"nothing listens on {named}: its proxy runs elsewhere or not")
        if found is not None:
            return found
    return Absent("no proxy is known (--proxy URL names the public address)")


def parse_public(text: str) -> Public:
    """A URL given by a person. Raises UsageError."""
    shown = redact_url(clean(text, 200))
    try:
        parts = urlsplit(text.strip() if "://" in text else f"http://{text.strip()}")
        port = parts.port or _PORTS[parts.scheme]
        host = parts.hostname or ""
        host = host if ":" in host else host.encode("idna").decode()
    except (ValueError, KeyError) as error:
        raise UsageError(f"--proxy {shown}: not a usable URL; give one like https://example.com/app") from error
    if not host or clean(text) != text or any(c.isspace() for c in parts.netloc):
        raise UsageError(f"--proxy {shown}: the URL names no host; give one like https://example.com/app")
    login = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = "Basic " + base64.b64encode(pair.encode()).decode()
    name = f"[{host}]" if ":" in host else host
    public = name if port == _PORTS[parts.scheme] else f"{name}:{port}"
    return Public(Server(host, port, parts.scheme == "https", public), parts.path.rstrip("/"), authorization=login)


def _answered_by_gateway(context: Context) -> bool:
    http = context.get(HttpAnswers)
    return isinstance(http, HttpAnswers) and any(is_gateway(who_spoke(a)) for a in http.answers)


def _of_route(route: Route) -> Public | None:
    if any(c in route.path for c in "~^$*(\\ {"):
        return None
    for listen in route.listens:
        host, _, port = listen.rpartition(":")
        is_port = port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536
        if is_port and not listen.startswith("unix:"):
            host = host.strip("[]")
            host = "127.0.0.1" if host in ("", "*", "0.0.0.0", "::") else host  # noqa: S104
            name = next((n for n in route.names if n != "_" and n[:1] not in "~*." and "*" not in n), "")
            default = _PORTS["https" if route.tls else "http"]
            public = (name or host) if int(port) == default else f"{name or host}:{port}"
            return Public(Server(host, int(port), route.tls, public), route.path.rstrip("/"), told=False)
    return None


def route_of(public: Public, proxies: Proxies | Absent) -> Route | None:
    """The route of this machine's proxies that takes requests for the public address, the most specific one."""
    if isinstance(proxies, Absent):
        return None
    path = public.prefix + "/"
    fitting = [
        r for r in (*proxies.ours, *proxies.routes)
        if any(x.rpartition(":")[2] == str(public.server.port) for x in r.listens) and path.startswith(r.path)
        and r.upstreams
    ]
    return max(fitting, key=lambda r: len(r.path), default=None)


def is_here(public: Public, listeners: Listeners | Absent, own: tuple[str, ...]) -> bool | None:
    """Whether something listens on the public address in this network namespace; None when nobody can tell."""
    if isinstance(listeners, Absent):
        return None
    hosts = list(_numbers(public.server))
    if not hosts:
        return None
    local = [h for h in hosts if ipaddress.ip_address(h).is_loopback or h in own]
    return any(s.covers(h) for s in listeners.on(public.server.port) for h in local)


def _numbers(server: Server) -> Iterator[str]:
    try:
        for _, address in addresses_of(server, time.monotonic() + 0.5):
            yield address[0].partition("%")[0]
    except OSError:
        return
