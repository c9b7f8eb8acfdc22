"""Proxy family, live: the page comes through; do the two requests as well by which every event goes?"""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Exchange, Finding, ProxyAnswers, check

from .proxy_live import found
from .proxy_live_paths import to_login

_REFUSED = (401, 403, 405, 407, 501)  # nginx, Apache and load balancers refuse a method with 403, 405 or 501
_FAILED = (500, 502, 504)


@check("proxy-live-doors", cost=1.5, finds=("proxy.live-events-refused", "proxy.live-events-lost",
                                            "proxy.live-events-astray"))
def proxy_live_doors(proxied: ProxyAnswers) -> Iterator[Finding]:
    """Are the queue's door and the path of its answers passed on to the app?"""
    page = proxied.get("page")
    if page is None or page.status != 200 or proxied.wall or proxied.reached is False:
        return
    for exchange in proxied.every("door", "events"):
        if _differs(exchange) and (name := _judge(proxied, exchange)):
            facts = {"blocked": exchange.through.url} if name == "proxy.live-events-refused" else {}
            yield found(name, proxied, exchange, **facts)
            return


def _differs(exchange: Exchange) -> bool:
    """True when the answer is not what the app says when it is asked itself, or surely not the app's."""
    if exchange.through.outcome != "answered":
        return False
    if exchange.direct is None:  # HEAD for the stream is refused with 405 by the app itself, in any proxy's name
        return exchange.own is True and not (exchange.probe == "events" and exchange.status == 405)
    return exchange.direct.status is not None and exchange.direct.status != exchange.status


def _judge(proxied: ProxyAnswers, exchange: Exchange) -> str:
    status, direct = exchange.status, exchange.direct
    path = proxied.get("door-path")
    unknown = exchange.probe == "door" and path is not None and path.status == 404 and path.own is not False
    page = status == 200 and direct is not None and (direct.status or 0) >= 400
    if status == 404 or page or (status == 405 and unknown):  # for a file, nginx refuses POST with 405
        return "proxy.live-events-lost"
    if (status in _REFUSED and exchange.own is not False) or to_login(exchange):
        return "proxy.live-events-refused"
    return "proxy.live-events-astray" if status in _FAILED and exchange.own is not False else ""
