"""Which server a command starts, and what it tells it: the words of CMD, command:, ExecStart=, Procfile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from gradio_doctor.evidence.deployment import Runs, ServerCommand
from gradio_doctor.probes.deploy.quantities import number
from gradio_doctor.probes.deploy.yaml_lines import split

_PYTHON = re.compile(r"python(?:\d(?:\.\d{1,2})?)?")
_SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "fastapi", "gradio"})
_WRAPPERS = frozenset({
    "exec", "tini", "dumb-init", "env", "sudo", "nice", "ionice", "nohup", "time", "accelerate", "torchrun", "xvfb-run",
    "poetry", "uv", "pipenv", "pdm", "rye", "conda", "mamba", "micromamba", "catchsegv", "numactl", "setpriv", "gosu",
})
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})
_SPLIT = re.compile(r"\s*(?:&&|\|\||;|\n)\s*")
_ASSIGNED = re.compile(r"[A-Za-z_]\w{0,80}=")
# options of python itself that take a word; those of wrappers are passed over as far as the server's own name
_WITH_WORD = frozenset({"-W", "-X"})


def read_server(words: Sequence[str]) -> ServerCommand | None:
    """The last server that a command starts (a shell's `a && b` has several commands); None when none is named."""
    found = None
    for part in _commands(tuple(words)):
        found = _server(part) or found
    return found


def assignments(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The variables that a command sets in front of itself (A=1 python app.py, also after `env` and `export`)."""
    for part in _commands(tuple(words)):
        for word in part:
            if _ASSIGNED.match(word):
                name, _, value = word.partition("=")
                yield name, value
            elif word not in ("env", "export", "exec"):
                break


def _commands(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if len(words) >= 3 and _base(words[0]) in _SHELLS and words[1].startswith("-") and words[1].endswith("c"):
        for text in _SPLIT.split(words[2][:8000]):
            yield from _commands(split(text))
        return
    part: list[str] = []
    for word in words:
        if word in ("&&", "||", ";"):
            yield tuple(part)
            part = []
        else:
            part.append(word)
    yield tuple(part)


def _server(words: tuple[str, ...]) -> ServerCommand | None:
    for at, word in enumerate(words[:30]):
        name = _base(word)
        if _PYTHON.fullmatch(name):
            return _python(words[at + 1 :])
        if name in _SERVERS:
            return _named(name, words[at + 1 :])
        if name.endswith(".py") and not word.startswith("-"):
            return ServerCommand("python", word, settled=_settled(words))
        passed = name in _WRAPPERS or word.startswith("-") or bool(_ASSIGNED.match(word))
        passed = passed or (at > 0 and not word.startswith("/"))
        if not passed:
            return None
    return None


def _base(word: str) -> str:
    return PurePosixPath(word).name


def _settled(words: Sequence[str]) -> bool:
    return not any("$" in w for w in words)


def _python(words: Sequence[str]) -> ServerCommand | None:
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "-m" and rest:
            name = _base(rest[0])
            if name in _SERVERS:
                return _named(name, rest[1:])
            return ServerCommand("python", rest[0], settled=_settled(rest))
        if word in _WITH_WORD and rest:
            rest.pop(0)
        elif not word.startswith("-"):
            return ServerCommand("python", word, settled=_settled(rest))
    return None


def _named(name: str, words: Sequence[str]) -> ServerCommand:
    """uvicorn, gunicorn, hypercorn, fastapi run, gradio: what their options say."""
    made = ServerCommand(name, "", settled=_settled(words))
    plain: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            plain.append(word)
            continue
        option, equals, value = word.partition("=")
        if not equals and len(option) > 2 and option[1] != "-" and option[:2] in _SHORT:
            option, value = option[:2], option[2:]  # -w4
        elif not equals and rest and option not in _FLAGS:
            value = rest.pop(0)
        made = _with(made, option, value)
    if name == "fastapi":
        made = replace(made, host=made.host or ("0.0.0.0" if plain[:1] == ["run"] else "127.0.0.1"))  # noqa: S104
        plain = plain[1:]
    return replace(made, target=plain[0] if plain else "")


_SHORT = frozenset({"-w", "-k", "-b", "-c", "-t"})
_FLAGS = frozenset({
    "--reload", "--preload", "--proxy-headers", "--no-proxy-headers", "--factory", "--daemon", "--no-access-log", "-D",
    "--no-server-header", "--no-date-header", "--use-colors", "--no-use-colors", "--access-log", "--reuse-port",
})


def _with(server: ServerCommand, option: str, value: str) -> ServerCommand:
    if option in ("--host",):
        return replace(server, host=value)
    if option in ("--port",):
        return replace(server, port=number(value), settled=server.settled and number(value) is not None)
    if option in ("-b", "--bind"):
        host, _, port = value.rpartition(":")
        anywhere = "0.0.0.0" if ":" in value else value  # noqa: S104 - ":8000" means every address
        return replace(server, host=host.strip("[]") or anywhere, port=number(port))
    if option in ("-w", "--workers"):
        return replace(server, workers=number(value))
    if option in ("-k", "--worker-class"):
        return replace(server, worker_class=value)
    if option in ("-c", "--config") and server.name == "gunicorn":
        return replace(server, config=value)
    return server


def runs_app(server: ServerCommand | None, script: str) -> Runs:
    """Whether a server runs the app of a script, by the name of its file or module."""
    if server is None or not server.target:
        return "perhaps"
    stem = PurePosixPath(script).stem
    target = server.target.partition(":")[0]
    last = PurePosixPath(target).stem if target.endswith(".py") else target.rpartition(".")[2]
    return "app" if last == stem else "perhaps" if "$" in target else "other"
