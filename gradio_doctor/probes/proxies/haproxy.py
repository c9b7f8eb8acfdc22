"""The routes of an HAProxy configuration, as far as they are plain: frontends, listen sections and their backends."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from gradio_doctor.evidence import Directive, Route, Upstream
from gradio_doctor.probes.proxies.reading import Files
from gradio_doctor.probes.redact import clean, redact_text

_SECTIONS = frozenset({"frontend", "backend", "listen", "defaults", "global"})
_OTHERS = frozenset({"peers", "resolvers", "userlist", "mailers", "cache", "program", "ring", "http-errors"})
_MOST_LINES = 50_000


def haproxy_routes(path: str, files: Files) -> tuple[Route, ...]:
    """A route for each backend that a frontend uses; a condition that is not a path is told as a pattern."""
    sections = tuple(_sections(path, files))
    backends = {s.arguments[0]: s for s in sections if s.name in ("backend", "listen") and s.arguments}
    defaults = tuple(d for s in sections if s.name == "defaults" for d in s.block or ())
    found: list[Route] = []
    for front in (s for s in sections if s.name in ("frontend", "listen")):
        for name, where, line in _uses(front):
            if (back := backends.get(name)) is not None:
                found += _route(front, back, where, line, defaults, files)
    return tuple(found)


def _sections(path: str, files: Files) -> Iterator[Directive]:
    """The sections, their statements as a block."""
    current: list[Directive] = []
    head: tuple[str, tuple[str, ...], int] | None = None
    for number, line in enumerate((files.text(path) or "").splitlines()[:_MOST_LINES], 1):
        words = _words(line)
        if not words:
            continue
        if words[0] in _SECTIONS or words[0] in _OTHERS:
            if head:
                yield Directive(head[0], head[1], path, head[2], tuple(current))
            head, current = (words[0], words[1:], number), []
        else:
            current.append(Directive(words[0], words[1:], path, number))
    if head:
        yield Directive(head[0], head[1], path, head[2], tuple(current))


def _words(line: str) -> tuple[str, ...]:
    try:
        parts = shlex.split(line, comments=True)
    except ValueError:
        parts = line.split()
    return tuple(redact_text(clean(p, 500)) for p in parts[:100])


def _uses(front: Directive) -> Iterator[tuple[str, str, int]]:
    """(backend, path, line) of each backend that a frontend sends requests to."""
    block = front.block or ()
    paths = {d.arguments[0]: d.arguments[2] for d in block
             if d.name == "acl" and len(d.arguments) == 3 and d.arguments[1] in ("path_beg", "path_dir")}
    for one in block:
        if one.name == "use_backend" and one.arguments:
            condition = one.arguments[2:]
            plain = len(condition) == 1 and condition[0] in paths
            yield one.arguments[0], paths[condition[0]] if plain else f"~ {' '.join(condition)}", one.line
        elif one.name == "default_backend" and one.arguments:
            yield one.arguments[0], "/", one.line
    if front.name == "listen" and front.arguments:
        yield front.arguments[0], "/", front.line


def _route(
    front: Directive, back: Directive, path: str, line: int, defaults: Sequence[Directive], files: Files
) -> Iterator[Route]:
    binds = [d for d in front.block or () if d.name == "bind" and d.arguments]
    servers = [d for d in back.block or () if d.name == "server" and len(d.arguments) >= 2]
    upstreams = tuple(_server(d, files) for d in servers)
    if not upstreams:
        return
    settings = (*(back.block or ()), *(front.block or ()), *defaults) if front is not back else (
        *(back.block or ()), *defaults)
    listens = tuple(_bound(a) for d in binds for a in d.arguments[0].split(",") if a)
    tls = any("ssl" in d.arguments[1:] for d in binds)
    yield Route("haproxy", front.file, line, listens, tls, (), path, upstreams, settings, back.block or (),
                f"{back.name} {' '.join(back.arguments)}")


def _bound(written: str) -> str:
    return f"*{written}" if written.startswith(":") else written


def _server(server: Directive, files: Files) -> Upstream:
    scheme = "https" if "ssl" in server.arguments[2:] else "http"
    written = server.arguments[1].removeprefix("ipv4@").removeprefix("ipv6@")
    if written.startswith(("unix@", "/")):
        place = written.removeprefix("unix@")
        return Upstream(scheme, socket=place, there=files.is_socket(place))
    host, colon, port = written.rpartition(":")
    number = int(port[:6]) if port.isascii() and port.isdigit() else None
    return Upstream(scheme, host if colon else written, number)
