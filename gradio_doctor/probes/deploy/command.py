"""Which server a command starts, and what it tells it: the words of CMD, command:, ExecStart=, Procfile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from gradio_doctor.evidence.deployment import Runs, ServerCommand
from gradio_doctor.probes.deploy.options import SERVERS, read_options
from gradio_doctor.probes.deploy.shell import BACKGROUND, commands_of, text_for_shell

_PYTHON = re.compile(r"python(?:\d(?:\.\d{1,2})?)?t?")
_WRAPPERS = frozenset({
    "exec", "tini", "dumb-init", "catatonit", "env", "sudo", "nice", "ionice", "nohup", "time", "timeout", "stdbuf",
    "accelerate", "torchrun", "deepspeed", "xvfb-run", "poetry", "uv", "pipenv", "pdm", "rye", "pixi", "hatch", "conda",
    "mamba", "micromamba", "catchsegv", "numactl", "setpriv", "gosu", "su-exec", "setuidgid", "s6-setuidgid", "chpst",
    "opentelemetry-instrument", "ddtrace-run", "dotenv", "doppler", "coverage",
})
_ASSIGNED = re.compile(r"[A-Za-z_]\w{0,80}=")
_WITH_WORD = ("--check-hash-based-pycs",)  # a long option of python itself that takes a word
_MOST_WORDS = 30
_DEEPEST = 4  # sh -c 'sh -c ...'


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
        server = _server(part)
        for word in server.variables if server else ():  # gunicorn --env A=1
            name, _, value = word.partition("=")
            yield name, value


def _commands(words: tuple[str, ...], depth: int = 0) -> Iterator[tuple[str, ...]]:
    for at in range(min(len(words), _MOST_WORDS)):
        text = text_for_shell(words[at:])
        if text is not None and depth < _DEEPEST:
            for part in commands_of(text):
                yield from _commands(part, depth + 1)
            return
        if not _passed(words, at):
            break
    yield words


def _passed(words: Sequence[str], at: int) -> bool:
    """True when the program of a command may come behind a word: a wrapper's name, its options and their values."""
    word = words[at]
    named = _base(word) in _WRAPPERS or word.startswith("-") or bool(_ASSIGNED.match(word))
    return named or (at > 0 and not word.startswith("/"))


def _server(words: tuple[str, ...]) -> ServerCommand | None:
    for at, word in enumerate(words[:_MOST_WORDS]):
        name, rest = _base(word), words[at + 1 :]
        settled = _settled(words)
        if _PYTHON.fullmatch(name):
            found = _python(rest, settled=settled)
            return replace(found, settled=found.settled and settled) if found else None
        if name in SERVERS:
            return read_options(name, _foreground(rest), settled=settled)
        if name.endswith(".py") and not word.startswith("-"):
            return ServerCommand("python", word, settled=settled)
        if not _passed(words, at):
            return None
    return None


def _base(word: str) -> str:
    return PurePosixPath(word).name


def _foreground(words: Sequence[str]) -> Sequence[str]:
    return words[:-1] if words[-1:] == (BACKGROUND,) else words


def _settled(words: Sequence[str]) -> bool:
    return not any("$" in w for w in words) and BACKGROUND not in words


def _python(words: Sequence[str], *, settled: bool) -> ServerCommand | None:
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            return ServerCommand("python", word)
        letter, value = _telling(word)
        if letter in ("c", "-"):
            return None  # its program is in the command line, or comes through a pipe
        if letter == "m":
            module = value or (rest.pop(0) if rest else "")
            if _base(module) in SERVERS:
                return read_options(_base(module), _foreground(tuple(rest)), settled=settled)
            return ServerCommand("python", module) if module else None
        if (letter and not value and rest) or word in _WITH_WORD:
            rest = rest[1:]
    return None


def _telling(word: str) -> tuple[str, str]:
    """The letter of python's own options that ends a cluster (-um MODULE, -Wignore), and what follows it at once."""
    if word == "-" or word.startswith("--"):
        return ("-", "") if word == "-" else ("", "")
    at = next((n for n, letter in enumerate(word) if letter in "cmWX"), None)
    return ("", "") if at is None else (word[at], word[at + 1 :])


def runs_app(server: ServerCommand | None, script: str) -> Runs:
    """Whether a server runs the app of a script, by the name of its file or module, with directories where told."""
    if server is None or not server.target:
        return "perhaps"
    target = server.target.partition(":")[0]
    if "$" in target or "%" in target:
        return "perhaps"
    path = PurePosixPath(target if target.endswith(".py") else target.replace(".", "/") + ".py")
    have = PurePosixPath(script).parts
    if path.name != PurePosixPath(script).name:
        return "other"
    above = () if path.is_absolute() else tuple(p for p in path.parts[:-1] if p not in ("..", "."))
    known = tuple(p for p in have[:-1] if p != "/")[-len(above) :] if above else ()
    # a directory of another name may be one that the image is given: COPY . /srv/pkg
    return "app" if above[len(above) - len(known) :] == known else "perhaps"
