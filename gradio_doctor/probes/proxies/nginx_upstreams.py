"""Where an nginx location passes its requests to: addresses, upstream groups, sockets, variables that are certain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gradio_doctor.evidence import Directive, Upstream
from gradio_doctor.probes.proxies.reading import Files

PASSES = frozenset({"proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass"})
_DEFAULT_PORTS = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}
_VARIABLE = re.compile(r"\$\{?(\w{1,100})\}?")
_MOST_SERVERS = 64


@dataclass
class Upstreams:
    """Resolves what `proxy_pass` and its kin name, within one http block."""

    http: tuple[Directive, ...]
    files: Files

    def of(self, passing: Directive, levels: Iterable[Iterable[Directive]], stripped: bool) -> tuple[Upstream, ...]:
        """The addresses that a passing directive leads to; () when a variable hides them (it is told then)."""
        target = self._with_variables(passing.arguments[0], levels)
        kind = passing.name.removesuffix("_pass")
        scheme, mark, rest = target.partition("://")
        if not mark:
            scheme, rest = ("http" if kind == "proxy" else kind), target
        authority, path = _split(rest)
        if "$" in authority:
            self.files.skip(f"{passing.file}:{passing.line}", f"where {passing.arguments[0]} leads is in a variable")
            return ()
        if "$" in path and not path.startswith("/$"):
            path = ""  # $request_uri and its like: passed on as it came
        path = path or ("/" if stripped else "")
        return tuple(self._addresses(scheme.lower(), authority, path))[:_MOST_SERVERS]

    def _addresses(self, scheme: str, authority: str, path: str) -> Iterator[Upstream]:
        group = next((d for d in self.http if d.name == "upstream" and d.arguments[:1] == (authority,)), None)
        if group is None:
            yield self._address(scheme, authority, path)
            return
        for server in group.block or ():
            if server.name == "server" and server.arguments and "down" not in server.arguments:
                yield self._address(scheme, server.arguments[0], path)

    def _address(self, scheme: str, written: str, path: str) -> Upstream:
        if written.startswith("unix:"):
            place = written.removeprefix("unix:")
            return Upstream(scheme, socket=place, path=path, there=self.files.is_socket(place))
        host, colon, port = written.rpartition(":")
        if colon and _is_port(port):
            return Upstream(scheme, host, int(port), path=path)
        return Upstream(scheme, written, _DEFAULT_PORTS.get(scheme), path=path)

    def _with_variables(self, text: str, levels: Iterable[Iterable[Directive]]) -> str:
        """The text with the variables filled that are set to one value and to no other."""
        server = [d for level in levels for d in level]

        def value(found: re.Match[str]) -> str:
            values = {d.arguments[1] for d in _sets(server) if d.arguments[0] == f"${found[1]}"}
            return next(iter(values)) if len(values) == 1 else found[0]

        for _ in range(3):  # a variable may be set to another one
            text = _VARIABLE.sub(value, text)[:2000]
        return text


def _sets(block: Iterable[Directive]) -> Iterator[Directive]:
    for one in block:
        if one.name == "set" and len(one.arguments) == 2:
            yield one
        elif one.name == "if":
            yield from _sets(one.block or ())


def _split(rest: str) -> tuple[str, str]:
    """Address and path: 127.0.0.1:7860/x, unix:/run/app.sock:/x, 127.0.0.1:7860$request_uri."""
    if rest.startswith("unix:"):
        place, colon, path = rest.removeprefix("unix:").partition(":")
        return f"unix:{place}", path if colon else ""
    authority, slash, path = rest.partition("/")
    head, dollar, tail = authority.partition("$")
    if head and (_is_port(head.rpartition(":")[2]) or tail.startswith(("request_uri", "uri"))):
        return head, dollar + tail + slash + path
    return authority, slash + path


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:6]) < 65536
