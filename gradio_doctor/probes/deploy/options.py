"""Which options of the servers stand alone, and what the others say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradio_doctor.evidence.deployment import ServerCommand
from gradio_doctor.probes.deploy.quantities import number

SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "fastapi", "gradio"})
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - a name for what is read
_HELP = ("--help", "--version")
# those that take no value, of gunicorn 19-27, uvicorn 0.20-0.54, hypercorn 0.17, fastapi-cli 0.0.20, gradio 4-6
_ALONE: dict[str, frozenset[str]] = {
    "gunicorn": frozenset({
        "--capture-output", "--casefold-http-method", "--check-config", "--daemon", "--do-handshake-on-connect",
        "--disable-redirect-access-to-syslog", "--enable-backlog-metric", "--enable-stdio-inheritance", "--initgroups",
        "--log-syslog", "--no-control-socket", "--no-sendfile", "--permit-obsolete-folding", "--preload", "--reload",
        "--permit-unconventional-http-method", "--permit-unconventional-http-version", "--print-config", "--spew",
        "--reuse-port", "--strip-header-spaces", "--suppress-ragged-eofs", "--tolerate-dangerous-framing",
        "-D", "-R", "-h", "-v", *_HELP,
    }),
    "uvicorn": frozenset({
        "--reload", "--http2", "--access-log", "--no-access-log", "--use-colors", "--no-use-colors", "--proxy-headers",
        "--no-proxy-headers", "--server-header", "--no-server-header", "--date-header", "--no-date-header", "--factory",
        "--reset-contextvars", *_HELP,
    }),
    "hypercorn": frozenset({"--debug", "--reload", "-h", *_HELP}),
    "fastapi": frozenset({"--reload", "--no-reload", "--proxy-headers", "--no-proxy-headers", "--verbose", *_HELP}),
    "gradio": frozenset({"--vibe", "--watch-library", *_HELP}),
}
_CLUSTERED = frozenset("wkbctengump")  # short options whose value may follow at once: -w4
_TOLD = frozenset({"--uds", "--fd", "--host", "--port", "-b", "--bind", "-w", "--workers", "-k", "--worker-class"})


def read_options(name: str, words: Sequence[str], *, settled: bool) -> ServerCommand:
    """What the words behind a server's name say. An option never eats the word behind it when it stands alone."""
    made = ServerCommand(name, "", settled=settled)
    plain: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            plain.append(word)
            continue
        if word == "--":
            plain += rest
            break
        option, value = _valued(name, word, rest)
        made = _with(made, option, value)
    if name == "fastapi":
        made = replace(made, host=made.host or (_EVERYWHERE if plain[:1] == ["run"] else "127.0.0.1"))
        plain = plain[1:]
    return replace(made, target=plain[0] if plain else "")


def _valued(name: str, word: str, rest: list[str]) -> tuple[str, str]:
    """An option and its value, which is taken from the rest where it is the next word."""
    option, equals, value = word.partition("=")
    alone = _ALONE[name]
    if equals or option in alone:
        return option, value
    if option == "--proxy-protocol":  # alone up to gunicorn 23, since then with a value or without
        taken = rest[0] if rest and rest[0] in ("off", "v1", "v2", "auto") else ""
        return option, rest.pop(0) if taken else ""
    if len(word) > 2 and word[1] != "-":
        while len(word) > 2 and word[:2] in alone:  # -Dw4
            word = f"-{word[2:]}"
        if word in alone:
            return word, ""
        if len(word) > 2 and word[1] in _CLUSTERED:
            return word[:2], word[2:]
        option = word
    return option, rest.pop(0) if rest else ""


def _with(server: ServerCommand, option: str, value: str) -> ServerCommand:
    if option in _TOLD and not value:
        return replace(server, settled=False)
    if option in ("--uds", "--fd"):
        return replace(server, host="unix" if option == "--uds" else "fd")
    if option == "--host":
        return replace(server, host=value)
    if option == "--port":
        return replace(server, port=number(value), settled=server.settled and number(value) is not None)
    if option in ("-b", "--bind"):
        return _bound(server, value)
    if option in ("-w", "--workers"):
        return replace(server, workers=number(value), settled=server.settled and number(value) is not None)
    if option in ("-k", "--worker-class"):
        return replace(server, worker_class=value)
    if option in ("-c", "--config") and server.name == "gunicorn":
        return replace(server, config=value)
    if option in ("-e", "--env") and "=" in value:
        return replace(server, variables=(*server.variables, value))
    return server


def _bound(server: ServerCommand, value: str) -> ServerCommand:
    """-b HOST:PORT, unix:PATH, fd://N. The one that others reach counts when there are several."""
    host, port = address(value)
    if server.host == _EVERYWHERE and server.port is not None:
        return server
    return replace(server, host=host, port=port)


def address(value: str) -> tuple[str, int | None]:
    """Host and port of gunicorn's bind; ("unix", None) for a socket file, ("fd", None) for a descriptor."""
    value = value.removeprefix("tcp://")
    if value.startswith(("unix:", "fd:")):
        return value.partition(":")[0], None
    host, colon, port = value.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = value, ""
    return host.strip("[]") or _EVERYWHERE, number(port) if port else 8000
