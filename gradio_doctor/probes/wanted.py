"""Where the app means to listen: its source, its environment, its command line, else Gradio's defaults."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from gradio_doctor.evidence import Absent, AppSource, Call, Environment, Instances, Setting, WantedAddress
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.looks import read_environment

_LOCALHOST = "127.0.0.1"
_FIRST_PORT, _PORTS = 7860, 100  # gradio/http_server.py
_SERVER_PORT = 8000  # uvicorn's, gunicorn's and fastapi's default
_MOST_PORTS = 10_000
_REACHED = ("yes", "main-guard", "conditional", "function")
_VARIABLE = re.compile(
    r"""(?:os\.)?(?:getenv|environ\.get)\(\s*["'](?P<get>\w{1,80})["']\s*(?:,\s*["']?(?P<default>[\w.:/-]{1,80})["']?)?\s*\)"""
    r"""|(?:os\.)?environ\[\s*["'](?P<item>\w{1,80})["']\s*\]"""
)


def probe_wanted(context: Context) -> WantedAddress | Absent:
    """The address that the person expects the app on."""
    target = context.target
    if target.kind in ("log", "bundle"):
        return Absent("a log does not say where the app is meant to listen", "gradio-doctor diagnose app.py")
    if target.url is not None:
        return _of_url(target.url)
    if target.port is not None:
        return WantedAddress(_LOCALHOST, (target.port,), fixed=True, known=True, origin="the port asked about")
    variables = _Variables(context)
    return _of_command(context, variables) or _of_source(context, variables) or _of_environment(variables)


def _of_url(url: str) -> WantedAddress | Absent:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return Absent("the URL names no port of an HTTP server")
    return WantedAddress(parts.hostname or _LOCALHOST, (port,), fixed=True, known=True, origin="the URL asked about")


@dataclass(frozen=True)
class _Variables:
    """The variables that the app sees: as gathered, else those of its process, else of this shell."""

    context: Context

    def get(self, name: str) -> str | None:
        gathered = self.context.get(Environment)
        if isinstance(gathered, Absent):
            return os.environ.get(name)
        if name in gathered.variables:
            return gathered.variables[name]
        owner, _, pid = gathered.of.partition(" ")
        return read_environment(int(pid)).get(name) if owner == "pid" and pid.isdigit() else os.environ.get(name)


# -- the command line of a running server ---------------------------------------------------------------------------

def _of_command(context: Context, variables: _Variables) -> WantedAddress | None:
    instances = context.get(Instances)
    if isinstance(instances, Absent):
        return None
    for process in instances.main:
        server, arguments = _server_command(process.command)
        if server:
            return _of_arguments(server, arguments, variables)
    return None


def _server_command(command: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The ASGI server that a command line runs ("uvicorn app:app", "python -m uvicorn ..."), and its arguments."""
    for at, part in enumerate(command[:4]):
        name = re.split(r"[/\\]", part)[-1].removesuffix(".exe")
        if name in ("uvicorn", "gunicorn", "hypercorn", "fastapi"):
            return name, command[at + 1 :]
    return "", ()


def _of_arguments(server: str, arguments: Sequence[str], variables: _Variables) -> WantedAddress:
    host, port = _LOCALHOST, variables.get("UVICORN_PORT") if server == "uvicorn" else None
    if server == "gunicorn" and (told := variables.get("PORT")):
        host, port = "0.0.0.0", told  # noqa: S104 - gunicorn's own rule
    if server == "fastapi" and "run" in arguments[:1]:
        host = "0.0.0.0"  # noqa: S104 - its default
    for name, value in _options(arguments):
        if name in ("-b", "--bind"):
            host, _, port = value.rpartition(":")
        elif name == "--port":
            port = value
        elif name == "--host":
            host = value
    number = _port(port) if port else _SERVER_PORT
    return WantedAddress(host.strip("[]") or "0.0.0.0", (number or _SERVER_PORT,), fixed=True,  # noqa: S104
                         known=number is not None, origin=f"the command line of {server}")


def port_of_command(command: Sequence[str]) -> int | None:
    """The port that the command line of an ASGI server names; None when it names none, or is none of a server."""
    server, arguments = _server_command(command)
    told = [v for n, v in _options(arguments) if n in ("-b", "--bind", "--port")] if server else []
    return _port(told[-1].rpartition(":")[2]) if told else None


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options with their values, written as `--name value` or `--name=value`."""
    for at, part in enumerate(arguments):
        name, equals, value = part.partition("=")
        if equals:
            yield name, value
        elif at + 1 < len(arguments):
            yield name, arguments[at + 1]


# -- the source ------------------------------------------------------------------------------------------------------

def _of_source(context: Context, variables: _Variables) -> WantedAddress | None:
    source = context.get(AppSource)
    if isinstance(source, Absent):
        return None
    if served := _best(source.named("uvicorn.run")):
        return _of_call(served, ("host", _LOCALHOST), ("port", _SERVER_PORT), variables)
    if launch := _best(source.named("launch")):
        return _of_launch(source, launch, variables)
    if _best(source.named("mount_gradio_app")):
        return WantedAddress(_LOCALHOST, (_SERVER_PORT,), fixed=True, known=False,
                             origin="the default of uvicorn (the app is mounted and starts no server itself)")
    return None


def _best(calls: Sequence[Call]) -> Call | None:
    """The call that most surely runs, the first of several."""
    reached = [c for c in calls if c.reach in _REACHED]
    return min(reached, key=lambda c: _REACHED.index(c.reach), default=None)


def _of_launch(source: AppSource, launch: Call, variables: _Variables) -> WantedAddress:
    port, host = launch.get("server_port"), launch.get("server_name")
    name = _host(_value(host, variables)[0], variables)
    if port is not None:
        number, known = _value(port, variables)
        if number is not None and (fixed := _port(number)) is not None:
            return WantedAddress(name, (fixed,), fixed=True, known=known, origin=_origin(port, launch))
        if not known and (default := _port(port.default)) is not None:
            return WantedAddress(name, (default,), fixed=True, known=False, origin=_origin(port, launch))
        if not known or number is not None:
            ports = _of_environment(variables).ports
            return WantedAddress(name, ports, fixed=False, known=False, origin=_origin(port, launch))
    start = _set_in_source(source, "GRADIO_SERVER_PORT")
    return _range(start, "GRADIO_SERVER_PORT set in the source" if start else "", name, variables)


def _of_call(call: Call, host: tuple[str, str], port: tuple[str, int], variables: _Variables) -> WantedAddress:
    """The address of a call whose port is a single one."""
    setting = call.get(port[0])
    name, _ = _value(call.get(host[0]), variables)
    number, known = _value(setting, variables) if setting else (port[1], True)
    fixed = _port(number if setting is None or number is not None else setting.default)
    origin = _origin(setting, call) if setting else f"the default of {call.name} in {call.file}:{call.line}"
    return WantedAddress(str(name) if name else host[1], (port[1] if fixed is None else fixed,), fixed=True,
                         known=known and fixed is not None, origin=origin)


def _origin(setting: Setting, call: Call) -> str:
    return f"{setting.name}={(setting.text or str(setting.value))[:80]} in {call.file}:{setting.line}"


def _value(setting: Setting | None, variables: _Variables) -> tuple[object, bool]:
    """The value of a setting, and whether it is known. Variables are read; nothing is evaluated."""
    if setting is None:
        return None, True
    if setting.known:
        return setting.value, True
    text = setting.text.strip()[:400]
    if text.startswith("int(") and text.endswith(")"):
        text = text[4:-1].strip()
    found = _VARIABLE.fullmatch(text)
    if found is None:
        return None, False
    value = variables.get(found["get"] or found["item"])
    if value is None:
        value = None if found["default"] in (None, "None") else found["default"]
    return value, value is not None or found["item"] is None


def resolved(setting: Setting, context: Context) -> object:
    """The value of a setting in the app under examination: as the source says, as its environment has it, else its
    default; None when none of them tells."""
    value, _ = _value(setting, _Variables(context))
    return setting.default if value is None else value


def _set_in_source(source: AppSource, name: str) -> str | None:
    """What the source sets a variable to before it imports gradio, which reads it then."""
    imported = min((i.line for i in source.imports if i.module.partition(".")[0] == "gradio" and i.file == source.path),
                   default=sys.maxsize)
    values = [s.value for s in source.environment_sets if s.name == name and s.known and s.line < imported
              and s.file in ("", source.path)]
    return str(values[-1]) if values else None


# -- Gradio's own rules ----------------------------------------------------------------------------------------------

def _of_environment(variables: _Variables) -> WantedAddress:
    return _range(None, "", _host(None, variables), variables)


def _range(start: str | None, origin: str, host: str, variables: _Variables) -> WantedAddress:
    """GRADIO_SERVER_PORT is where the search starts, and not a port that is insisted upon."""
    if start is None and (start := variables.get("GRADIO_SERVER_PORT")) is not None:
        origin = f"GRADIO_SERVER_PORT={start}"
    first = _port(start)
    count = variables.get("GRADIO_NUM_PORTS")
    number = min(int(count), _MOST_PORTS) if count and re.fullmatch(r"[1-9]\d{0,5}", count) else _PORTS
    ports = tuple(range(first or _FIRST_PORT, min((first or _FIRST_PORT) + number, 65536)))
    return WantedAddress(host, ports, fixed=len(ports) == 1, known=start is None or first is not None,
                         origin=origin[:120] or "Gradio's default")


def _host(name: object, variables: _Variables) -> str:
    return (str(name) if name else variables.get("GRADIO_SERVER_NAME") or _LOCALHOST).strip("[]")


def _port(value: object) -> int | None:
    """A port number, None when it is not one."""
    text = str(value)
    number = int(text) if re.fullmatch(r"\d{1,5}", text, re.ASCII) and not isinstance(value, bool) else 0
    return number if 0 < number < 65536 else None
