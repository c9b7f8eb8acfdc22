"""The page through the proxy: where it redirects to, and what it would make a browser load."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from gradio_doctor.probes.exchange import Reply, Request, Server
from gradio_doctor.probes.redact import clean, redact_text

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_MARKS = (b"__gradio_mode__", b"gradio_config")
_LINK = re.compile(r"""(?:src|href)=["']?([^"'\s>]{1,300}\.(?:js|css))["'\s>]""")
_BASE = re.compile(r"""<base[^>]{0,80}href=["']([^"'>]{1,300})""")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where the page was found. `server` and `path` are those of the last answer; `path` has no query."""

    reply: Reply
    server: Server
    path: str
    redirects: tuple[str, ...] = ()
    looped: bool = False
    location: str = ""

    @property
    def is_gradio(self) -> bool:
        """True for a page that Gradio made."""
        return self.reply.answer.status == 200 and any(mark in self.reply.content for mark in _MARKS)

    @property
    def led_to(self) -> str:
        """Where a redirect leads that was not followed, or those that were, and away from the app; else ""."""
        led = self.redirects[-1] if self.redirects and not self.looped and not self.is_gradio else ""
        return self.location or led

    @property
    def folder(self) -> str:
        """The path under which the page's own paths are, without a slash at its end."""
        return self.path.rpartition("/")[0]


def arrive(ask: Callable[[Server, Request], Reply], server: Server, path: str) -> Arrival:
    """Fetch the page, following redirects on the same host, a bounded number of them."""
    seen: list[str] = []
    for _ in range(_MOST_REDIRECTS + 1):
        reply = ask(server, Request("page", "GET", path, seconds=3.0))
        location = (reply.answer.headers or {}).get("location", "")
        if reply.answer.status not in _REDIRECTS or not location:
            return Arrival(reply, server, path, tuple(seen))
        target = _target(server, path, location)
        seen.append(_shown(server, path, location))
        if target is None:
            return Arrival(reply, server, path, tuple(seen), location=location)
        server, path = target
    return Arrival(reply, server, path, tuple(seen), looped=True, location=location)


def _target(server: Server, path: str, location: str) -> tuple[Server, str] | None:
    """The same host's server and path that a Location names; None for another host, or for what is no URL."""
    try:
        parts = urlsplit(urljoin(server.url(path), location))
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    if parts.hostname not in (urlsplit(server.url()).hostname, server.host):
        return None
    public = parts.netloc.rpartition("@")[2]
    return replace(server, port=port, tls=parts.scheme == "https", public=public), parts.path or "/"


def _shown(server: Server, path: str, location: str) -> str:
    try:
        return clean(redact_text(urljoin(server.url(path), location).partition("?")[0]), 300)
    except ValueError:
        return clean(redact_text(location.partition("?")[0]), 300)


def assets(page: bytes, arrival_path: str) -> list[str]:
    """The paths of scripts and styles on this very server that a browser would load for a page, as it resolves them."""
    text = page.decode("utf-8", "replace")
    base = _BASE.search(text)
    try:
        folder = urljoin(arrival_path, base[1]) if base else arrival_path
    except ValueError:
        folder = arrival_path
    found = []
    for link in _LINK.findall(text):
        try:
            resolved = urljoin(folder, link)
        except ValueError:
            continue
        if resolved.startswith("/") and not resolved.startswith("//"):
            found.append(resolved)
    return list(dict.fromkeys(found))


def asset_of(path: str, folder: str) -> str:
    """Where the same asset is, below another folder: what the page names relative to itself."""
    return folder + path[path.find("/assets/") :] if "/assets/" in path else ""
