"""Watching a running app: cheap glances, and a full diagnosis at the moment that something is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from gradio_doctor.engine import Examination
from gradio_doctor.evidence import (
    Absent,
    AcceptQueue,
    HttpAnswer,
    HttpAnswers,
    Listeners,
    Processes,
    Stacks,
    Target,
    Threads,
)
from gradio_doctor.examine import examine
from gradio_doctor.live import Live
from gradio_doctor.probes.app_address import AppAddress, find_address
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.stacks_pyspy import find_pyspy
from gradio_doctor.probes.table import live_probes
from gradio_doctor.probes.threads_family import family, pythons
from gradio_doctor.probes.threads_sockets import Neighbours
from gradio_doctor.probes.watching import Watching
from gradio_doctor.registry import Loaded
from gradio_doctor.watch_catch import Caught, catch
from gradio_doctor.watch_glance import LATE, Asked, Glancer
from gradio_doctor.watch_story import Happening, Story

_ALERT_GLANCES, _ALERT_INTERVAL = 20, 0.25  # after a delay that nobody saw the reason of, look again soon
_CALM = 600.0  # seconds before it looks more often once again
_BETWEEN = 30.0  # seconds from one diagnosis to the next where the first did not help
_MOST_UNANSWERED, _SELDOM = 50, 12
_BEYOND_HELP = ("refused", "dns", "unreachable")


@dataclass
class Watcher:
    """What is watched, and how. `sleep` waits until the next glance."""

    target: Target
    options: Options
    loaded: Loaded
    interval: float
    story: Story
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    sleep: Callable[[float], None] = time.sleep
    glancer: Glancer = field(init=False)
    _around: Neighbours = field(init=False)
    _pyspy: str = field(init=False, default="")
    _alert: int = field(init=False, default=0)
    _calm_until: float = field(init=False, default=0.0)
    _examined_at: float = field(init=False, default=-_BETWEEN)
    _unanswered: int = field(init=False, default=0)

    def begin(self) -> Absent | None:
        """Find the app. Returns why there is nothing to watch, None when there is."""
        if absent := self._find():
            return absent
        processes = self.glancer.processes
        self.story.begins(processes[0].pid if processes else 0, _url(self.glancer.address), self.interval)
        return None

    def _find(self) -> Absent | None:
        signatures = tuple(self.loaded.knowledge.signatures.values())
        with Examination(self.target, self.options, live_probes(signatures), self.loaded.knowledge, ()) as context:
            members, address = family(context), find_address(context)
            listeners, processes = context.get(Listeners), context.get(Processes)
        if isinstance(members, Absent) and (isinstance(address, Absent) or self.target.url is None):
            return members
        seen = () if isinstance(members, Absent) else pythons(members, processes)
        where = None if isinstance(address, Absent) else address
        self._around = Neighbours(
            None if isinstance(listeners, Absent) else listeners,
            frozenset(() if isinstance(members, Absent) else (p.pid for p in members)),
        )
        self._pyspy = find_pyspy() if self.options.allows("sample") else ""
        self.glancer = Glancer(seen, where, self.options.allows("probe"))
        self.glancer.find_loop()
        return None

    def run(self) -> Iterator[Happening]:
        """What changes, until the app ends."""
        yield from self.story.told()
        while True:
            began = time.monotonic()
            if not self.glancer.alive():
                self.story.ends()
                yield from self.story.told()
                return
            self._glance()
            yield from self.story.told()
            pause = min(self.interval, _ALERT_INTERVAL) if self._alert else self.interval
            self._alert = max(0, self._alert - 1)
            self.sleep(max(0.05, pause - (time.monotonic() - began)))

    def _glance(self) -> None:
        """Ask; when no answer comes in time, look right then. A loop that has not run since then is left alone."""
        if self.glancer.address is None and self.glancer.ask:
            self._find()  # it did not serve yet
        idle = self.glancer.idle_for()
        if self.story.hangs and (not self.glancer.moved() or self._asked_enough()):
            return
        asked = self.glancer.request()
        if idle < LATE:
            answer = asked.wait(LATE) if asked else None
            if asked is None or (answer is not None and answer.outcome != "timeout"):
                self._answered(answer)
                return
        self._late(asked, idle)

    def _asked_enough(self) -> bool:
        """Unanswered requests stay in the app's accept queue: not many of them."""
        self._unanswered += 1
        return self._unanswered > _MOST_UNANSWERED and self._unanswered % _SELDOM > 0

    def _answered(self, answer: HttpAnswer | None) -> None:
        if answer is not None and (answer.outcome in _BEYOND_HELP or (answer.status or 0) >= 500):
            if not self.story.hangs and self.glancer.alive():
                self._diagnose({}, 0.0)
            return
        self._unanswered = 0
        self.story.well()

    def _late(self, asked: Asked | None, idle: float) -> None:
        if self.story.hangs and time.monotonic() - self._examined_at < _BETWEEN:
            return  # it still hangs, and why has been told
        caught = self._caught()
        answer = asked.wait() if asked else None
        silent = answer is None or answer.outcome != "answered"
        seconds = max(answer.seconds if answer else 0.0, idle)
        self.glancer.moved()
        if not self.glancer.alive():
            return
        if caught is not None and caught.live.judgements:
            self._diagnose(_given(caught, answer, seconds), seconds, over=not silent)
        elif silent and time.monotonic() - self._examined_at >= _BETWEEN:
            self._diagnose({}, seconds)
        else:
            self._unexplained(seconds)

    def _diagnose(self, given: dict[type, object], seconds: float, *, over: bool = False) -> None:
        """Tell the cause, or that it was late and the reason is not known."""
        if not given and time.monotonic() - self._examined_at < _BETWEEN:
            return
        diagnosis = examine(
            self.target, self.options, self.loaded, select=self.select, ignore=self.ignore, given=given,
        )
        self._examined_at = time.monotonic()
        if diagnosis.root is None:
            self._unexplained(seconds)
            return
        self.story.cause(diagnosis, diagnosis.root, seconds)
        if over:
            self.story.well(over=True)

    def _unexplained(self, seconds: float) -> None:
        """Look more often for a while: what is late once is often late again. But not for ever, on a crowded app."""
        self.story.late(seconds)
        if time.monotonic() > self._calm_until:
            self._alert = _ALERT_GLANCES
            self._calm_until = time.monotonic() + _CALM

    def _caught(self) -> Caught | None:
        if not self._pyspy or not self.glancer.processes:
            return None
        always = self.options.allows("pause")
        return catch(self.glancer.processes, self._around, self._pyspy, may_pause=always)


def _url(address: AppAddress | None) -> str:
    if address is None:
        return ""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{'https' if address.tls else 'http'}://{host}:{address.port}{address.prefixes[0]}"


def _given(caught: Caught, answer: HttpAnswer | None, seconds: float) -> dict[type, object]:
    """The evidence as of the moment of the block: meanwhile, it may be over. The queue was not looked at then."""
    given: dict[type, object] = {Live: caught.live, Threads: caught.threads, Stacks: caught.stacks}
    over = Absent("the block is caught as it was at that moment")
    given |= {AcceptQueue: over, Watching: over}
    if answer is not None:
        late = replace(answer, outcome="timeout", status=None, seconds=seconds, error="no answer in time")
        given[HttpAnswers] = HttpAnswers(answer.url.removesuffix("/config"), (late,))
    return given
