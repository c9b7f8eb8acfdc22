"""What the app answers when it is asked directly, with requests that change nothing in it and leave no line in its log.

The ladder separates the event loop from the thread pool: `HEAD /config` is refused by the router on the loop itself,
`GET /app_id` needs a worker thread. One request at a time, and no more once the app hangs: each unanswered request
stays in its accept queue, and is carried out when it recovers.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from gradio_doctor.evidence import Absent, HttpAnswer, HttpAnswers, Interpreter, LogEvents
from gradio_doctor.probes.accept_queue import Sampling
from gradio_doctor.probes.app_address import AppAddress, find_address
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.exchange import Reply, Request, Server, ask
from gradio_doctor.probes.watching import Watching

_ALL_SECONDS = 4.5
_PAGE_SECONDS = 3.0
_CHEAP_PAGE = 0.3  # seconds; GET /config costs about as much as the page
_API_PREFIXES = ("/gradio_api", "")  # Gradio 5 and later; before
_ASKS_FOR_IDS = 4
_FIRST_SECONDS, _SECOND_SECONDS = 0.8, 1.2  # silence for the first counts only where the look into it agrees
_BREATH = 0.2  # seconds; an app that has just been resumed first drops what had waited
_MEANWHILE = (LogEvents, Interpreter)  # asked for next, whatever the app answers; a silent one leaves time for them
_NOT_ACCEPTED = ("Invalid key.", "Monitoring is not enabled.")
_PAGE_MARKS = (b"__gradio_mode__", b"gradio_config")
_PAGE_VERSION = re.compile(rb'gradio_config ?= ?\{"version": ?"([0-9A-Za-z.+-]{1,40})"')
_CONFIG_VERSION = re.compile(rb'^\{"version": ?"([0-9A-Za-z.+-]{1,40})"')
# Where Gradio is mounted elsewhere this is a 404 in the server's access log; it says there whose it is.
_WHO = "?gradio-doctor"
# Without fn_index the door says whether it is open before it would make an event of this.
NO_EVENT = b'{"data":[],"session_hash":"doctor"}'


def probe_http(context: Context) -> HttpAnswers | Absent:
    """Ask the app itself (not its proxy), in at most 4.5 seconds; in about 50 ms when it is well."""
    if not context.options.allows("probe"):
        return Absent("asking the app over HTTP needs --invasive probe", "gradio-doctor diagnose --invasive probe")
    address = find_address(context)
    if isinstance(address, Absent):
        return address
    watching, sampling = context.get(Watching), context.get(Sampling)
    hangs = (lambda: False) if isinstance(watching, Absent) else watching.hangs
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(ask_app, address, hangs)
        for kind in _MEANWHILE:
            context.get(kind)
        found = asked.result()
    if all(a.outcome == "answered" for a in found.answers):
        if not isinstance(sampling, Absent):
            sampling.answered.set()
        if not isinstance(watching, Absent) and not address.shared:  # one worker's answer says nothing of the others
            watching.hurry.set()
    return replace(found, socket=address.socket)


def ask_app(address: AppAddress, hangs: Callable[[], bool] = lambda: False) -> HttpAnswers:
    """Ask whatever listens at an address; the queue only once it is known to be Gradio 4 or later.

    Silence is taken for a hang when `hangs` confirms it; else the app is asked once more.
    """
    talk = _Talk(address.server, hangs)
    prefix = _ask_loop(talk, address.prefixes)
    if talk.first("loop").outcome != "answered":
        return _without_gradio(talk, prefix)
    if address.front is not None:
        front = Server(address.host, address.front, talk.server.tls)
        talk.keep(heard := talk.ask(Request("front", "HEAD", prefix + "/config"), front))
        if heard.answer.outcome == "answered" and (heard.answer.status or 0) < 500:
            talk.keep(talk.ask(Request("front-page", "GET", prefix + "/", seconds=_PAGE_SECONDS), front))
    api, app_id = _ask_pool(talk, prefix)
    if talk.first("pool").outcome == "timeout":
        known = _says_gradio(talk, prefix)
        return HttpAnswers(talk.server.url(prefix), talk.told, api, is_gradio=known or None)
    version, page_is_gradio = _ask_page(talk, prefix)
    if not app_id and not page_is_gradio:
        return _without_gradio(talk, prefix)
    if app_id and _has_queue_door(talk, prefix, api, version):
        door = prefix + api + "/queue/join"
        talk.keep(talk.ask(Request("queue-door", "POST", door, payload=NO_EVENT)))
        talk.keep(talk.ask(Request("queue-size", "GET", prefix + api + "/queue/status")))
    ids = [app_id] if app_id else []
    if app_id and (address.shared or not address.local):
        again = Request("pool", "GET", prefix + api + "/app_id" + _WHO)
        ids += [_app_id(talk.ask(again)) for _ in range(_ASKS_FOR_IDS - 1)]
    distinct = tuple(dict.fromkeys(i for i in ids if i))
    return HttpAnswers(talk.server.url(prefix), talk.told, api, is_gradio=True, version=version, app_ids=distinct)


@dataclass
class _Talk:
    """The conversation with one server: what was answered so far, and the time that is left for more."""

    server: Server
    hangs: Callable[[], bool]
    answers: list[HttpAnswer] = field(default_factory=list)
    slow: bool = False  # it answers, but later than one expects
    deadline: float = field(default_factory=lambda: time.monotonic() + _ALL_SECONDS)

    def ask(self, request: Request, server: Server | None = None) -> Reply:
        left = max(0.05, self.deadline - time.monotonic())
        return ask(server or self.server, replace(request, seconds=min(request.seconds, left)))

    def keep(self, *replies: Reply) -> None:
        self.answers += [r.answer for r in replies]

    def first(self, probe: str) -> HttpAnswer:
        return next(a for a in self.answers if a.probe == probe)

    def twice(self, request: Request) -> list[Reply]:
        """Ask, and once more when no answer came and that is no sure hang. The last reply comes first."""
        replies = [self.ask(replace(request, seconds=_SECOND_SECONDS if self.slow else _FIRST_SECONDS))]
        if replies[0].answer.outcome == "timeout" and self.hangs():
            return replies
        if replies[0].answer.outcome in ("timeout", "reset"):
            time.sleep(_BREATH if replies[0].answer.outcome == "reset" else 0)
            again = self.ask(replace(request, seconds=_SECOND_SECONDS))
            self.slow = again.answer.outcome == "answered"
            replies.insert(0, again)
        return replies

    @property
    def told(self) -> tuple[HttpAnswer, ...]:
        return tuple(self.answers)


def _ask_loop(talk: _Talk, prefixes: Iterable[str]) -> str:
    """Ask the event loop, under each prefix until one is known there. Returns the prefix."""
    first, *others = prefixes
    replies = talk.twice(Request("loop", "HEAD", first + "/config"))
    if _wants_tls(replies[0].answer) and not talk.server.tls:
        secure = replace(talk.server, tls=True)
        encrypted = talk.ask(Request("loop", "HEAD", first + "/config"), secure)
        if encrypted.answer.outcome == "answered":
            talk.server = secure
            plain = replace(replies[0].answer, probe="plain", outcome="tls", error="this port speaks TLS")
            replies = [encrypted, Reply(plain)]
    if replies[0].answer.status == 404:
        for prefix in others:
            reply = talk.ask(Request("loop", "HEAD", prefix + "/config"))
            if reply.answer.status not in (None, 404):
                talk.keep(reply)
                return prefix
    talk.keep(*replies)
    return first


def _wants_tls(answer: HttpAnswer) -> bool:
    """True when a plain request was treated as servers that speak TLS treat it."""
    return answer.outcome in ("tls", "reset") or answer.status == 400


def _ask_pool(talk: _Talk, prefix: str) -> tuple[str, str]:
    """Ask for what a worker thread must answer. Returns the prefix of the API and the app's id ("": unknown)."""
    replies: list[Reply] = []
    for api in _API_PREFIXES:
        replies = talk.twice(Request("pool", "GET", prefix + api + "/app_id" + _WHO))
        app_id = _app_id(replies[0])
        if app_id or replies[0].answer.status != 404:
            talk.keep(*replies)
            return api, app_id
    talk.keep(*replies)
    return "", ""


