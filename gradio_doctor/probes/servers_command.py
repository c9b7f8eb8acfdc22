"""What a server's command line and environment set: gunicorn, uvicorn and hypercorn, by their own rules."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gradio_doctor.evidence.servers import ServerKind, ServerOption
from gradio_doctor.probes.redact import clean
from gradio_doctor.probes.scripts import is_python, program_name

SERVERS: tuple[ServerKind, ...] = ("gunicorn", "uvicorn", "hypercorn")
_TITLE = re.compile(r"gunicorn: (?:master|worker) \[([^\]]{1,300})\]")
_APP = re.compile(r"[A-Za-z_][\w.]{0,300}(?::[A-Za-z_][\w.()]{0,200})?")
# Long names of the settings that matter here; short flags of each server. None: a switch.
_NAMES: Mapping[str, str] = {
    "workers": "workers", "worker-class": "worker_class", "threads": "threads", "timeout": "timeout",
    "graceful-timeout": "graceful_timeout", "max-requests": "max_requests", "bind": "bind", "config": "config",
    "chdir": "chdir", "app-dir": "chdir", "host": "host", "port": "port", "pythonpath": "pythonpath",
    "log-file": "errorlog", "error-logfile": "errorlog", "limit-max-requests": "max_requests",
    "timeout-graceful-shutdown": "graceful_timeout", "timeout-worker-healthcheck": "timeout",
}
_SWITCHES = {"preload": "preload_app", "reload": "reload", "daemon": "daemon", "factory": "factory"}
_SHORT: Mapping[str, Mapping[str, str]] = {
    "gunicorn": {"w": "workers", "k": "worker_class", "t": "timeout", "b": "bind", "c": "config"},
    "hypercorn": {"w": "workers", "k": "worker_class", "b": "bind", "c": "config"},
    "uvicorn": {},
}
_SHORT_SWITCHES: Mapping[str, Mapping[str, str]] = {"gunicorn": {"D": "daemon"}}
# Switches without a value that are of no interest here (gunicorn/config.py, uvicorn/main.py).
_PLAIN = frozenset({
    "check-config", "print-config", "capture-output", "no-sendfile", "proxy-protocol", "spew", "reuse-port",
    "initgroups", "enable-stdio-inheritance", "disable-redirect-access-to-syslog", "log-syslog", "no-control-socket",
    "access-log", "no-access-log", "use-colors", "no-use-colors", "proxy-headers", "no-proxy-headers", "server-header",
    "date-header", "no-server-header", "no-date-header", "debug", "version", "help",
    "do-handshake-on-connect", "no-reload", "verbose",
})
_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "gunicorn": {"workers": "1", "worker_class": "sync", "threads": "1", "timeout": "30", "graceful_timeout": "30",
                 "max_requests": "0", "preload_app": "False", "reload": "False"},
    "uvicorn": {"workers": "1", "reload": "False"},
    "hypercorn": {"workers": "1", "worker_class": "asyncio"},
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command line understood. `app` is module[:name], "" when the command has none."""

    kind: ServerKind
    app: str = ""
    options: Mapping[str, ServerOption] = field(default_factory=dict)
    titled: bool = False


def read_command(command: Sequence[str]) -> Command | None:
    """What a server's command line says, None when it is no server's."""
    if command and (title := _TITLE.match(command[0])):
        return Command("gunicorn", title[1], titled=True)
    words = list(command[:400])
    if words and is_python(words):
        words = words[1:]
        while words and words[0].startswith("-") and words[0] != "-m":
            words = words[1 + (words[0] in ("-W", "-X")) :]
        if words[:1] == ["-m"]:
            words = words[1:]
    name = program_name(words[0]) if words else ""
    if name == "fastapi":
        return _fastapi(words[1:])
    if name not in SERVERS:
        return None
    kind = next(k for k in SERVERS if k == name)
    app, options = _arguments(kind, words[1:])
    return Command(kind, app, options)


def _fastapi(words: Sequence[str]) -> Command | None:
    """fastapi-cli runs uvicorn, with reload unless told otherwise for `dev`; it finds out the app's name itself."""
    if not words or words[0] not in ("run", "dev"):
        return None
    options = _arguments("uvicorn", words[1:])[1]
    if words[0] == "dev" and "--no-reload" not in words:
        options.setdefault("reload", ServerOption("True", "fastapi dev"))
    return Command("uvicorn", "", options)


def of_environment(kind: ServerKind, variables: Mapping[str, str]) -> dict[str, ServerOption]:
    """The settings that a server takes from its environment."""
    found: dict[str, ServerOption] = {}
    if kind in ("gunicorn", "uvicorn") and (count := variables.get("WEB_CONCURRENCY", "").strip()):
        found["workers"] = ServerOption(clean(count, 20), "WEB_CONCURRENCY")
    if kind == "uvicorn" and (count := variables.get("UVICORN_WORKERS", "").strip()):
        found["workers"] = ServerOption(clean(count, 20), "UVICORN_WORKERS")
    return found


def of_arguments_variable(variables: Mapping[str, str]) -> dict[str, ServerOption]:
    """The settings in GUNICORN_CMD_ARGS."""
    try:
        words = shlex.split(variables.get("GUNICORN_CMD_ARGS", "")[:4000])
    except ValueError:
        return {}
    options = _arguments("gunicorn", words)[1]
    return {name: ServerOption(o.value, "GUNICORN_CMD_ARGS", o.known) for name, o in options.items()}


def defaults(kind: ServerKind) -> dict[str, ServerOption]:
    """What a server does when nobody says otherwise."""
    return {name: ServerOption(value, "default") for name, value in _DEFAULTS.get(kind, {}).items()}


def _arguments(kind: ServerKind, words: Sequence[str]) -> tuple[str, dict[str, ServerOption]]:
    options: dict[str, ServerOption] = {}
    app = ""
    for flag, name, value in _walk(kind, words):
        if name:
            options[name] = ServerOption(clean(value, 300), flag)
        elif not flag and not app and _APP.fullmatch(value):
            app = value
    return app, options


def _walk(kind: ServerKind, words: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Flag, setting and value of each argument; flag and setting are "" for a positional one."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            yield "", "", word
            continue
        if not word.startswith("--"):
            flag, name, value = _short(kind, word, rest)
        else:
            flag, equals, value = word.partition("=")
            name = _SWITCHES.get(flag[2:], "")
            if name:
                value = "True"
            elif flag[2:] not in _PLAIN:
                name = _NAMES.get(flag[2:], "")
                value = value if equals or not rest else rest.pop(0)
        yield flag, name, value


def _short(kind: ServerKind, word: str, rest: list[str]) -> tuple[str, str, str]:
    flag, attached = word[:2], word[2:].removeprefix("=")
    if switch := _SHORT_SWITCHES.get(kind, {}).get(flag[1:]):
        return flag, switch, "True"
    if flag[1:] in "RdhvS" and not attached:
        return flag, "", ""
    value = attached or (rest.pop(0) if rest else "")
    return flag, _SHORT[kind].get(flag[1:], ""), value
