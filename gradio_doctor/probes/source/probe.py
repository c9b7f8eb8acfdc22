"""From the app's main file to `AppSource`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from gradio_doctor.evidence import Absent, AppSource, Call, Instances, SharedWrite, SlowCall, SyntaxFault
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.redact import clean, redact_text
from gradio_doctor.probes.source.calls import read_calls
from gradio_doctor.probes.source.constants import Constants
from gradio_doctor.probes.source.environment import EnvironmentReader
from gradio_doctor.probes.source.exits import read_exits
from gradio_doctor.probes.source.handlers import Root, read_roots
from gradio_doctor.probes.source.imports import is_optional, read_imports
from gradio_doctor.probes.source.modules import MAX_SECONDS, Program, imported_names
from gradio_doctor.probes.source.names import Names
from gradio_doctor.probes.source.reach import spread
from gradio_doctor.probes.source.reading import Unreadable, absolute, parse_file
from gradio_doctor.probes.source.routes import read_routes
from gradio_doctor.probes.source.scopes import OutOfTime, Scope
from gradio_doctor.probes.source.shared import read_shared
from gradio_doctor.probes.source.slow_calls import SlowCalls
from gradio_doctor.probes.source.verifying import AppPython, app_python, confirm_fault

MAX_NOTES = 200
MAX_CONFIRMED = 3  # faults about which the app's interpreter is asked
MAX_FOUND = 5000  # of each kind
FORESIGHT_SECONDS = 1.0
T = TypeVar("T")
Choose = Callable[[], AppPython | None]


def probe_source(context: Context) -> AppSource | Absent:
    """What the source of the app under examination says; Absent when its script is not known or not readable."""
    script = context.target.script or _running_script(context)
    if not script:
        return Absent("the app's script is not known", "gradio-doctor diagnose app.py")
    try:
        return _read(script, lambda: app_python(context, script))
    except OSError as error:
        return Absent(f"{script} cannot be read: {error.strerror or type(error).__name__}")


def read_source(path: str, interpreter: str | None = None) -> AppSource:
    """What a script and its own modules say. Raises OSError when the script cannot be opened.

    `interpreter` is the app's Python; it is asked (to compile, not to run) when ours finds a syntax error.
    """
    return _read(path, lambda: AppPython(interpreter) if interpreter else None)


def _running_script(context: Context) -> str:
    instances = context.get(Instances)
    if isinstance(instances, Absent):
        return ""
    return next((p.script for p in instances.main if p.script), instances.script)


def _read(path: str, choose: Choose) -> AppSource:
    path = absolute(path)
    started = time.monotonic()
    parsed = parse_file(path)
    if isinstance(parsed, SyntaxFault):
        confirmed = confirm_fault(parsed, choose())
        if isinstance(confirmed, SyntaxFault):
            return AppSource(path, (path,), confirmed)
        parsed = confirmed
    if isinstance(parsed, Unreadable):
        name = path.rpartition("/")[2]
        return AppSource(path, (path,), unread=(f"{name}: not read, {parsed.why}",))
    program = Program(parsed, started, MAX_SECONDS)
    try:
        return _Assembly(program).read(choose)
    except (RecursionError, MemoryError):
        return AppSource(path, (path,), unread=(f"{path.rpartition('/')[2]}: not read, its code is nested too deeply",))


class _Assembly:
    """Puts together what the readers find. What was found when the time is up is kept."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.names = Names(program)
        self.constants = Constants(program, self.names)
        self.unread: list[str] = []

    def read(self, choose: Choose) -> AppSource:
        """Everything, as one piece of evidence."""
        self.program.load()
        self._bounded(self._spread())
        calls = self._collect(lambda s: read_calls(s, self.names, self.constants, self.unread))
        roots = self._collect(lambda s: read_roots(s, self.constants, self.unread))
        roots += self._collect(lambda s: read_routes(s, self.names))
        imports = self._collect(read_imports)
        environment = EnvironmentReader(self.constants, self.unread)
        self._collect(environment.read)
        environment.finish()
        fault = self._fault(choose)
        slow, shared = self._foresee(roots, calls)
        return AppSource(
            self.program.main.path, tuple(m.path for m in self.program.all()), fault,
            tuple(calls), tuple(dict.fromkeys(r.handler for r in roots)), tuple(imports), tuple(environment.reads),
            tuple(environment.sets), self._notes(), tuple(c for c in slow if c.kind != "await"), tuple(shared),
            _each_once(c for c in slow if c.kind == "await"),
            tuple(self._collect(lambda s: read_exits(s, self.constants))),
        )

    def _foresee(self, roots: list[Root], calls: list[Call]) -> tuple[list[SlowCall], list[SharedWrite]]:
        """What handlers wait for, and what they change that all users share. In a time of its own: it may be cut."""
        below = SlowCalls(self.constants)
        self.program.allow(FORESIGHT_SECONDS)
        slow = self._bounded(below.read(roots)) + self._collect(below.at_import) + self._collect(below.awaited)
        self.program.allow(FORESIGHT_SECONDS)
        return slow, self._bounded(read_shared(below.visited, self.names, calls))

    def _spread(self) -> Iterator[None]:
        spread(self.program, self.names)
        yield None

    def _scopes(self) -> Iterator[Scope]:
        """Every scope, in source order within each file."""
        for module in self.program.all():
            yield from sorted(module.scopes, key=lambda s: s.node.lineno if s.node else 0)

    def _collect(self, read: Callable[[Scope], Iterable[T]]) -> list[T]:
        return self._bounded(item for scope in self._scopes() for item in read(scope))

    def _bounded(self, items: Iterable[T]) -> list[T]:
        """The items until the time or the room for them is used up."""
        found: list[T] = []
        try:
            for item in items:
                if item is not None:
                    found.append(item)
                if len(found) >= MAX_FOUND:
                    self.unread.append(f"only the first {MAX_FOUND} calls, handlers, imports or variables were kept")
                    break
        except OutOfTime:
            self.unread.append("the time for reading the source was used up before all of it was read")
        return found

    def _fault(self, choose: Choose) -> SyntaxFault | None:
        """The syntax error of an own module that the app cannot start without; others are only noted."""
        faults = dict(self.program.faults)
        certain = [n for n in self._needed() if n in faults]
        for name in list(dict.fromkeys(certain))[:MAX_CONFIRMED]:
            confirmed = confirm_fault(faults.pop(name), choose())
            if isinstance(confirmed, SyntaxFault):
                self._note_faults(faults.values())
                return confirmed
            self.unread.append(f"{self.program.short(confirmed.path)}: not read, {confirmed.why}")
        self._note_faults(faults.values())
        return None

    def _note_faults(self, faults: Iterable[SyntaxFault]) -> None:
        for fault in faults:
            where = f"{self.program.short(fault.file)}:{fault.line}"
            self.unread.append(f"{where}: not read, {fault.kind}: {fault.message}")

    def _needed(self) -> Iterator[str]:
        """The dotted names, with their packages, that are imported before the app can serve."""
        for scope in self._scopes():
            for site in scope.sites:
                if not is_optional(site, scope):
                    for name in imported_names(site, scope.module):
                        parts = name.split(".")
                        yield from (".".join(parts[:i]) for i in range(1, len(parts) + 1))

    def _notes(self) -> tuple[str, ...]:
        notes = list(dict.fromkeys(redact_text(clean(n)) for n in [*self.program.unread, *self.unread]))
        left = len(notes) - MAX_NOTES
        return tuple(notes[:MAX_NOTES]) + ((f"and {left} more",) if left > 0 else ())


def _each_once(calls: Iterable[SlowCall]) -> tuple[SlowCall, ...]:
    """One call for each place: the first, which names a handler if any does."""
    return tuple({(c.location.file, c.location.line): c for c in reversed(list(calls))}.values())[::-1]
