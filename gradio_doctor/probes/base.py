"""The contract of probes: functions that turn the world into evidence, and the context they work in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from gradio_doctor.evidence import Absent, Target

T = TypeVar("T")
Invasive = Literal["read", "probe", "sample", "pause"]
INVASIVE_LEVELS: tuple[Invasive, ...] = ("read", "probe", "sample", "pause")


@dataclass(frozen=True, slots=True)
class Options:
    """What the person allowed and asked for. Times in seconds.

    `since` and `until` (ISO 8601, "" none) limit log lines by their time; `context` lines are kept around matches.
    `watch` is how long the memory of the app is watched, 0 not at all.
    `gpu_alert` is the level, in percent of a GPU's memory, from which on it is mentioned.
    `probe_upload`: a body of some megabytes may be sent through the proxy. `probe_stream` is how long its stream of
    events is listened to. `fresh`: an instance of its own is started, whatever runs already.
    """

    logs: tuple[str, ...] = ()
    python: str | None = None
    proxy: str | None = None
    run: bool = True
    startup_timeout: float = 120.0
    timeout: float = 30.0
    check_timeout: float = 5.0
    invasive: Invasive = "sample"
    since: str = ""
    until: str = ""
    context: int = 0
    nginx_conf: str | None = None
    watch: float = 0.0
    gpu_alert: float = 85.0

    probe_upload: bool = False
    probe_stream: float = 0.8
    fresh: bool = False

    def allows(self, level: Invasive) -> bool:
        """True when looking at that level of invasiveness is allowed."""
        return INVASIVE_LEVELS.index(level) <= INVASIVE_LEVELS.index(self.invasive)


class Context(Protocol):
    """What a probe may use: the target, the options, other evidence, and a place to hang clean-up."""

    @property
    def target(self) -> Target:
        """What the person asked about."""

    @property
    def options(self) -> Options:
        """What the person allowed."""

    def get(self, kind: type[T]) -> T | Absent:
        """Evidence of another kind, gathered on first use and then kept."""

    def known(self, kind: type[T]) -> T | Absent | None:
        """Evidence of another kind if it has been gathered already, else None. Gathers nothing."""

    def forget(self, *kinds: type) -> None:
        """Drop gathered evidence that an action of ours (starting the app) made stale."""

    def on_close(self, clean_up: Callable[[], None]) -> None:
        """Run `clean_up` when the examination ends, whatever ends it (last registered first)."""

    def note(self, text: str) -> None:
        """Tell the person on stderr what is going on (progress)."""


Probe = Callable[[Context], object]
