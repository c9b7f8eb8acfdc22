"""The environment variables that the app's source reads and sets."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from gradio_doctor.evidence.source import EnvironmentRead, Setting
from gradio_doctor.probes.redact import HIDDEN, is_secret_name, redact_text
from gradio_doctor.probes.source.calls import make_setting
from gradio_doctor.probes.source.code import text_of
from gradio_doctor.probes.source.constants import Constants
from gradio_doctor.probes.source.names import External
from gradio_doctor.probes.source.reach import reach_of
from gradio_doctor.probes.source.scopes import Scope, Site

READERS = frozenset({"os.getenv", "os.environ.get"})
SETTERS = frozenset({"os.environ.setdefault", "os.putenv", "os.environ.__setitem__"})
DOTENV = frozenset({"dotenv.load_dotenv", "dotenv.main.load_dotenv"})


class EnvironmentReader:
    """Gathers the variables that the scopes of a program read and set."""

    def __init__(self, constants: Constants, unread: list[str]) -> None:
        self.constants = constants
        self.unread = unread
        self.reads: list[EnvironmentRead] = []
        self.sets: list[Setting] = []

    def read(self, scope: Scope) -> Iterator[None]:
        """Add what a scope reads and sets, site by site."""
        for site in scope.sites:
            yield None
            if site.place.reach == "unreachable":
                continue
            if isinstance(site.node, ast.Subscript):
                self._subscript(site, site.node, scope)
            elif isinstance(site.node, ast.Call) and isinstance(site.node.func, (ast.Name, ast.Attribute)):
                self._call(site, site.node, scope)

    def finish(self) -> None:
        """A variable that the same file sets further up is not required from outside."""
        lines: dict[tuple[str, str], int] = {}
        for one in self.sets:
            key = (one.file, one.name)
            lines[key] = min(lines.get(key, one.line), one.line)
        self.reads = [
            replace(r, required=False) if lines.get((r.file, r.name), r.line) < r.line else r for r in self.reads
        ]

    def _subscript(self, site: Site, node: ast.Subscript, scope: Scope) -> None:
        if self._path(node.value, scope) != "os.environ":
            return
        name = self._name(node.slice, node, scope)
        if name is None:
            return
        if isinstance(node.ctx, ast.Load):
            guarded = site.place.key_guarded or name in site.place.present
            self._add_read(site, scope, name, node.lineno, not guarded)
        elif isinstance(node.ctx, ast.Store):
            value = scope.stored.get(id(node))
            if value is not None:
                self._add_set(site, scope, name, value)

    def _call(self, site: Site, node: ast.Call, scope: Scope) -> None:
        path = self._path(node.func, scope)
        if path in READERS and node.args:
            name = self._name(node.args[0], node, scope)
            if name is not None:
                self._add_read(site, scope, name, node.lineno, False)
        elif path in SETTERS and len(node.args) == 2:
            name = self._name(node.args[0], node, scope)
            if name is not None:
                self._add_set(site, scope, name, node.args[1])
        elif path == "os.environ.update":
            self._update(site, node, scope)
        elif path in DOTENV:
            self._note(node, scope, "load_dotenv() sets environment variables from a file")

    def _update(self, site: Site, node: ast.Call, scope: Scope) -> None:
        """`os.environ.update({"A": "1"}, B="2")`."""
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if node.args and isinstance(node.args[0], ast.Dict):
            pairs = list(zip(node.args[0].keys, node.args[0].values, strict=True))
        elif node.args:
            self._note(node, scope, f"os.environ is updated from {text_of(node.args[0], scope.module)}")
        for key, value in pairs:
            name = self._name(key, node, scope) if key is not None else None
            if name is not None:
                self._add_set(site, scope, name, value)
        for keyword in node.keywords:
            if keyword.arg:
                self._add_set(site, scope, keyword.arg, keyword.value)

    def _path(self, expr: ast.expr, scope: Scope) -> str:
        found = self.constants.names.origin(expr, scope) if isinstance(expr, (ast.Name, ast.Attribute)) else None
        return found.path if isinstance(found, External) else ""

    def _name(self, expr: ast.expr, node: ast.expr, scope: Scope) -> str | None:
        reading = self.constants.read(expr, scope)
        if reading.known and isinstance(reading.value, str):
            return reading.value
        self._note(node, scope, f"the environment variable {text_of(expr, scope.module)} is named at run time")
        return None

    def _add_read(self, site: Site, scope: Scope, name: str, line: int, required: bool) -> None:
        self.reads.append(EnvironmentRead(name, scope.module.path, line, required, reach_of(site.place, scope)))

    def _add_set(self, site: Site, scope: Scope, name: str, value: ast.expr) -> None:
        if reach_of(site.place, scope) in ("function", "unreachable"):
            return
        reading = self.constants.read(value, scope)
        hidden = is_secret_name(name) and bool(reading.likely)
        text = HIDDEN if hidden else redact_text(text_of(value, scope.module))
        self.sets.append(make_setting(name, reading, text, value.lineno, hidden, scope.module.path))

    def _note(self, node: ast.expr, scope: Scope, text: str) -> None:
        self.unread.append(f"{self.constants.program.place(scope.module, node.lineno)}: {text}")
