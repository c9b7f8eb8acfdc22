"""The same harmless requests, sent to the app itself and through the proxy in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gradio_doctor.evidence.network import HttpAnswer, HttpOutcome
from gradio_doctor.evidence.proxies import Route

Gateway = Literal[
    "", "nginx", "caddy", "traefik", "haproxy", "envoy", "apache", "cloudflare", "alb", "kubernetes", "huggingface",
    "gunicorn", "uvicorn", "node",
]
AppState = Literal["answers", "errors", "hangs", "dead", "unknown"]
Wall = Literal["", "basic", "redirect", "form", "challenge"]
ResolverOutcome = Literal["answers", "no-name", "fails", "refused", "silent", "none", "unknown"]
TlsOutcome = Literal[
    "trusted", "expired", "not-yet-valid", "wrong-name", "self-signed", "unknown-issuer", "no-tls", "failed",
]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request through the proxy, and the same one sent to the app itself (None: not sent).

    `probe` is one of those of HttpAnswer, or "asset", "cookie" (with a Cookie header of 4 KB), "upload" (a body of
    megabytes to a route that takes none), "upgrade" (a WebSocket handshake), "door" (what every event begins with, less
    what would make it one), "door-path" (GET for the same path), "events" (HEAD for the path of their stream), "retry"
    and "burst". `gateway` is who spoke, "" when that cannot be told; `own` is True when the gateway made the answer
    itself, False when it passed one on, None when that cannot be told.
    """

    probe: str
    through: HttpAnswer
    direct: HttpAnswer | None = None
    gateway: Gateway = ""
    own: bool | None = None

    @property
    def status(self) -> int:
        """The status through the proxy, 0 when there was no answer."""
        return self.through.status or 0


@dataclass(frozen=True, slots=True)
class StreamHeard:
    """A stream of events, listened to for `listened` seconds. Times are seconds after the request was sent.

    `first` is when the first event came (None: none came), `ended` when the other side ended the stream (None: it did
    not), `last` when the last bytes came. `encoding` is the Content-Encoding. `error` says why it broke off.
    """

    outcome: HttpOutcome
    listened: float
    status: int = 0
    first: float | None = None
    last: float | None = None
    ended: float | None = None
    encoding: str = ""
    content_type: str = ""
    error: str = ""
    gateway: Gateway = ""


@dataclass(frozen=True, slots=True)
class TlsLook:
    """What a client that verifies certificates sees. `protocol` is what ALPN settled on ("h2", "http/1.1", "")."""

    outcome: TlsOutcome
    detail: str = ""
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamTried:
    """An address to which the proxy is configured to pass requests, asked from here.

    `outcome` is that of the request; `same` is True when the app itself answered there, None when nobody can tell.
    `here` is False for an address that no interface of this machine has (None: nobody can tell). `error` says what went
    wrong.
    """

    url: str
    outcome: HttpOutcome
    status: int = 0
    same: bool | None = None
    error: str = ""
    here: bool | None = None


@dataclass(frozen=True, slots=True)
class ResolverAsked:
    """The name server that the proxy asks at each request for the name of what it passes to, asked from here.

    `outcome`: "answers" (it knows an address), "no-name" (it knows none), "fails" (it says that it cannot), "refused"
    (nobody takes questions there), "silent", "none" (the proxy is not told any), "unknown" (it cannot be asked).
    """

    host: str
    resolver: str
    outcome: ResolverOutcome


@dataclass(frozen=True, slots=True)
class ProxyAnswers:
    """What came back through the proxy, beside what the app says when it is asked itself.

    `public` is the public URL asked, without credentials; `told` is True when a person named it, False when it was
    found in a proxy's configuration. `app` is how the app itself was doing in that moment, at `app_url` ("" unknown).
    `listening` are the addresses on which the app listens (host, port), `plain` is False when the app speaks TLS.
    `redirects` are the URLs that the page was redirected to, without queries; `looped` when they would not end.
    `root` is the address that the app told the page through the proxy, `direct_root` the one told without it.
    `here` says whether something listens on the public address in this network namespace (None: nobody can tell).
    `reached` is True when the very app that was asked directly answered through the proxy, False when another
    program did. `wall` is the kind of login that stands before everything; `login_given` when the URL had one.
    `second` is the page over HTTP/2 and `second_stream` the stream, as browsers ask for them where TLS offers it (None:
    it is not offered). `app_ids` are the different processes of the app that answered through the proxy. `route` is
    what a proxy of this machine is told to do with such requests (None: not known), and `resolver` whether the name to
    which it passes them resolves there. `socket` is the Unix socket on which the app listens, where it has no port.
    """

    public: str
    told: bool
    app: AppState
    exchanges: tuple[Exchange, ...]
    app_url: str = ""
    listening: tuple[tuple[str, int], ...] = ()
    plain: bool = True
    version: str = ""
    redirects: tuple[str, ...] = ()
    looped: bool = False
    root: str | None = None
    direct_root: str | None = None
    here: bool | None = None
    reached: bool | None = None
    wall: Wall = ""
    tls: TlsLook | None = None
    stream: StreamHeard | None = None
    direct_stream: StreamHeard | None = None
    upstreams: tuple[UpstreamTried, ...] = ()
    login_given: bool = False
    app_ids: tuple[str, ...] = ()
    second: Exchange | None = None
    second_stream: StreamHeard | None = None
    route: Route | None = None
    resolver: ResolverAsked | None = None
    socket: str = ""

    def get(self, probe: str) -> Exchange | None:
        """The exchange of one probe, or None when it was not made."""
        return next((e for e in self.exchanges if e.probe == probe), None)

    def every(self, *probes: str) -> tuple[Exchange, ...]:
        """The exchanges of some probes, in the order in which they were made."""
        return tuple(e for e in self.exchanges if e.probe in probes)