def _app_id(reply: Reply) -> str:
    if reply.answer.status != 200:
        return ""
    try:
        told = json.loads(reply.content[:1024])
    except (ValueError, RecursionError):
        return ""
    value = told.get("app_id") if isinstance(told, dict) else None
    return str(value)[:64] if isinstance(value, (int, str)) else ""


def _says_gradio(talk: _Talk, prefix: str) -> bool:
    """True when the door to the monitoring page refuses as Gradio 4 and later do; the loop answers that."""
    reply = talk.ask(Request("identity", "GET", prefix + "/monitoring/doctor"))
    talk.keep(reply)
    return reply.answer.status == 403 and any(text in reply.answer.body for text in _NOT_ACCEPTED)


def _ask_page(talk: _Talk, prefix: str) -> tuple[str, bool]:
    """Fetch the page. Returns Gradio's version ("" when it does not say) and whether it is a page of Gradio's."""
    page = talk.ask(Request("page", "GET", prefix + "/", seconds=_PAGE_SECONDS))
    talk.keep(page)
    is_gradio = any(mark in page.content for mark in _PAGE_MARKS)
    if told := _PAGE_VERSION.search(page.content):
        return told[1].decode(), True
    if is_gradio and page.answer.seconds < _CHEAP_PAGE:
        config = talk.ask(Request("config", "GET", prefix + "/config", limit=1024))
        talk.keep(config)
        if told := _CONFIG_VERSION.match(config.content):
            return told[1].decode(), True
    return "", is_gradio


def _has_queue_door(talk: _Talk, prefix: str, api: str, version: str) -> bool:
    """True for Gradio 4 and later only: in Gradio 3 the queue is a websocket, and the request would not be harmless."""
    if api:
        return True
    if version:
        return version.partition(".")[0].isdigit() and int(version.partition(".")[0]) >= 4
    return _says_gradio(talk, prefix)


def _without_gradio(talk: _Talk, prefix: str) -> HttpAnswers:
    """Something else answered, or nothing did."""
    heard = any(a.outcome in ("answered", "invalid") for a in talk.answers)
    page = next((a for a in talk.answers if a.probe == "page"), None)
    unsure = page is not None and (page.outcome != "answered" or (page.status or 0) >= 400)
    return HttpAnswers(talk.server.url(prefix), talk.told, is_gradio=False if heard and not unsure else None)
