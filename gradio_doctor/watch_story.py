"""What happened while an app was watched: only changes are told, and a bounded number is remembered."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from gradio_doctor import errors
from gradio_doctor.diagnosis import CauseFound, Diagnosis

Kind = Literal["watching", "cause", "again", "late", "well", "ended", "summary"]
_LONGER = 2.0  # times the delay that was told last: worth telling


@dataclass(frozen=True, slots=True)
class Incident:
    """Something was wrong at `at` (epoch) for `seconds` at least; `cause` is "" when nobody saw the reason."""

    at: float
    cause: str
    place: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the summary: all remembered incidents of one cause at one place."""

    cause: str
    place: str
    count: int
    longest: float
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing to tell. `again` counts how often the same cause at the same place was seen."""

    kind: Kind
    at: float
    seconds: float = 0.0
    again: int = 1
    pid: int = 0
    url: str = ""
    diagnosis: Diagnosis | None = None
    cause: CauseFound | None = None
    rows: tuple[Row, ...] = ()


@dataclass
class Story:
    """The state of the watched app, the last `history` incidents, and what is still to be told."""

    history: int = 100
    fails: Callable[[Diagnosis], bool] = lambda _: True
    clock: Callable[[], float] = time.time
    incidents: deque[Incident] = field(init=False)
    total: int = field(init=False, default=0)
    failed: bool = field(init=False, default=False)
    _open: Incident | None = field(init=False, default=None)
    _seen: Counter[tuple[str, str]] = field(init=False, default_factory=Counter)
    _told: float | None = field(init=False, default=None)
    _began: float = field(init=False, default=0.0)
    _pid: int = field(init=False, default=0)
    _pending: list[Happening] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.incidents = deque(maxlen=self.history)

    @property
    def hangs(self) -> bool:
        """True while something is wrong, and has been told."""
        return self._open is not None

    @property
    def status(self) -> int:
        """The exit status: 1 when a cause was found, 3 when something was late for no reason that was seen, else 0."""
        return errors.FOUND if self.failed else errors.OK if self._told is None else errors.INCONCLUSIVE

    def begins(self, pid: int, url: str, interval: float) -> None:
        """The app is there."""
        self._began, self._pid = self.clock(), pid
        self._tell(Happening("watching", self._began, interval, pid=pid, url=url))

    def cause(self, diagnosis: Diagnosis, cause: CauseFound, seconds: float) -> None:
        """A cause was found. It is told when it was not there at the last glance, in full the first time."""
        place = f"{cause.location.file}:{cause.location.line}" if cause.location else ""
        if self._open is not None and (self._open.cause, self._open.place) == (cause.id, place):
            return
        self.well()
        self._open = Incident(self.clock() - seconds, cause.id, place, seconds)
        self.total += 1
        self.failed |= self.fails(diagnosis)
        key = (cause.id, place)
        self._seen[key] += 1
        if len(self._seen) > max(self.history, 1):
            self._seen.pop(next(k for k in self._seen if k != key))
        kind: Kind = "cause" if self._seen[key] == 1 else "again"
        self._tell(Happening(kind, self.clock(), seconds, self._seen[key], self._pid, "", diagnosis, cause))

    def late(self, seconds: float) -> None:
        """An answer was late, and nobody saw why. It is told when it is far longer than those before."""
        self.total += 1
        self.incidents.append(Incident(self.clock() - seconds, "", "", seconds))
        if self._told is None or seconds > _LONGER * self._told:
            self._told = seconds
            self._tell(Happening("late", self.clock(), seconds))

    def well(self, *, over: bool = False) -> None:
        """All is well at this glance; `over` when the incident lasted just as long as was told with it."""
        if self._open is not None:
            lasted = self._open.seconds if over else max(self._open.seconds, self.clock() - self._open.at)
            self.incidents.append(replace(self._open, seconds=lasted))
            self._open = None
            self._tell(Happening("well", self.clock(), lasted))

    def ends(self) -> None:
        """The app has ended."""
        self._tell(Happening("ended", self.clock(), pid=self._pid))

    def told(self) -> list[Happening]:
        """What is to be told, once."""
        pending, self._pending = self._pending, []
        return pending

    def summary(self) -> Happening:
        """All that is remembered, most frequent first; `again` counts what was forgotten as well."""
        known = [*self.incidents, *([self._open] if self._open else [])]
        groups: dict[tuple[str, str], list[Incident]] = {}
        for one in known[-max(self.history, 1):]:
            groups.setdefault((one.cause, one.place), []).append(one)
        rows = [
            Row(cause, place, len(them), max(i.seconds for i in them), them[0].at, them[-1].at)
            for (cause, place), them in groups.items()
        ]
        seconds = self.clock() - self._began if self._began else 0.0
        rows.sort(key=lambda row: (-row.count, row.cause, row.place))
        return Happening("summary", self.clock(), seconds, self.total, self._pid, rows=tuple(rows))

    def _tell(self, happening: Happening) -> None:
        self._pending.append(happening)
