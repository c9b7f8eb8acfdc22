"""The servers that run the app: their command, their workers, where each setting comes from, and who answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ServerKind = Literal["launch", "uvicorn", "gunicorn", "hypercorn"]
AppObject = Literal["", "missing", "blocks", "asgi", "wsgi"]

# gunicorn's own classes that call the app as WSGI (gunicorn/workers/__init__.py).
WSGI_CLASSES = frozenset({"sync", "gthread", "gevent", "eventlet", "tornado", "gevent_wsgi", "gevent_pywsgi"})


@dataclass(frozen=True, slots=True)
class ServerOption:
    """A setting of a server. `origin` says where from: "-w", "gunicorn.conf.py:3", "GUNICORN_CMD_ARGS", "default".

    `known` is False when its value is computed there: `value` is then the code.
    """

    value: str
    origin: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class ServerWorker:
    """A worker process. `age` is in seconds, when it was first seen."""

    pid: int
    age: float


@dataclass(frozen=True, slots=True)
class Server:
    """One running server of the app, looked at twice at least.

    `pid` is the arbiter's, or the only process's; `options` go by gunicorn's long names ("workers", "worker_class",
    "timeout", ...). `app` is module:name as the command has it, `app_file` its file, `app_object` what the file says
    that name is ("" unknown), `asgi_names` the names that it could serve instead where that name is missing. `titled`
    is True when the process replaced its command line by a title. `ended` and `begun` are the workers that went and
    came while we looked, for `seconds`; `reaped` is the CPU time in seconds of the children that ended since the
    start (None unknown). `accepted` says which process took how many of the connections that we opened.
    """

    kind: ServerKind
    pid: int
    age: float
    command: tuple[str, ...] = ()
    directory: str = ""
    workers: tuple[ServerWorker, ...] = ()
    options: Mapping[str, ServerOption] = field(default_factory=dict)
    app: str = ""
    app_file: str = ""
    app_object: AppObject = ""
    asgi_names: tuple[str, ...] = ()
    config: str = ""
    titled: bool = False
    ended: tuple[int, ...] = ()
    begun: tuple[int, ...] = ()
    seconds: float = 0.0
    reaped: float | None = None
    accepted: Mapping[int, int] = field(default_factory=dict)

    def number(self, option: str) -> float | None:
        """A setting as a number, None when it is none or its value is not known."""
        found = self.options.get(option)
        try:
            return float(found.value) if found and found.known else None
        except ValueError:
            return None

    def on(self, option: str) -> bool:
        """True when a switch is known to be on."""
        found = self.options.get(option)
        return found is not None and found.known and found.value == "True"

    @property
    def worker_class(self) -> str:
        """gunicorn's worker class as it is called there: gunicorn takes gthread for sync with several threads."""
        found = self.options.get("worker_class")
        name = found.value if found and found.known else ""
        return "gthread" if name == "sync" and (self.number("threads") or 1) > 1 else name

    @property
    def replaces_by_plan(self) -> bool:
        """True when it replaces its workers by itself: after so many requests, or when a file changes."""
        return bool(self.number("max_requests")) or self.on("reload")


@dataclass(frozen=True, slots=True)
class Restart:
    """A process of the app that was started anew while we looked: its keeper, and the pids one after the other."""

    keeper: int
    keeper_command: str
    pids: tuple[int, ...]
    seconds: float
    reaped: float = 0.0


@dataclass(frozen=True, slots=True)
class Servers:
    """Every running server of the app, oldest first, and the restarts seen of those that something starts anew."""

    servers: tuple[Server, ...] = ()
    restarts: tuple[Restart, ...] = ()

    def of(self, pid: int) -> Server | None:
        """The server that a process belongs to."""
        return next((s for s in self.servers if pid == s.pid or any(w.pid == pid for w in s.workers)), None)
