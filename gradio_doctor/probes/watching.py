"""The look into the app's threads. It goes on by itself while the app is asked over HTTP: both take their time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from gradio_doctor.evidence import Absent, Listeners, Process, Processes, Stacks, Threads
from gradio_doctor.live.judge import judge
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.stacks import MOST_PAUSED_THREADS, sample_all
from gradio_doctor.probes.stacks_pyspy import find_pyspy
from gradio_doctor.probes.threads import watch
from gradio_doctor.probes.threads_family import family, on_linux, pythons
from gradio_doctor.probes.threads_sockets import Neighbours

_NO_PYTHON = "no process of the app is a Python"
_LONGEST = 12.0  # seconds that anybody waits for it
_SOON = 0.4  # seconds; a request that was not answered has taken as long as the looks
_HANGS = frozenset({"loop-blocked", "loop-busy", "loop-starved", "pool-exhausted", "server-thread-gone"})


@dataclass
class Watching:
    """A look that has begun. `hurry` tells it that the app answers well, so that a shorter look will do."""

    chosen: tuple[Process, ...]
    around: Neighbours
    stacks_absent: Absent | None = None
    may_pause: Callable[[Process], bool] = lambda _: True
    hurry: threading.Event = field(default_factory=threading.Event)
    _threads: Threads | Absent = field(default_factory=lambda: Absent("the kernel was not asked in time"))
    _stacks: Stacks | Absent = field(default_factory=lambda: Absent("there was no time left for it"))
    _looked: threading.Event = field(default_factory=threading.Event)
    _done: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Start looking: first at what the kernel shows, since attaching for stacks falsifies that."""
        threading.Thread(target=self._look, daemon=True).start()

    def threads(self) -> Threads | Absent:
        """What the kernel shows, when that look is done."""
        self._looked.wait(_LONGEST)
        return self._threads

    def stacks(self) -> Stacks | Absent:
        """The stacks, when all looks are done."""
        self._done.wait(_LONGEST)
        return self.stacks_absent or self._stacks

    def hangs(self) -> bool:
        """True when the looks themselves show that an app which is silent hangs."""
        self._done.wait(_SOON)
        found = judge(self._threads, self.stacks_absent or self._stacks, loop_answers=False)
        return any(j.sure and j.kind in _HANGS for j in found)

    def end(self) -> None:
        """No further looks; a running one is waited for."""
        self._ended.set()
        self.hurry.set()
        self._done.wait(_LONGEST)

    def _look(self) -> None:
        try:
            if on_linux():
                self._threads = _threads_of(watch(self.chosen, self.around, hurry=self.hurry))
            else:
                self._threads = Absent("only Linux shows what a thread waits on")
            self._looked.set()
            if self.stacks_absent is None and not self._ended.is_set():
                found = sample_all(find_pyspy(), self.chosen, self._pausable, hurry=self.hurry)
                self._stacks = found if found.processes else found.absent[self.chosen[0].pid]
        except Exception as error:
            self._stacks = Absent(f"looking failed: {type(error).__name__}: {error}"[:300])
        finally:
            self._looked.set()
            self._done.set()

    def _pausable(self, process: Process) -> bool:
        looked = None if isinstance(self._threads, Absent) else self._threads.of(process.pid)
        return self.may_pause(process) or (len(looked.threads) if looked else process.threads) <= MOST_PAUSED_THREADS


def _threads_of(found: Threads) -> Threads | Absent:
    return found if found.processes else next(iter(found.absent.values()))


def begin_watching(context: Context) -> Watching | Absent:
    """Begin to look into the Python processes of the app, as far as that is allowed."""
    members = family(context)
    if isinstance(members, Absent):
        return members
    chosen = pythons(members, context.get(Processes))
    if not chosen:
        return Absent(_NO_PYTHON)
    listeners = context.get(Listeners)
    around = Neighbours(None if isinstance(listeners, Absent) else listeners, frozenset(p.pid for p in members))
    always = context.options.allows("pause")
    watching = Watching(chosen, around, _stacks_absent(context), lambda _: always)
    context.on_close(watching.end)
    watching.begin()
    return watching


def _stacks_absent(context: Context) -> Absent | None:
    if not context.options.allows("sample"):
        return Absent("looking into the app needs --invasive sample", "gradio-doctor diagnose --invasive sample")
    return None if find_pyspy() else Absent("py-spy is not installed", "pip install py-spy")


def probe_threads(context: Context) -> Threads | Absent:
    """The threads of the app's Python processes, watched for 0.6 s. No privilege is needed for most of it."""
    watching = context.get(Watching)
    return watching if isinstance(watching, Absent) else watching.threads()


def probe_stacks(context: Context) -> Stacks | Absent:
    """Some looks at the stacks of each Python process of the app, after the kernel was asked about its threads."""
    context.get(Threads)  # before any attach, and it is evidence of its own
    watching = context.get(Watching)
    return watching if isinstance(watching, Absent) else watching.stacks()
