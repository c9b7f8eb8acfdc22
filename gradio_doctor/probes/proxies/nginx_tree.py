"""An nginx configuration as a tree of directives, its includes in their places. crossplane does the parsing."""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradio_doctor.evidence import Directive
from gradio_doctor.probes.proxies.reading import Files
from gradio_doctor.probes.redact import HIDDEN, clean, is_secret_name, redact_text

_MOST_DEPTH = 24  # of blocks in blocks, and of includes in includes
_MOST_INCLUDES = 2000
_MOST_ARGUMENTS = 200
_ARGUMENT = 1000
_SECRETS = frozenset({"secure_link_secret", "secure_link_md5", "auth_jwt_key_value", "ssl_password_file"})
_SECRET_HEADERS = ("authorization", "cookie")
_Blocks = tuple[str, ...]  # the names of the blocks around, the outermost first


@dataclass
class NginxTree:
    """Reads one configuration. `faults` are the places where it cannot be parsed: (file, line, what)."""

    files: Files
    prefix: str  # what relative includes are relative to
    faults: list[tuple[str, int, str]] = field(default_factory=list)
    _parsed: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    _includes: int = 0

    def read(self, path: str) -> tuple[Directive, ...]:
        """The directives of a file and of all that it includes; () when it cannot be read."""
        names = {s["directive"] for s in self._statements(path)}
        part = ("http",) if "server" in names else ("http", "server") if "location" in names else ()
        return tuple(self._file(path, (), () if "http" in names else part))

    def _statements(self, path: str) -> Sequence[Mapping[str, Any]]:
        if path not in self._parsed:
            text = self.files.text(path)
            self._parsed[path] = self._parse(path, text) if text else ()
        return self._parsed[path]

    def _file(self, path: str, within: tuple[str, ...], blocks: _Blocks) -> Iterator[Directive]:
        self._includes += 1
        if path in within or len(within) > _MOST_DEPTH or self._includes > _MOST_INCLUDES:
            self.files.skip(path, "includes itself" if path in within else "includes without end")
            return
        yield from self._directives(self._statements(path), path, (*within, path), blocks)

    def _directives(
        self, statements: Iterable[Mapping[str, Any]], path: str, within: tuple[str, ...], blocks: _Blocks
    ) -> Iterator[Directive]:
        for one in statements:
            arguments = tuple(map(str, one["args"][:_MOST_ARGUMENTS]))
            if not self._is_sound(one, path, blocks):
                continue
            if one["directive"] == "include" and arguments:
                for included in self.files.matching(posixpath.join(self.prefix, arguments[0])):
                    if self.files.late:
                        self.files.skip(included, "too slow: not read")
                        return
                    yield from self._file(included, within, blocks)
                continue
            block = None
            if "block" in one:
                if len(blocks) >= _MOST_DEPTH:
                    self.files.skip(f"{path}:{one['line']}", "blocks nested too deep")
                    continue
                block = tuple(self._directives(one["block"], path, within, (*blocks, one["directive"])))
            name = clean(one["directive"], 100)
            yield Directive(name, _shown(name, arguments), clean(path, 4096), one["line"], block)

    def _is_sound(self, one: Mapping[str, Any], path: str, blocks: _Blocks) -> bool:
        """Whether nginx would take a directive with these arguments in this block.

        crossplane itself looks at that only in the file where the outermost block begins.
        """
        from crossplane.analyzer import analyze  # type: ignore[import-untyped]
        from crossplane.errors import NgxParserDirectiveError  # type: ignore[import-untyped]

        context = ("http", "location") if "location" in blocks else blocks
        try:
            analyze(path, dict(one), "{" if "block" in one else ";", context, check_ctx=False)
        except NgxParserDirectiveError as error:
            self._fault(path, one["line"], error.strerror)
            return False
        return True

    def _fault(self, path: str, line: int, what: str) -> None:
        """What makes the file unreadable is a fault; arguments that crossplane does not know may be a newer nginx's."""
        if not what.startswith("invalid"):
            self.faults.append((path, line, clean(what, 200)))
        self.files.skip(f"{path}:{line}", clean(what, 200))

    def _parse(self, path: str, text: str) -> Sequence[Mapping[str, Any]]:
        import crossplane  # type: ignore[import-untyped]

        with _as_file(text) as place:
            found = crossplane.parse(place, single=True, check_ctx=False)
            unended = None if found["errors"] else _unended(crossplane.lex(place))
        if unended is not None:
            self._fault(path, unended[1], f'directive "{unended[0]}" is not terminated by ";"')
        for error in found["errors"]:
            what = clean(str(error["error"]).partition(f" in {place}")[0], 200) or "unexpected end of file"
            line = error["line"] or (text.count("\n") + 1 if what.endswith("of file") else 1)
            self._fault(path, line, what)
        parsed: Sequence[Mapping[str, Any]] = found["config"][0]["parsed"]
        return parsed


def _unended(tokens: Iterable[tuple[str, int, bool]]) -> tuple[str, int] | None:
    """The first directive that a closing brace follows without a semicolon, and its line: crossplane lets it pass."""
    first: tuple[str, int] | None = None
    for text, line, is_quoted in tokens:
        if is_quoted or text not in (";", "{", "}"):
            if first is None and not text.startswith("#"):
                first = text, line
        elif text == "}" and first is not None and not first[0].endswith("_by_lua_block"):
            return first
        else:
            first = None
    return None


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A file of our own with that text: crossplane would open a pipe, or a file that grows, and never come back."""
    raw = text.encode("utf-8", "replace")
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("gradio-doctor")
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(raw)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory(prefix="gradio-doctor-") as directory:
        place = Path(directory, "nginx.conf")
        place.write_bytes(raw)
        yield str(place)


def _shown(name: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments without secrets and control characters."""
    out = [redact_text(clean(a, _ARGUMENT)) for a in arguments]
    header = out[0].lower() if out else ""
    names_secret = header in _SECRET_HEADERS or is_secret_name(header.lstrip("$"))
    if name in ("proxy_set_header", "add_header", "set", "more_set_headers", "more_set_input_headers") and names_secret:
        return (out[0], *(a if a.startswith("$") else HIDDEN for a in out[1:]))
    if name in _SECRETS:
        return tuple(HIDDEN for _ in out)
    return tuple(out)
