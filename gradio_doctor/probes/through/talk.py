"""The conversation with both sides: what was asked and answered so far, and the time that is left for more."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

from gradio_doctor.evidence import Exchange, ProxyAnswers, StreamHeard, TlsLook
from gradio_doctor.evidence.proxied import Wall
from gradio_doctor.probes.exchange import Reply, Request, Server, ask
from gradio_doctor.probes.through.app import App, app_id, told
from gradio_doctor.probes.through.gateways import made_itself, who_spoke
from gradio_doctor.probes.through.page import Arrival
from gradio_doctor.probes.through.public import Public
from gradio_doctor.probes.through.second import ask_second

_ALL_SECONDS = 12.0
_HUNG_SECONDS = 1.5  # behind a proxy, an app that hangs is silent too: a word of the proxy's own comes at once


@dataclass
class Talk:
    """The public side and the app's own. `server` and `folder` are where the page was found in the end."""

    public: Public
    app: App
    exchanges: list[Exchange] = field(default_factory=list)
    tls: TlsLook | None = None
    wall: Wall = ""
    stream: StreamHeard | None = None
    direct_stream: StreamHeard | None = None
    arrival: Arrival | None = None
    folder: str = ""
    version: str = ""
    root: str | None = None
    direct_root: str | None = None
    direct_settings: dict[str, object] = field(default_factory=dict)
    unloads: bool = False
    reached: bool | None = None
    ids: set[str] = field(default_factory=set)
    app_ids: tuple[str, ...] = ()
    second: Exchange | None = None
    second_stream: StreamHeard | None = None

    def __post_init__(self) -> None:
        self.server = self.public.server
        self.deadline = time.monotonic() + (_HUNG_SECONDS if self.app.state == "hangs" else _ALL_SECONDS)
        self.folder, self.version, self.ids = self.public.prefix, self.app.version, set(self.app.ids)

    def ask(self, server: Server, request: Request) -> Reply:
        """Ask through the proxy, with the login of its URL if it has one and the host is its own."""
        if server.host == self.public.server.host:
            request = self._with_login(request)
        return ask(server, self._in_time(request))

    def _with_login(self, request: Request) -> Request:
        login = self.public.authorization
        return replace(request, headers={**request.headers, "Authorization": login}) if login else request

    def direct(self, request: Request) -> Reply | None:
        """Ask the app itself, if it can be asked: an app that hangs is not asked any more."""
        if self.app.server is None or self.app.state not in ("answers", "errors") or not request.path:
            return None
        server = self.app.front if request.probe == "page" and self.app.front else self.app.server
        return ask(server, self._in_time(request))

    def _in_time(self, request: Request) -> Request:
        return replace(request, seconds=min(request.seconds, max(0.05, self.deadline - time.monotonic())))

    def keep(self, probe: str, through: Reply, direct: Reply | None = None) -> None:
        """Note an exchange."""
        answer, beside = through.answer, direct.answer if direct else None
        own = made_itself(answer, beside)
        self.exchanges.append(Exchange(probe, answer, beside, who_spoke(answer), own))

    def both(self, probe: str, method: str, path: str, *, direct: bool = True, **settings: Any) -> Reply:
        """Ask for a path of the app on both sides. Returns the answer through the proxy."""
        reply = self.ask(self.server, Request(probe, method, self.folder + path, **settings))
        beside = self.direct(Request(probe, method, self.app.prefix + path, **settings)) if direct else None
        self.keep(probe, reply, beside)
        if probe == "config" and beside is not None:
            self.direct_settings = told(beside)
            self.direct_root = _text(self.direct_settings.get("root"))
            self.ids |= {i for i in (app_id(beside),) if i}
            self.unloads = b'"unload"' in beside.content
        return reply

    def burst(self, count: int, seconds: float, path: str) -> None:
        """Ask many times in a row, until something else is answered than at first. Keeps the first and that one."""
        until = min(self.deadline, time.monotonic() + seconds)
        first: int | None = None
        for number in range(count):
            if time.monotonic() > until:
                break
            reply = self.ask(self.server, Request("burst", "HEAD", self.folder + path))
            if number == 0:
                first = reply.answer.status
            if number == 0 or reply.answer.status != first:
                self.keep("burst", reply)
            if reply.answer.status != first:
                break

    def hear(self, ids: list[str]) -> None:
        """Note which processes answered; when it was not the one expected, or not always the same, ask some more."""
        if (self.reached is False and any(ids)) or len({i for i in ids if i}) > 1:
            path = f"{self.folder}{self.app.api}/app_id"
            more = (self.ask(self.server, Request("pool", "GET", path, seconds=1.5)) for _ in range(4))
            ids = [*ids, *map(app_id, more)]
        self.app_ids = tuple(dict.fromkeys(i for i in ids if i))

    def ask_second(self, path: str) -> None:
        """Ask for the page over HTTP/2, where that is offered."""
        reply = ask_second(self.server, self._in_time(self._with_login(Request("second", "GET", path, seconds=3.0))))
        if reply is not None:
            self.second = Exchange("second", reply.answer, None, who_spoke(reply.answer))

    def learn(self, settings: dict[str, object], identity: str) -> None:
        """Take what the configuration through the proxy tells, and the id of the process that answered."""
        self.root = _text(settings.get("root"))
        self.version = self.version or _text(settings.get("version") or self.direct_settings.get("version")) or ""
        page = self.arrival.reply.answer if self.arrival else None
        if identity and self.ids:
            self.reached = True if identity in self.ids else False if len(self.app.ids) <= 1 else None
        elif self.ids and page is not None and page.status == 200 and not (self.arrival and self.arrival.is_gradio):
            self.reached = False

    @property
    def fine(self) -> bool:
        """True when the page and the configuration came through, from the very app where that can be told."""
        config = next((e for e in self.exchanges if e.probe == "config"), None)
        page = self.exchanges[0] if self.exchanges else None
        good = page is not None and page.status == 200 and config is not None and config.status in (200, 401)
        return good and self.reached is not False

    def blank(self) -> ProxyAnswers:
        """What was found so far."""
        arrival = self.arrival
        return ProxyAnswers(
            self.public.url, self.public.told, self.app.state, tuple(self.exchanges), self.app.url, self.app.listening,
            not (self.app.server and self.app.server.tls), self.version, arrival.redirects if arrival else (),
            arrival.looped if arrival else False, self.root, self.direct_root, None, self.reached, self.wall, self.tls,
            self.stream, self.direct_stream, login_given=bool(self.public.authorization),
            app_ids=self.app_ids, second=self.second, second_stream=self.second_stream, socket=self.app.socket,
        )


def _text(value: object) -> str | None:
    return value[:500] if isinstance(value, str) else None
