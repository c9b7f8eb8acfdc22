"""The app's own modules: its main file and what it imports from its own directory."""

from __future__ import annotations

import ast
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from gradio_doctor.evidence import SyntaxFault
from gradio_doctor.probes.source.reading import Parsed, Unreadable, parse_file
from gradio_doctor.probes.source.scopes import Clock, Module, OutOfTime, Scope, Site, build_scopes, imported_from

MAX_FILES = 200
MAX_SECONDS = 5.0
LOADING_SHARE = 0.6  # of the time; the rest is for making sense of what was loaded
MAX_FAULTS = 20


class Program:
    """All that was read of an app. `modules` are by dotted name, the main one under "__main__" as well."""

    def __init__(self, main: Parsed, started: float, seconds: float = MAX_SECONDS) -> None:
        self.clock = Clock(started + seconds * LOADING_SHARE)
        self._end = started + seconds
        self.directory = Path(main.path).parent
        self.roots, package = _roots(self.directory)
        name = Path(main.path).stem
        dotted = f"{package}.{name}" if package else name
        self.main = Module(dotted, package, main, is_main=True)
        self.modules: dict[str, Module] = {}
        self.faults: dict[str, SyntaxFault] = {}  # by dotted name
        self.unread: list[str] = []
        self._looked: set[str] = set()
        self._paths: dict[str, Module] = {main.path: self.main}

    def load(self) -> None:
        """Read the main file's scopes and follow its imports. Ends early, with a note, at a limit."""
        queue = deque([self.main])
        try:
            while queue:
                module = queue.popleft()
                build_scopes(module, self.clock)
                for name in _wanted(module):
                    queue.extend(self._load(name))
        except OutOfTime:
            self.unread.append(f"{len(self._paths)} files were read until the time for it was up, the rest was not")
            for module in self._paths.values():
                if not module.scopes:
                    module.scopes.append(Scope(module))
        self.clock.deadline = self._end

    def allow(self, seconds: float) -> None:
        """Give the next part of the work that long, but not beyond the time for everything."""
        self.clock.deadline = min(self._end, time.monotonic() + seconds)

    def own(self, dotted: str) -> tuple[Module, str] | None:
        """The own module that a dotted name starts with, and the rest of the name; None for anybody else's."""
        head, rest = dotted, ""
        while head:
            if head in self.modules:
                return self.modules[head], rest
            head, _, last = head.rpartition(".")
            rest = f"{last}.{rest}" if rest else last
        return None

    def all(self) -> Iterator[Module]:
        """Every module once, the main one first."""
        return iter(self._paths.values())

    def place(self, module: Module, line: int) -> str:
        """`file:line`, the file relative to the app's directory."""
        return f"{self.short(module.path)}:{line}"

    def short(self, path: str) -> str:
        """A path relative to the app's directory when it lies there."""
        try:
            return Path(path).relative_to(self.directory).as_posix()
        except ValueError:
            return path

    def _load(self, dotted: str) -> Iterator[Module]:
        """Read `a`, `a.b`, `a.b.c` of a dotted name, as far as they are own files not read before."""
        parts = dotted.split(".")
        for count in range(1, len(parts) + 1):
            name = ".".join(parts[:count])
            if name in self._looked:
                continue
            self._looked.add(name)
            self.clock.check()
            path = self._find(name)
            if path:
                yield from self._read(name, path)

    def _read(self, name: str, path: str) -> Iterator[Module]:
        if path in self._paths:
            self.modules[name] = self._paths[path]
            return
        if len(self._paths) >= MAX_FILES:
            self._note_once(f"only the first {MAX_FILES} files of the app were read")
            return
        try:
            parsed = parse_file(path)
        except OSError as error:
            parsed = Unreadable(path, f"it cannot be opened ({error.strerror})")
        if isinstance(parsed, Parsed):
            package = name if Path(path).name == "__init__.py" else name.rpartition(".")[0]
            module = Module(name, package, parsed)
            self.modules[name] = self._paths[path] = module
            yield module
        elif isinstance(parsed, SyntaxFault):
            if len(self.faults) < MAX_FAULTS:
                self.faults[name] = parsed
        else:
            self.unread.append(f"{self.short(path)}: not read, {parsed.why}")

    def _note_once(self, text: str) -> None:
        if text not in self.unread:
            self.unread.append(text)

    def _find(self, name: str) -> str | None:
        """The own file of a module: beside the main file first, then where its package lies."""
        relative = Path(*name.split("."))
        for root in self.roots:
            for candidate in (root / relative / "__init__.py", (root / relative).with_suffix(".py")):
                if candidate.is_file():
                    return str(candidate)
        return None


def _roots(directory: Path) -> tuple[tuple[Path, ...], str]:
    """Where own modules are searched, and the package that the main file is in (run with `python -m`), or ""."""
    names: list[str] = []
    root = directory
    while (root / "__init__.py").is_file() and root.name.isidentifier() and len(names) < 10:
        names.insert(0, root.name)
        root = root.parent
    return ((directory, root) if names else (directory,)), ".".join(names)


def _wanted(module: Module) -> Iterator[str]:
    """The dotted names that a module imports, a name taken from a package too: it may be a module."""
    for scope in module.scopes:
        for site in scope.sites:
            yield from imported_names(site, module)


def imported_names(site: Site, module: Module) -> Iterator[str]:
    """The dotted names that may be modules in an import statement; none for another site or one never reached."""
    if site.place.reach == "unreachable":
        return
    if isinstance(site.node, ast.Import):
        yield from (alias.name for alias in site.node.names)
    elif isinstance(site.node, ast.ImportFrom):
        base = imported_from(site.node, module)
        if base:
            yield base
        for alias in site.node.names:
            if alias.name != "*":
                yield f"{base}.{alias.name}" if base else alias.name
