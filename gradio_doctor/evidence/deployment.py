"""What the files beside an app say of how it is deployed: containers, orchestrators, servers, pins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Dialect = Literal[
    "dockerfile", "compose", "kubernetes", "systemd", "procfile", "gunicorn", "space", "requirements", "environment",
]
Runs = Literal["app", "perhaps", "other"]
ProbeKind = Literal["liveness", "readiness", "startup", "health"]


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a file says. `value` is as written, "***" for a secret.

    `known` is False when it holds a variable that the file does not fill.
    """

    name: str
    value: str
    file: str
    line: int
    known: bool = True


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount that a file says: bytes of memory, seconds, or a number of things."""

    amount: float
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Port:
    """A port that is led into a container, or declared. `inside` is the app's side, `outside` what others use.

    `address` is what the outside is bound to ("" all addresses); `leads` is False for one that is only declared
    (EXPOSE, containerPort).
    """

    inside: int
    file: str
    line: int
    outside: int | None = None
    address: str = ""
    leads: bool = True


@dataclass(frozen=True, slots=True)
class HealthProbe:
    """A probe of an orchestrator. Times in seconds. `how` is "http", "tcp", "exec" or "grpc"; `port` None: not told.

    `period` and `failures` give the time until it acts; `command` are the words of an exec probe.
    """

    kind: ProbeKind
    how: str
    file: str
    line: int
    path: str = ""
    port: int | None = None
    delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    failures: int = 3
    command: tuple[str, ...] = ()

    @property
    def patience(self) -> float:
        """Seconds from the start until it gives an app up that does not answer."""
        return self.delay + self.period * self.failures


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """The server that a command starts: uvicorn, gunicorn, fastapi, gradio or python. `target` is a script or module.

    None and "" stand for what the command does not say; `settled` is False when the words cannot be read to their end
    (a shell script, variables): nothing may be concluded then from what is missing. A `host` of "unix" or "fd" is no
    address at all. `variables` are those that gunicorn sets itself (--env NAME=VALUE).
    """

    name: str
    target: str
    host: str = ""
    port: int | None = None
    workers: int | None = None
    worker_class: str = ""
    config: str = ""
    settled: bool = True
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """One way that the app is run: an image, a service of a compose file, a container of a workload, a systemd unit.

    `runs` says whether it is the app that it runs. `built_from` is the Dockerfile that its image is made of. `sealed`
    is False when its environment has parts that are not to be seen (env_file, envFrom). `shared_network`: 127.0.0.1
    is reached from outside of it (host network, several containers in a pod). `settings` are further words by name.
    `target` is the stage of the Dockerfile that is built, "" the last one. `entry` is the part of `command` that stays
    in front when another command is given (ENTRYPOINT).
    """

    kind: Dialect
    file: str
    line: int
    name: str
    runs: Runs = "perhaps"
    image: Said | None = None
    built_from: str = ""
    command: tuple[str, ...] = ()
    command_line: int = 0
    server: ServerCommand | None = None
    environment: tuple[Said, ...] = ()
    sealed: bool = True
    ports: tuple[Port, ...] = ()
    probes: tuple[HealthProbe, ...] = ()
    memory: Quantity | None = None
    shm: Quantity | None = None
    replicas: Quantity | None = None
    user: Said | None = None
    privileged: Said | None = None
    shared_network: bool = False
    sticky: bool = False
    gpu: bool = False
    settings: tuple[Said, ...] = ()
    target: str = ""
    entry: tuple[str, ...] = ()

    @property
    def in_container(self) -> bool:
        """True when it has a network of its own, so that 127.0.0.1 in it is nobody else's."""
        return self.kind in ("dockerfile", "compose", "kubernetes") and not self.shared_network

    def variable(self, name: str) -> Said | None:
        """The last value that an environment variable is given."""
        return next((s for s in reversed(self.environment) if s.name == name), None)

    def setting(self, name: str) -> Said | None:
        """A further word by its name."""
        return next((s for s in self.settings if s.name == name), None)


@dataclass(frozen=True, slots=True)
class Pin:
    """What a list of requirements asks for. `specifier` is "" for any version; `image` pins come from RUN lines."""

    package: str
    specifier: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """What lies beside an app. `root` is the directory that was searched.

    `server_files` are the settings of gunicorn.conf.py, `space` those of a Hugging Face README header. `locks` are
    files that pin every version. `unread` says, file by file, what could not be read and is not guessed. `missing` are
    settings that name a file which is not there.
    """

    root: str
    files: tuple[tuple[str, Dialect], ...] = ()
    units: tuple[Unit, ...] = ()
    server_files: tuple[Said, ...] = ()
    space: tuple[Said, ...] = ()
    pins: tuple[Pin, ...] = ()
    locks: tuple[str, ...] = ()
    unread: tuple[str, ...] = field(default=())
    missing: tuple[Said, ...] = ()

    @property
    def ours(self) -> tuple[Unit, ...]:
        """The units that surely run the app."""
        return tuple(u for u in self.units if u.runs == "app")

    def image_of(self, unit: Unit) -> Unit | None:
        """The Dockerfile that a unit is built from, as a unit; None when it is not known."""
        return next((u for u in self.units if u.kind == "dockerfile" and u.file == unit.built_from
                     and u.target == unit.target), None)

    def header(self, name: str) -> Said | None:
        """A setting of the Space's header."""
        return next((s for s in self.space if s.name == name), None)
