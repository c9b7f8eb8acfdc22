"""The calls that configure the app: launch(), queue(), Blocks(), mount_gradio_app(), uvicorn.run()."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gradio_doctor.evidence.source import Call, Setting, Value
from gradio_doctor.probes.redact import HIDDEN, clean, is_secret_name, redact_text
from gradio_doctor.probes.source.code import text_of
from gradio_doctor.probes.source.constants import Constants, Reading
from gradio_doctor.probes.source.names import External, Instance, Names, Parameter
from gradio_doctor.probes.source.reach import reach_of
from gradio_doctor.probes.source.scopes import Scope, Site
from gradio_doctor.probes.source.vocabulary import CONSTRUCTORS, KEYWORDS, NOTED, POSITIONAL, QUEUEING

MAX_STRING = 500  # characters of a setting's value


def read_calls(scope: Scope, names: Names, constants: Constants, unread: list[str]) -> Iterator[Call]:
    """The configuring calls in a scope, in source order."""
    for site in scope.sites:
        if isinstance(site.node, ast.Call):
            name = configures(site.node, scope, names)
            if name:
                yield _call(name, site, site.node, scope, _Settings(scope, constants, unread))


def _call(name: str, site: Site, node: ast.Call, scope: Scope, settings: _Settings) -> Call:
    reach = reach_of(site.place, scope)
    line = node.func.end_lineno or node.lineno if isinstance(node.func, ast.Attribute) else node.lineno
    return Call(name, scope.module.path, line, reach, tuple(settings.read(name, node)))


def listener_settings(node: ast.Call, scope: Scope, constants: Constants) -> tuple[Setting, ...]:
    """What an event listener says of queueing: how many at once, whether through the queue, in batches."""
    settings = _Settings(scope, constants, [])
    return tuple(settings.named(k.arg, k.value) for k in node.keywords if k.arg in QUEUEING)


def configures(node: ast.Call, scope: Scope, names: Names) -> str:
    """The name of a configuring call, "" for another call."""
    if isinstance(node.func, ast.Attribute) and node.func.attr in KEYWORDS:
        return node.func.attr if _is_app(node, node.func, scope, names) else ""
    if not isinstance(node.func, (ast.Name, ast.Attribute)):
        return ""
    function = names.origin(node.func, scope)
    if not isinstance(function, External):
        return ""
    if function.path in ("uvicorn.run", "uvicorn.Config", "uvicorn.main.run", "uvicorn.config.Config"):
        return "uvicorn.run"
    last = function.path.rpartition(".")[2]
    if function.root == "gradio" and "(" not in function.path and (last in CONSTRUCTORS or last == "mount_gradio_app"):
        return last
    return ""


def _is_app(node: ast.Call, func: ast.Attribute, scope: Scope, names: Names) -> bool:
    """True when a launch() or queue() is one of a Gradio app: its object is, or nothing speaks against it."""
    owner = names.origin(func.value, scope)
    if isinstance(owner, External):
        return owner.is_gradio and "(" in owner.path
    if isinstance(owner, Instance):
        member = names.member(owner.cls, func.attr)
        return isinstance(member, External) and member.is_gradio
    if owner is not None and not isinstance(owner, Parameter):
        return False
    keywords = {k.arg for k in node.keywords if k.arg}
    return keywords <= KEYWORDS[func.attr] and not node.args


class _Settings:
    """Reads the arguments of one call."""

    def __init__(self, scope: Scope, constants: Constants, unread: list[str]) -> None:
        self.scope = scope
        self.constants = constants
        self.unread = unread

    def read(self, name: str, node: ast.Call) -> Iterator[Setting]:
        """The arguments by name, in order."""
        order = POSITIONAL.get(name, ())
        for i, argument in enumerate(node.args):
            if i < len(order) and not isinstance(argument, ast.Starred):
                yield self.named(order[i], argument)
            else:
                self._note(node, f"{name}() has arguments without a name ({text_of(argument, self.scope.module)})")
                break
        for keyword in node.keywords:
            if keyword.arg:
                yield self.named(keyword.arg, keyword.value)
            else:
                yield from self._expanded(name, node, keyword.value)

    def named(self, name: str, expr: ast.expr) -> Setting:
        """One argument by its name."""
        reading = self.constants.read(expr, self.scope)
        hidden = is_secret_name(name) and reading.value not in (None, False, True, "")
        hidden = hidden or (is_secret_name(name) and isinstance(expr, (ast.Tuple, ast.List, ast.Dict)))
        text = HIDDEN if hidden else redact_text(text_of(expr, self.scope.module))
        if not reading.known and name in NOTED:
            origin = f" (taken from {reading.origin})" if reading.origin else ""
            self._note(expr, f"{name} comes from {text}{origin}")
        return make_setting(name, reading, text, expr.lineno, hidden)

    def _expanded(self, name: str, node: ast.Call, value: ast.expr) -> Iterator[Setting]:
        """The entries of `**settings` when it is a dict written out once and never changed."""
        pairs = self._entries(value)
        if pairs is None:
            self._note(node, f"{name}() takes **{redact_text(text_of(value, self.scope.module))}")
            return
        for key, expr in pairs:
            yield self.named(key, expr)

    def _entries(self, value: ast.expr) -> list[tuple[str, ast.expr]] | None:
        if isinstance(value, ast.Name):
            found = self.constants.names.lookup(value.id, self.scope)
            if not isinstance(found, list) or len(found) != 1 or found[0].expr is None or found[0].index is not None:
                return None
            if value.id in found[0].scope.changed or value.id in self.scope.changed:
                return None
            value = found[0].expr
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
            named = [(k.arg, k.value) for k in value.keywords if k.arg]
            return named if not value.args and len(named) == len(value.keywords) else None
        if not isinstance(value, ast.Dict):
            return None
        pairs = [(k.value, v) for k, v in zip(value.keys, value.values, strict=True)
                 if isinstance(k, ast.Constant) and isinstance(k.value, str)]
        return pairs if len(pairs) == len(value.keys) else None

    def _note(self, node: ast.expr, text: str) -> None:
        self.unread.append(f"{self.constants.program.place(self.scope.module, node.lineno)}: {text}")


def make_setting(name: str, reading: Reading, text: str, line: int, hidden: bool, file: str = "") -> Setting:
    """A Setting of what was read, without the value when that is secret."""
    if hidden:
        return Setting(name, None, False, text, line, origin="a secret in the source", file=file)
    value, default = _shown(reading.value), _shown(reading.default)
    return Setting(name, value, reading.known, text, line, default, redact_text(clean(reading.origin)), file)


def _shown(value: Value) -> Value:
    return redact_text(clean(value, MAX_STRING)) if isinstance(value, str) else value
