"""The routes of Caddy: read off its Caddyfile, or told by its own program (`caddy adapt`), or off its JSON."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradio_doctor.evidence import Directive, Route, Upstream
from gradio_doctor.probes.bounded_process import run_bounded
from gradio_doctor.probes.proxies.caddy_json import json_routes
from gradio_doctor.probes.proxies.caddy_text import Caddyfile, flat, matchers
from gradio_doctor.probes.proxies.reading import Files

_INSIDE = ("handle", "handle_path", "route")
_SECONDS, _MOST_OUTPUT = 3.0, 4_000_000
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})$")


def caddy_routes(path: str, files: Files, program: str) -> tuple[Route, ...]:
    """The routes of a configuration. `program` is the running Caddy's own, "" when it may not be run."""
    if path.endswith(".json"):
        return json_routes(_json(files.text(path) or ""), path, "")
    before = len(files.unread)
    reader = Caddyfile(files)
    routes = tuple(r for site in _sites(reader.read(path)) for r in site.routes(files))
    if len(files.unread) > before and program and not files.root and is_trusted(program):
        told = adapted(program, path)
        if told is not None:
            del files.unread[before:]
            return json_routes(told, path, files.text(path) or "")
    return routes


def adapted(program: str, path: str) -> object | None:
    """The configuration as Caddy itself understands it; None when it says that it cannot."""
    command = [program, "adapt", "--config", path, "--adapter", "caddyfile"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "XDG_DATA_HOME": "/nonexistent"}
    try:
        done = run_bounded(
            command, seconds=_SECONDS, limit=_MOST_OUTPUT, directory=str(Path(path).parent), environment=environment
        )
    except (OSError, ValueError, TimeoutError):
        return None
    return _json(done.output.decode("utf-8", "replace")) if done.code == 0 else None


def is_trusted(program: str) -> bool:
    """True for a program that only root or we ourselves can have put there: nothing else is run."""
    if not hasattr(os, "geteuid"):
        return False
    try:
        places = [Path(program), *Path(program).parents][:3]
        found = [p.stat() for p in places]
    except OSError:
        return False
    return all(s.st_uid in (0, os.geteuid()) and not s.st_mode & 0o022 for s in found)


def _json(text: str) -> object | None:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found


@dataclass(frozen=True)
class _Site:
    """One site block, with what the global options say of ports and certificates."""

    place: Directive
    addresses: tuple[str, ...]
    block: tuple[Directive, ...]
    secure: bool

    def routes(self, files: Files) -> Iterator[Route]:
        listens, names, tls = [], [], any(d.name == "tls" for d in self.block)
        for address in self.addresses:
            if "{" in address:
                files.skip(f"{self.place.file}:{self.place.line}", f"the address {address} comes from elsewhere")
                continue
            host, port, encrypted = _address(address, secure=self.secure or tls)
            listens.append(f"*:{port}")
            names += [host] if host else []
            tls = tls or encrypted
        base = Route("caddy", self.place.file, self.place.line, tuple(dict.fromkeys(listens)), tls, tuple(names))
        yield from _Inside(base, matchers(self.block), files).routes(self.block, "/", stripped=False, around=())


