"""What the app's source says, read without running it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gradio_doctor.evidence.base import Location

Reach = Literal["yes", "main-guard", "conditional", "function", "unreachable"]
Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """The app's own file does not parse. `column` counts from 1."""

    kind: str  # SyntaxError, IndentationError, TabError, or the codec error's class
    message: str
    file: str
    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One keyword of a call. `known` is False when its value cannot be read off the source; `text` is the code.

    When it is not known, `origin` says in words where it comes from ("the command line, default 7860") and `default`
    is the value it has when nobody says otherwise (None: there is none). The code of a secret is "***".
    """

    name: str
    value: Value
    known: bool
    text: str
    line: int
    default: Value = None
    origin: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that configures the app: launch(), queue(), Blocks(), mount_gradio_app(), uvicorn.run().

    `reach`: "yes" at module level, "main-guard" under `if __name__ == "__main__"` (also at the end of functions that
    are called from there), "conditional" under another condition, "function" in a function never seen called,
    "unreachable" after code that never returns.
    """

    name: str
    file: str
    line: int
    reach: Reach
    settings: tuple[Setting, ...] = ()

    def get(self, name: str) -> Setting | None:
        """A keyword of the call by name."""
        return next((s for s in self.settings if s.name == name), None)


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that Gradio calls on an event. `event` is the listener's name (click, submit, Interface, load).

    The functions of a web app that Gradio is mounted on are "route" and "middleware". `end` is the last line of the
    function; `settings` are what its listener says of queueing (concurrency_limit, queue, batch).
    """

    name: str
    file: str
    line: int
    is_async: bool
    event: str
    end: int = 0
    settings: tuple[Setting, ...] = ()

    def get(self, name: str) -> Setting | None:
        """A setting of its listener by name."""
        return next((s for s in self.settings if s.name == name), None)


SlowKind = Literal["sleep", "network", "process", "database", "model", "load", "lock", "wait", "cpu", "file", "await"]


@dataclass(frozen=True, slots=True)
class SlowCall:
    """A call that waits or computes for long, and the way to it through the app's own code.

    `chain`: the first place is in the handler, each further one in the function that the one before calls, the last is
    the call `what` itself. `handler` is None for what runs before the app serves. `weak`: it is often quick.
    `unlimited`: it waits for a network without a time limit. `always`: nothing on the way is under a condition or in a
    cache. `seconds`: how long, where the source says it; for the kind "await", at the longest.
    """

    kind: SlowKind
    what: str
    chain: tuple[Location, ...]
    handler: Handler | None = None
    weak: bool = False
    unlimited: bool = False
    always: bool = False
    seconds: float | None = None

    @property
    def location(self) -> Location:
        """The place of the call itself."""
        return self.chain[-1]

    @property
    def on_loop(self) -> bool:
        """True when it runs on the event loop, and all others wait for it."""
        return self.handler is not None and self.handler.is_async


SharedKind = Literal["update", "content", "replace", "once"]


@dataclass(frozen=True, slots=True)
class SharedWrite:
    """A handler changes an object that all users share, and no lock is around it.

    `kind`: "update" reads a value and writes it back; "content" puts what a user sent into a container; "replace" puts
    it in place of the old value; "once" fills what was empty. `handlers` are all that come to it; `concurrent` when
    Gradio may run them at the same time; `read`: handlers read it as well.
    """

    name: str
    kind: SharedKind
    location: Location
    defined: Location
    handlers: tuple[Handler, ...]
    concurrent: bool = False
    read: bool = False


@dataclass(frozen=True, slots=True)
class Import:
    """A module imported by the app's own files. `optional` when inside try/except ImportError or a function."""

    module: str  # dotted
    file: str
    line: int
    optional: bool
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentRead:
    """A variable the source needs: `required` for os.environ["X"], not for .get("X"). `reach` is as in `Call`."""

    name: str
    file: str
    line: int
    required: bool
    reach: Reach = "yes"


@dataclass(frozen=True, slots=True)
class Exit:
    """A call that ends the program. `status` is the exit status, None where it cannot be read; `reach` as in `Call`."""

    file: str
    line: int
    reach: Reach
    status: int | None
    text: str


@dataclass(frozen=True, slots=True)
class AppSource:
    """The app's main file and its own modules next to it.

    `files` are all files read; `unread` says in words what could not be read off the source, with file:line.
    """

    path: str
    files: tuple[str, ...] = ()
    fault: SyntaxFault | None = None
    calls: tuple[Call, ...] = ()
    handlers: tuple[Handler, ...] = ()
    imports: tuple[Import, ...] = ()
    environment: tuple[EnvironmentRead, ...] = ()
    environment_sets: tuple[Setting, ...] = ()
    unread: tuple[str, ...] = ()
    slow: tuple[SlowCall, ...] = ()
    shared: tuple[SharedWrite, ...] = ()
    awaited: tuple[SlowCall, ...] = ()  # network calls that handlers await, which hold up nobody else
    exits: tuple[Exit, ...] = ()
    modified: float = 0.0  # when the newest of the files was changed, seconds since the epoch; 0 unknown

    @property
    def directory(self) -> str:
        """The directory of the main file."""
        return self.path.rpartition("/")[0] or "."

    def named(self, name: str) -> tuple[Call, ...]:
        """The configuring calls of one name ("launch", "queue", ...), in source order."""
        return tuple(c for c in self.calls if c.name == name)

    @property
    def max_threads(self) -> tuple[int, ...]:
        """The numbers of worker threads that launch() is given, as far as the source says them."""
        values = [s.value for c in self.named("launch") if (s := c.get("max_threads")) and s.known]
        return tuple(v for v in values if isinstance(v, int) and not isinstance(v, bool))

    def handlers_at(self, file: str, line: int) -> tuple[Handler, ...]:
        """The handlers inside whose function a line lies (a frame of a stack)."""
        return tuple(h for h in self.handlers if h.file == file and h.line <= line <= max(h.line, h.end))

    def slow_at(self, file: str, line: int) -> tuple[SlowCall, ...]:
        """The slow calls whose way leads over a line (a frame of a stack), those that end there first."""
        over = [c for c in self.slow if any(p.file == file and p.line == line for p in c.chain)]
        return tuple(sorted(over, key=lambda c: (c.location.file, c.location.line) != (file, line)))


@dataclass(frozen=True, slots=True)
class ModuleOrigin:
    """Where the app's interpreter would load a top-level module from ("" when it finds none).

    `distribution` is the installed package that provides a module of that name, "" when none does; `local` is True
    when the origin lies in the app's own directory.
    """

    module: str
    origin: str
    distribution: str = ""
    local: bool = False
    standard: bool = False  # the standard library has a module of that name


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement of an installed distribution that the environment does not meet ("" installed: missing)."""

    package: str
    version: str
    requirement: str
    installed: str


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The app's own Python (not ours): path, version, how it was chosen, and what is installed in it."""

    path: str
    version: tuple[int, int, int]
    chosen: str  # "the running process", "--python", ".venv beside the app", "VIRTUAL_ENV", "python on PATH"
    packages: tuple[tuple[str, str], ...] = ()  # normalised name, version
    origins: tuple[ModuleOrigin, ...] = ()
    unmet: tuple[Requirement, ...] = ()

    def installed(self, name: str) -> str:
        """The installed version of a distribution (normalised name), "" when it is not installed."""
        return dict(self.packages).get(name, "")
