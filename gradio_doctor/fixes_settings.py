"""Remedies that set one of Gradio's variables, where what the source or the command line says wins over it."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from gradio_doctor.diagnosis import CauseFound, Fix
from gradio_doctor.evidence import Absent, AppSource, Call, Instances, Setting
from gradio_doctor.fixes_patch import Edit, Module, patch
from gradio_doctor.knowledge.model import Prose
from gradio_doctor.probes.source_text import read_source

_SETS = re.compile(r"(?:export )?(?P<name>GRADIO_[A-Z_]{1,40})=(?P<value>'[^']{0,200}'|[^\s']{1,200})(?: .{0,2000})?")
# The argument of launch() and mount_gradio_app() that each stands for, and the one of uvicorn.run()
_ARGUMENTS = {
    "GRADIO_SERVER_NAME": ("server_name", "host"), "GRADIO_SERVER_PORT": ("server_port", "port"),
    "GRADIO_ROOT_PATH": ("root_path", ""),
}
_REACHED = ("yes", "main-guard", "conditional", "function")
_SERVERS = ("uvicorn", "gunicorn", "hypercorn", "fastapi")
_HOSTS, _BINDS = ("--host",), ("-b", "--bind")


@dataclass(frozen=True, slots=True)
class _Told:
    """A variable that a remedy sets, to which value, and the argument that is written in its place."""

    variable: str
    value: str
    argument: str

    @property
    def code(self) -> str:
        return self.value if self.argument in ("server_port", "port") else f'"{self.value}"'


def heeded(cause: CauseFound, source: AppSource | Absent | None, instances: Instances | Absent | None) -> CauseFound:
    """The cause with remedies that are heeded: a variable does nothing where launch() is given the argument itself.

    Gradio reads them only in place of arguments that are not given (gradio/blocks.py launch(), gradio/http_server.py).
    """
    command = instances.main[-1].command if isinstance(instances, Instances) and instances.main else ()
    app = source if isinstance(source, AppSource) else None
    fixes: dict[Prose, Fix] = {}
    for fix in (_heeded(f, app, command) for f in cause.fixes):
        fixes.setdefault(fix.text, fix)  # several variables may come down to one line
    return replace(cause, fixes=tuple(fixes.values()))


def _heeded(fix: Fix, source: AppSource | None, command: Sequence[str]) -> Fix:
    found = next((m for c in fix.commands if (m := _SETS.fullmatch(c)) and m["name"] in _ARGUMENTS), None)
    if found is None:
        return fix
    value = found["value"].strip("'")
    rest = tuple(c for c in fix.commands if not _SETS.fullmatch(c))
    if found["name"] == "GRADIO_SERVER_NAME" and (other := _served(command, value)):
        return replace(fix, text=other.text, commands=(*other.commands, *rest))
    change = _written(_Told(found["name"], value, ""), source) if source is not None else None
    if change is None:
        return fix
    return replace(change, commands=rest, verify=fix.verify)


# -- the command line of a server ------------------------------------------------------------------------------------

def _served(command: Sequence[str], host: str) -> Fix | None:
    """A server that was started on the command line knows nothing of Gradio's variables."""
    at = next((i for i, part in enumerate(command[:4]) if PurePath(part).name in _SERVERS), None)
    if at is None:
        return None
    server = PurePath(command[at]).name
    text = Prose(f"Let {server} itself listen there: GRADIO_SERVER_NAME counts for launch() alone.",
                 f"让 {server} 自己监听该地址：GRADIO_SERVER_NAME 只对 launch() 有效。")
    names = _HOSTS if server in ("uvicorn", "fastapi") else _BINDS
    return Fix(text, (shlex.join(_with_host(list(command), names, host)),), False, ())


def _with_host(command: list[str], names: Sequence[str], host: str) -> list[str]:
    for at, part in enumerate(command):
        name, equals, value = part.partition("=")
        if name not in names:
            continue
        if equals:
            command[at] = f"{name}={_moved(value, names, host)}"
        elif at + 1 < len(command):
            command[at + 1] = _moved(command[at + 1], names, host)
        return command
    return [*command, names[0], host if names is _HOSTS else f"{host}:8000"]


def _moved(old: str, names: Sequence[str], host: str) -> str:
    return host if names is _HOSTS else f"{host}:{old.rpartition(':')[2] or '8000'}"


# -- the source ------------------------------------------------------------------------------------------------------

def _written(told: _Told, source: AppSource) -> Fix | None:
    """The change of the line that gives the argument, None when none does."""
    of_gradio, of_uvicorn = _ARGUMENTS[told.variable]
    runs = [c for c in source.named("uvicorn.run") if c.reach in _REACHED] if of_uvicorn else []
    if runs:
        return _changed(replace(told, argument=of_uvicorn), runs[0], runs[0].get(of_uvicorn), source)
    for name in ("mount_gradio_app", "launch"):
        for call in source.named(name):
            setting = call.get(of_gradio)
            if call.reach in _REACHED and setting is not None and _wins(setting):
                return _changed(replace(told, argument=of_gradio), call, setting, source)
    return None


def _wins(setting: Setting) -> bool:
    """None is as good as not given, and for all but root_path so is what is empty."""
    if not setting.known:
        return True
    return setting.value is not None and (bool(setting.value) or setting.name == "root_path")


def _changed(told: _Told, call: Call, setting: Setting | None, source: AppSource) -> Fix:
    if setting is None:  # uvicorn.run() without it: its own default counts
        place = f"{call.file}:{call.line}"
        return Fix(Prose(f"Give {call.name}() at {place} {told.argument}={told.code}: {told.variable} counts for "
                         f"launch() alone.", f"在 {place} 的 {call.name}() 中加上 {told.argument}={told.code}："
                         f"{told.variable} 只对 launch() 有效。"), (), False, ())
    file = setting.file or call.file
    said = f"{setting.name}={setting.text or repr(setting.value)}"
    en, zh = (f" (it comes from {setting.origin})", f"（取自 {setting.origin}）") if setting.origin else ("", "")
    text = Prose(
        f"Change {file}:{setting.line}, which wins over {told.variable}: {setting.name}={told.code} instead of "
        f"{said}{en}.",
        f"修改 {file}:{setting.line}（它优先于 {told.variable}）：把 {said}{zh} 改为 {setting.name}={told.code}。",
    )
    directory = source.directory if Path(file).is_relative_to(source.directory) else str(PurePath(file).parent)
    return Fix(text, (), False, (), _patch(file, setting, told, directory), directory)


def _patch(file: str, setting: Setting, told: _Told, directory: str) -> str:
    """The change as a patch, where the value is written out; "" where it is not."""
    module = Module.of(read_source(file) or "")
    values = list(_values(module.tree, setting)) if module is not None else []
    if module is None or len(values) != 1 or '"' in told.value or "\\" in told.value:
        return ""
    start, end = module.span(values[0])
    return patch(module, [Edit(start, end, told.code)], PurePath(os.path.relpath(file, directory)).as_posix())


def _values(tree: ast.Module, setting: Setting) -> Iterator[ast.expr]:
    for node in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
        for keyword in node.keywords:
            here = setting.line in (keyword.value.lineno, node.lineno)
            if keyword.arg == setting.name and here and isinstance(keyword.value, ast.Constant):
                yield keyword.value
