"""The routes of an nginx configuration: which requests go where, and which settings are in force for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gradio_doctor.evidence import Directive, Route
from gradio_doctor.nginx_text import quoted
from gradio_doctor.probes.proxies.nginx_upstreams import PASSES, Upstreams
from gradio_doctor.probes.proxies.reading import Files

_STRUCTURE = frozenset({
    "http", "server", "location", "upstream", "listen", "server_name", "include", "if", "types", "set", "return",
    "rewrite", "try_files", "internal", "log_format", "limit_except", *PASSES,
})
_MOST_ROUTES = 500
_Levels = tuple[tuple[Directive, ...], ...]  # the innermost first


def nginx_routes(tree: tuple[Directive, ...], files: Files) -> tuple[Route, ...]:
    """Every location that passes requests on. A file that is only a part (a server, a location) is read as well."""
    found: list[Route] = []
    for http in [d.block or () for d in tree if d.name == "http"] or [tree]:
        upstreams = Upstreams(http, files)
        servers = [d for d in http if d.name == "server" and d.block is not None]
        if not servers and any(d.name == "location" for d in http):  # a snippet, to be included in some server
            found += _Server(http, ((),), upstreams).routes(((False, ()),))
        for server in servers:
            block = server.block or ()
            found += _Server(block, (block, http), upstreams).routes(tuple(_listens(block)))
    for stream in (d for d in tree if d.name == "stream" and d.block):
        files.skip(f"{stream.file}:{stream.line}", "a stream block (TCP) is not read")
    return tuple(found[:_MOST_ROUTES])


def _listens(server: tuple[Directive, ...]) -> Iterator[tuple[bool, tuple[str, ...]]]:
    """Where a server listens, first plain, then with TLS: (tls, addresses). nginx's default is port 80."""
    lines = [d for d in server if d.name == "listen" and d.arguments]
    all_tls = any(d.name == "ssl" and d.arguments == ("on",) for d in server)
    for tls in (False, True):
        of_kind = [d for d in lines if (all_tls or "ssl" in d.arguments[1:]) is tls]
        if of_kind:
            yield tls, tuple(_address(d.arguments[0]) for d in of_kind)
    if not lines:
        yield all_tls, ("*:80",)


def _address(written: str) -> str:
    if written.startswith("unix:"):
        return written
    if written.isdigit():
        return f"*:{written}"
    has_port = written.rpartition(":")[2].isdigit() and not written.endswith("]")
    return written if has_port else f"{written}:80"


@dataclass
class _Server:
    """One server block, or what stands for one."""

    block: tuple[Directive, ...]
    levels: _Levels
    upstreams: Upstreams

    def routes(self, listens: tuple[tuple[bool, tuple[str, ...]], ...]) -> Iterator[Route]:
        """Its routes, once for the plain side and once for the TLS side."""
        if any(d.name == "return" for d in self.block):
            return  # it answers everything itself
        names = tuple(n for d in self.block if d.name == "server_name" for n in d.arguments)
        for levels, location in self._locations(self.block, self.levels):
            for path in self._paths(location):
                route = self._route(levels, location, path)
                if route is not None:
                    yield from (replace(route, tls=tls, listens=where, names=names) for tls, where in listens)

    def _locations(self, block: tuple[Directive, ...], levels: _Levels) -> Iterator[tuple[_Levels, Directive]]:
        for one in block:
            if one.name == "location" and one.block is not None and one.arguments:
                inner = (one.block, *levels)
                yield inner, one
                yield from self._locations(one.block, inner)

    def _paths(self, location: Directive) -> tuple[str, ...]:
        """The paths of a location; those of a named one are the locations that send their requests there."""
        written = " ".join(location.arguments)
        if not written.startswith("@"):
            return (_path(location.arguments),)
        found = ["/"] if _tries(self.block, written) else []
        for _, other in self._locations(self.block, ()):
            found += [other.arguments[-1]] if _tries(other.block or (), written) else []
        return tuple(dict.fromkeys(found))

    def _route(self, levels: _Levels, location: Directive, path: str) -> Route | None:
        block = location.block or ()
        passing = next((d for d in block if d.name in PASSES and d.arguments), None)
        for branch in (d for d in block if d.name == "if" and any(i.name in PASSES for i in d.block or ())):
            self.upstreams.files.skip(f"{branch.file}:{branch.line}", "an `if` decides where requests go: not read")
        if passing is None or any(d.name == "return" for d in block):
            return None
        found = self.upstreams.of(passing, levels, _strips(block, path))
        opening = f"location {' '.join(map(quoted, location.arguments))} {{"
        return Route(
            "nginx", location.file, location.line, path=path, upstreams=found, settings=tuple(_in_force(levels)),
            own=block, opening=opening,
        ) if found else None


def _path(arguments: tuple[str, ...]) -> str:
    """"/x" for a prefix, "= /x" for that path alone, "~ REGEX" for a pattern (the case does not matter to us)."""
    first = arguments[0]
    if len(arguments) == 1:
        mark = next((m for m in ("~*", "^~", "~", "=") if first.startswith(m)), "")
        arguments = (mark, first.removeprefix(mark)) if mark else ("^~", first)
    mark = {"=": "= ", "~": "~ ", "~*": "~ "}.get(arguments[0], "")
    return mark + arguments[1]


def _tries(block: Iterable[Directive], name: str) -> bool:
    """True when a block falls back on a named location for what it does not find."""
    return any(d.arguments and d.arguments[-1] == name for d in block if d.name in ("try_files", "error_page"))


def _strips(block: tuple[Directive, ...], path: str) -> bool:
    """True when a rewrite of the location takes its prefix away: rewrite ^/app/(.*)$ /$1 break."""
    prefix = path.rstrip("/")
    rewrites = (d.arguments for d in block if d.name == "rewrite" and len(d.arguments) >= 2)
    return bool(prefix) and any(
        a[0].lstrip("^").startswith(prefix) and a[1].startswith("/$") and "break" in a[2:] for a in rewrites
    )


def _in_force(levels: _Levels) -> Iterator[Directive]:
    """The directives in force: of each name, all those of the innermost level that has any (nginx inherits so)."""
    told: set[str] = set()
    for level in levels:
        here = [d for d in level if d.name not in told and d.name not in _STRUCTURE and d.block is None]
        yield from here
        told.update(d.name for d in here)

