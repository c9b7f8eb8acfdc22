"""The same harmless requests directly and through the proxy: which hop fails, and how.

At most two requests at a time, each bounded in size and time, and all of them together in time. None makes an event,
leaves a line in the app's log or starts anything in it (measured on Gradio 3.50, 4.44, 5.50 and 6.31): the stream that
is listened to is that of /heartbeat, and only where the app has no `unload` handler, which its end would call; the
WebSocket handshake asks for a path that does not exist (403 when it arrives as one, 404 when it does not); the body
of --probe-upload is PUT where the router takes POST alone (405), and then sent to the queue without what would make it
an event (400), for proxies that pass a body on before they have read it.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from gradio_doctor.evidence import Absent, Listeners, Proxies, ProxyAnswers, StreamHeard
from gradio_doctor.probes.base import Context, Options
from gradio_doctor.probes.exchange import Reply, Request, Server
from gradio_doctor.probes.through.app import app_id, find_app, told
from gradio_doctor.probes.through.doors import ask_doors
from gradio_doctor.probes.through.gateways import wall
from gradio_doctor.probes.through.listening import listen
from gradio_doctor.probes.through.page import Arrival, arrive, asset_of, assets
from gradio_doctor.probes.through.public import find_public, is_here, route_of
from gradio_doctor.probes.through.resolving import ask_resolver
from gradio_doctor.probes.through.second import listen_second
from gradio_doctor.probes.through.talk import Talk
from gradio_doctor.probes.through.tls import look_at_tls
from gradio_doctor.probes.through.upstreams import patience, try_upstreams

_BURST, _BURST_SECONDS = 12, 0.4
_QUICK = 0.5  # seconds; only a quick refusal is asked for again
_BODY_SIZE = 10_000_000
_COOKIE = {"Cookie": "gradio_doctor=" + "x" * 4000}
_UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "Z3JhZGlvLWRvY3Rvci4uLg=="}
_LONGEST_LISTENING = 20.0
_Streams = tuple[StreamHeard, "StreamHeard | None"]
_PATIENCE = 2.0  # seconds; a busy machine is no proxy that holds a stream back


def probe_proxied(context: Context) -> ProxyAnswers | Absent:
    """Ask through the proxy, in about a second where all is well. Raises UsageError when --proxy is no URL."""
    if not context.options.allows("probe"):
        return Absent("asking through the proxy needs --invasive probe", "gradio-doctor diagnose --invasive probe")
    if context.target.kind in ("log", "bundle"):
        return Absent("a recording cannot be asked")
    public = find_public(context)
    if isinstance(public, Absent):
        return public
    app = find_app(context, public)
    proxies, listeners = context.get(Proxies), context.get(Listeners)
    own = proxies.addresses if isinstance(proxies, Proxies) else ()
    route = route_of(public, proxies)
    talk = Talk(public, app)
    seconds = min(max(context.options.probe_stream, patience(route)), _LONGEST_LISTENING)
    found = _ask(talk, context.options, seconds)
    here = is_here(public, listeners, own)
    if talk.fine or not here or app.state == "hangs":
        return replace(found, here=here, route=route)
    resolver = ask_resolver(route, proxies) if isinstance(proxies, Proxies) else None
    tried = try_upstreams(route, app, own)
    if any(t.same for t in tried) and found.exchanges[0].through.outcome == "timeout":
        _ask_again(talk)
    return replace(
        found, exchanges=tuple(talk.exchanges), here=here, route=route, upstreams=tried, resolver=resolver
    )


def _ask_again(talk: Talk) -> None:
    """One silence may be chance; where the proxy is told the right address, a second one says that it is stuck."""
    arrival = talk.arrival
    if arrival is not None:
        talk.keep("retry", talk.ask(arrival.server, Request("retry", "GET", arrival.path, seconds=1.5)))


def _ask(talk: Talk, options: Options, seconds: float) -> ProxyAnswers:
    """All that is asked through the proxy, cheapest first; no more than one request once nothing is there."""
    if talk.public.server.tls and talk.public.told:
        talk.tls = look_at_tls(talk.public.server)
    arrival = _arrive(talk)
    direct = talk.direct(Request("page", "GET", talk.app.prefix + "/", seconds=6.0))
    talk.keep("page", arrival.reply, direct)
    talk.arrival = arrival
    answer = arrival.reply.answer
    if answer.outcome in ("refused", "dns", "unreachable", "tls") or arrival.looped:
        return talk.blank()
    talk.wall = wall(answer, arrival.led_to, direct.answer if direct else None)
    if answer.outcome == "timeout":
        return talk.blank()
    if (answer.status is None or answer.status >= 500) and answer.seconds < _QUICK:
        for _ in range(2):
            talk.keep("retry", talk.ask(arrival.server, Request("retry", "GET", arrival.path, seconds=2.0)))
    _ask_further(talk, arrival, options, seconds)
    return talk.blank()


def _arrive(talk: Talk) -> Arrival:
    """The page, at the URL as it was given; where that is another app's, below the path that this app is mounted at."""
    prefix, mount = talk.public.prefix, talk.app.prefix
    arrival = arrive(talk.ask, talk.public.server, prefix or "/")  # a browser adds the slash only where no path is
    if arrival.is_gradio or not mount or prefix.endswith(mount) or arrival.reply.answer.outcome != "answered":
        return arrival
    below = arrive(talk.ask, talk.public.server, prefix + mount + "/")
    return below if below.is_gradio else arrival


