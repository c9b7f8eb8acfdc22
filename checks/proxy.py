"""Proxy family: is the address that the proxy asks the address on which the app listens?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from gradio_doctor.sdk import Finding, LogEvents, LogMatch, check

_IN_VAIN = ("proxy.nginx-refused", "proxy.nginx-connect-timeout", "proxy.go-refused", "proxy.node-refused")
_LISTENING = re.compile(
    r"(?:Running on (?:local URL: {1,3}|all addresses.{0,40})?|Uvicorn running on |Listening at: |Serving on )"
    r"https?://(?P<host>\[[0-9a-fA-F:]{2,40}\]|[\w.\-]{1,100}):(?P<port>\d{2,5})"
)
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")
_CONTAINER = re.compile(r"docker-entrypoint(?:\.sh|\.d)|listen-on-ipv6-by-default|envsubst-on-templates")


def _asked(log: LogEvents) -> Iterator[tuple[LogMatch, str, str, int]]:
    """The addresses that a proxy asked in vain: the match, the upstream as written, its host and its port."""
    for name in _IN_VAIN:
        match = log.get(name)
        for upstream in dict.fromkeys(s.captures.get("upstream", "") for s in match.samples) if match else ():
            try:
                parts = urlsplit(upstream if "://" in upstream else f"http://{upstream}")
                port = parts.port or {"https": 443}.get(parts.scheme, 80)
            except ValueError:
                continue
            if match is not None and upstream and parts.hostname:
                yield match, upstream, parts.hostname, port


@check("proxy-app-port", finds=("proxy.app-listens-elsewhere",), cost=0.001)
def proxy_app_port(log: LogEvents) -> Iterator[Finding]:
    """The app's own lines in the same logs name a port, and the proxy asks another one on a local address."""
    match = log.get("server.app-came-up")
    texts = [s.text for s in match.samples] if match is not None else []
    ports = {int(found["port"]) for text in texts if (found := _LISTENING.search(text)) is not None}
    if not ports:
        return
    asked = list(_asked(log))
    for match, upstream, _, port in asked:
        if port not in ports and not any(other in ports for _, _, _, other in asked):
            facts = {"upstream": upstream, "listening": str(min(ports))}
            yield Finding("proxy.app-listens-elsewhere", facts=facts, source=match.source)
            return


@check("proxy-container-loopback", finds=("proxy.loopback-upstream-in-container",), cost=0.001)
def proxy_container_loopback(log: LogEvents) -> Iterator[Finding]:
    """nginx in its official image asks 127.0.0.1: inside a container that is nginx's own container."""
    if not any(_CONTAINER.search(line) for line in log.head + log.tail):
        return
    if log.get("server.app-came-up"):  # the app talks in the same log: the proxy may well share its container
        return
    for match, upstream, host, _ in _asked(log):
        if host.startswith(_LOOPBACK):
            facts = {"own_container": upstream}
            yield Finding("proxy.loopback-upstream-in-container", facts=facts, source=match.source)
            return


@check("proxy-ipv6-only", finds=("proxy.only-ipv6-refused",), cost=0.001)
def proxy_ipv6_only(log: LogEvents) -> Iterator[Finding]:
    """Only ::1 was refused: `localhost` means IPv6 there, and the app listens on IPv4 alone."""
    asked = list(_asked(log))
    hosts = {host for _, _, host, _ in asked}
    if hosts == {"::1"}:
        match, upstream, _, _ = asked[0]
        yield Finding("proxy.only-ipv6-refused", facts={"upstream": upstream}, source=match.source)