@dataclass(frozen=True)
class _Inside:
    """Walks the handlers of a site."""

    base: Route
    named: Mapping[str, str | None]
    files: Files

    def routes(
        self, block: Sequence[Directive], path: str, *, stripped: bool, around: tuple[Directive, ...]
    ) -> Iterator[Route]:
        settings = (*(d for one in block if one.name != "reverse_proxy" and one.name not in _INSIDE
                      for d in flat((one,))), *around)
        stripped = stripped or any(d.name == "uri" and d.arguments[:1] == ("strip_prefix",) for d in block)
        for one in block:
            wanted = one.arguments[:1]
            if one.name in _INSIDE and one.block is not None:
                inner = self._path(wanted[0], path, one) if wanted else path
                strips = stripped or one.name == "handle_path"
                if inner is not None:
                    yield from self.routes(one.block, inner, stripped=strips, around=settings)
            elif one.name == "reverse_proxy":
                has_matcher = bool(wanted) and wanted[0].startswith(("/", "@", "*"))
                inner = self._path(wanted[0], path, one) if has_matcher else path
                if inner is not None:
                    yield from self._route(one, one.arguments[has_matcher:], inner, stripped, settings)

    def _path(self, matcher: str, path: str, place: Directive) -> str | None:
        found = self.named.get(matcher) if matcher.startswith("@") else matcher
        if found is None:
            self.files.skip(f"{place.file}:{place.line}", f"the matcher {matcher} is more than a path")
            return None
        if found == "*":
            return path
        return found.removesuffix("*") if found.endswith("*") else f"= {found}"

    def _route(
        self, one: Directive, targets: Sequence[str], path: str, stripped: bool, settings: tuple[Directive, ...]
    ) -> Iterator[Route]:
        own = one.block or ()
        every = [*targets, *(a for d in own if d.name == "to" for a in d.arguments)]
        if any("{" in t for t in every) or any(d.name == "dynamic" for d in own):
            self.files.skip(f"{one.file}:{one.line}", "where reverse_proxy leads is in a variable")
            return
        upstreams = tuple(u for t in every for u in caddy_upstreams(t, "/" if stripped else "", self.files))
        if upstreams:
            yield replace(self.base, line=one.line, file=one.file, path=path, upstreams=upstreams, own=own,
                          settings=(*flat(own), *settings), opening=f"reverse_proxy {' '.join(one.arguments)}")


def caddy_upstreams(written: str, path: str, files: Files) -> Iterator[Upstream]:
    """127.0.0.1:7860, :7860, https://host, h2c://host:1, unix//run/app.sock, host:7860-7862."""
    if written.startswith(("unix/", "unix+h2c/")):
        place = written.partition("/")[2]
        yield Upstream("http", socket=place, path=path, there=files.is_socket(place))
        return
    scheme, mark, rest = written.partition("://")
    scheme, rest = (scheme, rest) if mark else ("http", written)
    rest = rest.partition("/")[0]
    host, colon, port = rest.rpartition(":")
    if (several := _RANGE.fullmatch(port)) and colon:
        ports = range(int(several[1]), min(int(several[2]), int(several[1]) + 20) + 1)
        yield from (Upstream(scheme, host or "localhost", p, path=path) for p in ports)
    elif colon and port.isascii() and port.isdigit():
        yield Upstream(scheme, host or "localhost", int(port[:6]), path=path)
    else:
        yield Upstream(scheme, rest, 443 if scheme == "https" else 80, path=path)


def _sites(tree: Sequence[Directive]) -> Iterator[_Site]:
    """The sites. Without braces the whole file is one: its first line has the addresses."""
    options = next((d for d in tree if d.name == "" and d.block is not None), None)
    said = (options.block or ()) if options is not None else ()
    secure = not any(d.name == "auto_https" and d.arguments[:1] == ("off",) for d in said)
    blocks = [d for d in tree if d.block is not None and d.name]
    first = next((d for d in tree if d.name), None)
    if first is not None and first.block is None:
        yield _Site(first, _split((first.name, *first.arguments)), tuple(d for d in tree if d is not first), secure)
        return
    for one in blocks:
        yield _Site(one, _split((one.name, *one.arguments)), one.block or (), secure)


def _split(addresses: Sequence[str]) -> tuple[str, ...]:
    return tuple(a for written in addresses for a in written.split(",") if a)


def _address(written: str, *, secure: bool) -> tuple[str, str, bool]:
    """Host, port and whether TLS is spoken there: with a host name and nothing else, Caddy gets a certificate."""
    scheme, mark, rest = written.partition("://")
    rest = (rest if mark else written).partition("/")[0]
    host, colon, port = rest.rpartition(":")
    if not colon or not port.isdigit():
        host, port = rest, ""
    tls = scheme == "https" if mark else secure and (port == "443" or (bool(host) and port != "80"))
    return host, port or ("443" if tls else "80"), tls