def _ask_further(talk: Talk, arrival: Arrival, options: Options, seconds: float) -> None:
    folder = arrival.folder if arrival.is_gradio else talk.public.prefix
    talk.server, talk.folder = arrival.server, folder
    config = talk.both("config", "GET", "/config", limit=4_000_000)
    ids = talk.both("pool", "GET", talk.app.api + "/app_id", direct=False)
    settings = told(config)
    talk.learn(settings, app_id(config) or app_id(ids))
    talk.hear([app_id(config), app_id(ids)])
    if talk.wall and not settings:
        return
    with ThreadPoolExecutor(1) as second:
        ours = bool(settings or arrival.is_gradio)
        heard = _begin_listening(talk, config, settings, second, seconds) if ours else None
        _ask_assets(talk, arrival)
        if talk.server.tls and arrival.is_gradio:
            talk.ask_second(arrival.path)
        if talk.version.startswith("3."):
            talk.both("upgrade", "GET", "/queue/doctor", headers=_UPGRADE)
        if ours:
            ask_doors(talk, settings)
            _ask_limits(talk, options)
        if heard is not None:
            talk.stream, talk.second_stream = heard.result()


def _begin_listening(
    talk: Talk, config: Reply, settings: dict[str, object], second: ThreadPoolExecutor, seconds: float
) -> Future[_Streams] | None:
    """Listen to the stream itself until its first event, then through the proxy, in a second thread.

    Where the app's configuration was not seen to its end, it may have an `unload` handler that this would call.
    """
    direct = talk.app.server
    seconds = min(max(seconds, 4 * config.answer.seconds), _LONGEST_LISTENING)  # a far or slow proxy needs more
    known = settings or talk.direct_settings
    if direct is None or not known or b'"unload"' in config.content or talk.unloads:
        return None
    path = talk.app.api + "/heartbeat/gradio-doctor"
    talk.direct_stream = listen(direct, talk.app.prefix + path, 1.5, wait=False)
    if talk.direct_stream.first is None:
        return None
    login = {"Authorization": talk.public.authorization} if talk.public.authorization else {}
    return second.submit(_listen, talk.server, talk.folder + path, seconds, login)


def _listen(server: Server, path: str, seconds: float, login: dict[str, str]) -> _Streams:
    """Listen as programs do, and over HTTP/2 as browsers do where that is offered."""
    second = listen_second(server, path, min(seconds, _PATIENCE), login) if server.tls else None
    return _listen_first(server, path, seconds, login), second


def _listen_first(server: Server, path: str, seconds: float, login: dict[str, str]) -> StreamHeard:
    """Over HTTP/1.1. When nothing comes: really not, and would it, if nothing compressed were taken?"""
    heard = listen(server, path, seconds, headers=login)
    if heard.first is None and heard.ended is None:
        again = listen(server, path, _PATIENCE, wait=False, headers=login)
        if again.first is not None or again.ended is not None:
            return again  # it was only slow
        plain = listen(server, path, 1.0, wait=False, headers={**login, "Accept-Encoding": "identity"})
        if plain.first is not None:
            return replace(heard, encoding=heard.encoding or "gzip", status=heard.status or plain.status)
    return heard


def _ask_assets(talk: Talk, arrival: Arrival) -> None:
    """One script of the page, where a browser would look for it."""
    if not arrival.is_gradio:
        return
    found = assets(arrival.reply.content, arrival.path)
    asset = next((a for a in found if "/assets/" in a), None)
    if asset is None:
        return
    reply = talk.ask(talk.server, Request("asset", "GET", asset, limit=2048))
    direct = talk.direct(Request("asset", "GET", asset_of(asset, talk.app.prefix), limit=2048))
    talk.keep("asset", reply, direct)


def _ask_limits(talk: Talk, options: Options) -> None:
    """Requests that a limit of the proxy would refuse: many in a row, a large cookie, and with leave a large body."""
    talk.both("cookie", "HEAD", "/config", headers=_COOKIE)
    talk.burst(_BURST, _BURST_SECONDS, "/config")
    if options.probe_upload:
        # JSON without fn_index: the queue reads it all, and makes no event of it (400); see http.py
        body = b'{"session_hash":"doctor","data":["' + b"x" * _BODY_SIZE + b'"]}'
        reply = talk.both("upload", "PUT", talk.app.api + "/upload", payload=body, seconds=5.0)
        if reply.answer.status != 413 and talk.version and not talk.version.startswith("3."):
            talk.both("upload", "POST", talk.app.api + "/queue/join", payload=body, seconds=5.0)
