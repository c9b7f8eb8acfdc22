"""The routes of an Apache configuration, as far as they are plain: ProxyPass in virtual hosts and locations."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from gradio_doctor.evidence import Directive, Route, Upstream
from gradio_doctor.probes.proxies.reading import Files
from gradio_doctor.probes.redact import HIDDEN, clean, redact_text

_MOST_DEPTH = 16
_SECTION = re.compile(r"<(/?)([A-Za-z]{1,40})\s{0,20}([^>\n]{0,1000})>")
_VARIABLE = re.compile(r"\$\{(\w{1,100})\}")
_AROUND = frozenset({"ifmodule", "ifdefine", "ifversion", "iffile"})  # read as if they held


def apache_routes(path: str, files: Files) -> tuple[Route, ...]:
    """Every ProxyPass, with what the virtual host around it listens on."""
    reader = _Reader(files, str(posixpath.dirname(path)))
    tree = tuple(reader.read(path, ()))
    ports = [a for d in tree if d.name == "listen" for a in d.arguments[:1]]
    found: list[Route] = []
    for host in (d for d in tree if d.name == "<virtualhost>"):
        block = host.block or ()
        names = tuple(a for d in block if d.name in ("servername", "serveralias") for a in d.arguments)
        tls = any(d.name == "sslengine" and d.value.lower() == "on" for d in block)
        base = Route("apache", host.file, host.line, host.arguments, tls, names)
        found += _passes(block, (*block, *tree), base, files)
    listens = tuple(p if ":" in p else f"*:{p}" for p in ports)
    found += _passes(tree, tree, Route("apache", path, 1, listens), files)
    return tuple(found)


def _passes(block: Sequence[Directive], settings: Sequence[Directive], base: Route, files: Files) -> Iterator[Route]:
    plain = tuple(d for d in settings if d.block is None)
    for one in block:
        if one.name == "<location>" and one.arguments:
            inner = one.block or ()
            for said in (d for d in inner if d.name == "proxypass" and d.arguments):
                yield from _route(said, one.arguments[0], said.arguments[0], (*inner, *plain), base, files)
        elif one.name == "proxypass" and len(one.arguments) >= 2:
            yield from _route(one, one.arguments[0], one.arguments[1], plain, base, files)
        elif one.name == "proxypassmatch" and len(one.arguments) >= 2:
            files.skip(f"{one.file}:{one.line}", "ProxyPassMatch is a pattern: not read")
        elif one.name == "rewriterule" and not {"p", "proxy"}.isdisjoint(_flags(one)):
            files.skip(f"{one.file}:{one.line}", "a RewriteRule with [P] passes requests on: not read")


def _flags(rule: Directive) -> list[str]:
    """The flags of a RewriteRule, its last argument: [P,L]."""
    last = rule.arguments[-1] if len(rule.arguments) > 2 else ""
    return last.strip("[]").lower().split(",") if last.startswith("[") else []


def _route(
    said: Directive, path: str, target: str, settings: tuple[Directive, ...], base: Route, files: Files
) -> Iterator[Route]:
    if target == "!" or target.startswith("balancer:") or "$" in target:
        if target != "!":
            files.skip(f"{said.file}:{said.line}", f"where {target} leads is not read")
        return
    upstream = _upstream(target, path, files)
    yield replace(base, file=said.file, line=said.line, path=path, upstreams=(upstream,), settings=settings,
                  own=(said,), opening=f"ProxyPass {said.value}")


def _upstream(target: str, path: str, files: Files) -> Upstream:
    """Apache puts what follows the path behind the target: /app http://host:1/ strips, /app http://host:1/app keeps."""
    unix, bar, url = target.partition("|")
    scheme, _, rest = (url if bar else target).partition("://")
    authority, slash, tail = rest.partition("/")
    passed = "" if f"{slash}{tail}".rstrip("/") == path.rstrip("/") else f"/{tail}"
    if bar and unix.startswith("unix:"):
        place = unix.removeprefix("unix:")
        return Upstream(scheme, socket=place, path=passed, there=files.is_socket(place))
    scheme = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme.lower())
    host, colon, port = authority.rpartition(":")
    if colon and port.isascii() and port.isdigit():
        return Upstream(scheme, host, int(port[:6]), path=passed)
    return Upstream(scheme, authority, {"http": 80, "https": 443}.get(scheme), path=passed)


@dataclass
class _Reader:
    """Reads the files with what they include; names are told in small letters, sections as <name>."""

    files: Files
    root: str
    defined: dict[str, str] = field(default_factory=dict)

    def read(self, path: str, within: tuple[str, ...]) -> Iterator[Directive]:
        if path in within or len(within) > _MOST_DEPTH:
            self.files.skip(path, "includes itself")
            return
        text = (self.files.text(path) or "").replace("\\\n", " \x01")
        lines = iter([(n, line) for n, line in _numbered(text) if line.strip() and not line.strip().startswith("#")])
        yield from self._block(lines, path, (*within, path), 0)

    def _block(
        self, lines: Iterator[tuple[int, str]], path: str, within: tuple[str, ...], depth: int
    ) -> Iterator[Directive]:
        for number, line in lines:
            section = _SECTION.match(line.strip())
            if section is not None and section[1]:
                return
            if section is not None:
                block = tuple(self._block(lines, path, within, depth + 1)) if depth < _MOST_DEPTH else ()
                name = section[2].lower()
                if name in _AROUND:
                    yield from block
                else:
                    yield Directive(f"<{name}>", _words(self._filled(section[3])), path, number, block)
                continue
            words = _words(self._filled(line))
            if words:
                yield from self._statement(words[0].lower(), words[1:], path, number, within)

    def _statement(
        self, name: str, arguments: tuple[str, ...], path: str, line: int, within: tuple[str, ...]
    ) -> Iterator[Directive]:
        if name == "serverroot" and arguments:
            self.root = arguments[0]
        elif name == "define" and len(arguments) == 2:
            self.defined[arguments[0]] = arguments[1]
        if name in ("include", "includeoptional") and arguments:
            for found in self.files.matching(posixpath.join(self.root, arguments[0])):
                yield from self.read(found, within)
        else:
            hide = name == "requestheader" and any(s in a.lower() for a in arguments for s in ("authoriz", "cookie"))
            yield Directive(clean(name, 100), (*arguments[:2], HIDDEN) if hide else arguments, path, line)

    def _filled(self, text: str) -> str:
        return _VARIABLE.sub(lambda m: self.defined.get(m[1], m[0]), text)[:4000]


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; a joined line has that of its first."""
    number = 1
    for line in text.splitlines():
        yield number, line.replace("\x01", " ")
        number += 1 + line.count("\x01")


def _words(line: str) -> tuple[str, ...]:
    try:
        parts = shlex.split(line)
    except ValueError:
        parts = line.split()
    return tuple(redact_text(clean(p, 1000)) for p in parts[:100])
