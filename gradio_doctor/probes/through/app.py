"""How the app itself is doing, and where: the side that the proxy is compared with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from gradio_doctor.evidence import Absent, HttpAnswers, Instances, Listeners
from gradio_doctor.evidence.proxied import AppState
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.exchange import Reply, Server
from gradio_doctor.probes.through.public import Public

_NOT_ANSWERED = ("timeout", "reset")


@dataclass(frozen=True, slots=True)
class App:
    """The app asked directly. `server` is None when it cannot be asked; `ids` are the ids that its processes told.

    `front` is Gradio's Node server, which makes the page where there is one.
    """

    state: AppState
    server: Server | None = None
    prefix: str = ""
    api: str = ""
    version: str = ""
    ids: tuple[str, ...] = ()
    listening: tuple[tuple[str, int], ...] = ()
    ports: tuple[int, ...] = field(default=())
    front: Server | None = None
    socket: str = ""

    @property
    def url(self) -> str:
        """The base URL of the app itself, "" when it is not known."""
        return self.server.url(self.prefix) if self.server else ""


def find_app(context: Context, public: Public) -> App:
    """What is known of the app without the proxy."""
    if public.is_target:
        return App("unknown")
    http = context.get(HttpAnswers)
    if isinstance(http, Absent):
        instances = context.get(Instances)
        return App("dead" if isinstance(instances, Instances) else "unknown")
    parts = urlsplit(http.base)
    try:
        server = Server(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80),
                        parts.scheme == "https", (parts.hostname or "") if http.socket else "", http.socket)
    except ValueError:
        return App("unknown")
    fronts = [p for a in http.answers if a.probe == "front" and (p := urlsplit(a.url).port)]
    ports = {server.port, *fronts}
    listeners = context.get(Listeners)
    if isinstance(listeners, Absent) or http.socket:
        listeners = Listeners(())
    sockets = tuple(s for p in sorted(ports) for s in listeners.on(p))
    return App(
        _state(http), server, parts.path.rstrip("/"), http.api_prefix, http.version, http.app_ids,
        tuple(dict.fromkeys((s.host, s.port) for s in sockets)), tuple(sorted(ports)),
        replace(server, port=fronts[0]) if fronts else None, http.socket,
    )


def _state(http: HttpAnswers) -> AppState:
    asked = [a for probe in ("loop", "pool", "page") if (a := http.get(probe))]
    outcomes = {a.outcome for a in asked}
    if not asked or outcomes & {"dns", "unreachable", "invalid", "tls"}:
        return "unknown"
    if "timeout" in outcomes:
        return "hangs"
    if outcomes & {"refused"}:
        return "dead"
    if "reset" in outcomes:
        return "unknown"
    return "errors" if any((a.status or 0) >= 500 for a in asked) else "answers"


def app_id(reply: Reply) -> str:
    """The id of the process that answered /app_id or /config, "" when the answer has none."""
    found = told(reply).get("app_id")
    return str(found)[:64] if isinstance(found, (int, str)) and not isinstance(found, bool) else ""


def told(reply: Reply) -> dict[str, object]:
    """The JSON object that was answered with status 200, empty when it is none."""
    if reply.answer.status != 200:
        return {}
    try:
        value = json.loads(reply.content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
