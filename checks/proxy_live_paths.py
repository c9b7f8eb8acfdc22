"""Proxy family, live: is it the app that answers through the proxy, under the address that it thinks it has?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from gradio_doctor.sdk import Exchange, Finding, ProxyAnswers, check

from .proxy_live import found

_PORTS = {"http": 80, "https": 443}
_REFUSED = (401, 403, 407)
_REDIRECTS = (301, 302, 303, 307, 308)


@check("proxy-live-login", cost=1.5, finds=("proxy.live-login-wall", "proxy.live-login-partial",
                                            "proxy.live-login-refused", "proxy.live-forbidden"))
def proxy_live_login(proxied: ProxyAnswers) -> Iterator[Finding]:
    """Does a login stand before the app: before all of it, as it should, or before parts that the page needs?"""
    page = proxied.get("page")
    if page is None:
        return
    if proxied.wall:
        name = "proxy.live-login-refused" if proxied.login_given else "proxy.live-login-wall"
        yield found(name, proxied, page, kind=_KINDS[proxied.wall])
    elif page.status == 403 and page.own and not _is(page.direct, 403):
        config = proxied.get("config")
        if config is None or config.status == 403:
            yield found("proxy.live-forbidden", proxied, page)
    elif page.status == 200:
        parts = [e for e in proxied.every("config", "pool", "asset") if e.status in _REFUSED or to_login(e)]
        if (wrong := next((e for e in parts if not _is(e.direct, e.status) and e.own is not False), None)) is not None:
            yield found("proxy.live-login-partial", proxied, wrong)
        elif proxied.stream is not None and proxied.stream.status in _REFUSED:
            status = str(proxied.stream.status)
            yield found("proxy.live-login-partial", proxied, page, path="the event stream", status=status)


_KINDS = {"basic": "a password prompt", "redirect": "a redirect to a login", "form": "a login page",
          "challenge": "a challenge for browsers"}


def _is(answer: object, status: int) -> bool:
    return getattr(answer, "status", None) == status


def to_login(exchange: Exchange) -> bool:
    """True for a redirect to what looks like a login."""
    location = (exchange.through.headers or {}).get("location", "")
    return exchange.status in _REDIRECTS and any(word in location.lower() for word in ("login", "oauth", "sso", "sign"))


@check("proxy-live-paths", cost=1.5, finds=("proxy.live-path-lost", "proxy.live-prefix-kept", "proxy.live-asset-lost",
                                            "proxy.live-other-program", "proxy.live-other-instance",
                                            "proxy.live-redirect-loop", "proxy.live-redirect-astray"))
def proxy_live_paths(proxied: ProxyAnswers) -> Iterator[Finding]:
    """Do the page, its configuration, its interface and its scripts come from the app, each under its own path?"""
    page = proxied.get("page")
    if page is None:
        return
    finding = _redirected(proxied, page) or _paths(proxied, page)
    if finding is not None:
        yield finding


def _redirected(proxied: ProxyAnswers, page: Exchange) -> Finding | None:
    if not proxied.redirects or proxied.wall:
        return None
    last = proxied.redirects[-1]
    if proxied.looped:
        return found("proxy.live-redirect-loop", proxied, page, location=last, path="", url="")
    app, target, public = (_split(u) for u in (proxied.app_url, last, proxied.public))
    inward = bool(app.netloc) and target.netloc == app.netloc != public.netloc
    if inward or page.through.outcome != "answered":
        return found("proxy.live-redirect-astray", proxied, page, location=last, path="", url="")
    return None


def _paths(proxied: ProxyAnswers, page: Exchange) -> Finding | None:
    if proxied.app != "answers" or proxied.wall:
        return None
    direct = page.direct.status if page.direct else None
    if page.status == 404 and direct == 200:
        return found("proxy.live-path-lost" if page.own else "proxy.live-prefix-kept", proxied, page)
    if page.status in (403, 405) and page.own and direct == 200:
        config = proxied.get("config")
        return found("proxy.live-path-lost", proxied, page) if config and config.status == 404 else None
    if page.status == 200:
        return _behind_page(proxied, page)
    return None


def _behind_page(proxied: ProxyAnswers, page: Exchange) -> Finding | None:
    config, pool, asset = (proxied.get(name) for name in ("config", "pool", "asset"))
    lost = next((e for e in (config, pool) if e is not None and e.status == 404), None)
    if proxied.reached is False:
        told = any(e is not None and '"app_id"' in e.through.body for e in (config, pool))
        if told and any(u.same for u in proxied.upstreams):
            return None  # one replica of several, this app being another; server-live-replicas judges that
        return found("proxy.live-other-instance" if told else "proxy.live-other-program", proxied, page)
    if lost is not None and not _is(lost.direct, 404) and proxied.reached is None and page.own is not True:
        return found("proxy.live-path-lost", proxied, lost)
    if config is not None and _is(config.direct, 200) and config.status in (404, *_REDIRECTS):
        return found("proxy.live-path-lost", proxied, config)
    if asset is not None and _is(asset.direct, 200) and (asset.status in (404, 403) or _is_page(asset)):
        return found("proxy.live-asset-lost", proxied, asset)
    if proxied.stream is not None and proxied.stream.status == 404:
        return found("proxy.live-path-lost", proxied, page, path="the event stream", status="404")
    return None


def _is_page(asset: Exchange) -> bool:
    kinds = [(a.headers or {}).get("content-type", "") for a in (asset.through, asset.direct) if a is not None]
    pages = [kind.startswith("text/html") for kind in kinds]
    return asset.status == 200 and pages == [True, False]


@check("proxy-live-root", cost=1.5, finds=("proxy.live-root-scheme", "proxy.live-root-host", "proxy.live-root-path",
                                           "proxy.live-root-elsewhere"))
def proxy_live_root(proxied: ProxyAnswers) -> Iterator[Finding]:
    """Does the app tell the browser to come back to the address that the browser used?"""
    config = proxied.get("config")
    if config is None or config.status != 200 or not proxied.root or proxied.reached is False:
        return
    base = urlsplit(config.through.url.removesuffix("/config"))
    name, more = _compare(proxied, base, _split(proxied.root))
    # "path" and "url" would fill sentences about requests that fail
    facts = {"root": proxied.root, "base": base.geturl(), "path": "", "url": "", **more}
    for one in ("proxy.live-root-path", "proxy.live-root-host", "proxy.live-root-scheme", "proxy.live-root-elsewhere"):
        if one == name:
            yield found(one, proxied, config, **facts)


def _compare(proxied: ProxyAnswers, base: SplitResult, root: SplitResult) -> tuple[str, dict[str, str]]:
    """The finding that tells how the root differs from the address that was used, "" when it does not."""
    mine, its = base.path.rstrip("/"), root.path.rstrip("/")
    if not root.scheme:  # Gradio 3 tells a path alone
        return ("proxy.live-root-path" if its not in ("", mine) else "", {"missing": mine or "/", "sub_path": mine})
    same_host = root.hostname == base.hostname
    if same_host and _port(root) == _port(base) and root.scheme == base.scheme:
        return ("proxy.live-root-path" if its != mine else "", {"missing": mine or "/", "sub_path": mine})
    if same_host and root.scheme != base.scheme and (_port(root) == _port(base) or root.port is None):
        inward = base.scheme == "http"  # asked inside of what adds TLS: the app is right about its public address
        return ("proxy.live-root-elsewhere" if inward else "proxy.live-root-scheme"), {}
    if not same_host and _is_public(root.hostname or "") and root.hostname != urlsplit(proxied.app_url).hostname:
        return "proxy.live-root-elsewhere", {}
    return "proxy.live-root-host", {}


def _split(url: str) -> SplitResult:
    """The parts of what a server wrote as a URL; a path alone where it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", url, "", "")


def _port(url: SplitResult) -> int | None:
    try:
        return url.port or _PORTS.get(url.scheme)
    except ValueError:
        return None


def _is_public(host: str) -> bool:
    """True for a name that a browser elsewhere could use: one with a dot, no private address."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".internal", ".localhost"))
