"""A span of time that lines are limited to."""

from __future__ import annotations

from dataclasses import dataclass

from gradio_doctor.logs.times import moment


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` to `until` (ISO 8601, "" open). Without a zone they mean the clock that the log itself shows."""

    since: str
    until: str

    @classmethod
    def of(cls, since: str, until: str) -> Window | None:
        """The window, None when both ends are open. Raises ValueError for a text that is no ISO time."""
        for text in (since, until):
            if text:
                moment(text)
        return cls(since, until) if since or until else None

    def admits(self, time: str | None) -> bool:
        """True when a time lies in the window. A line whose time nobody knows is admitted."""
        if time is None:
            return True
        return (not self.since or _compared(time, self.since) >= 0) and (
            not self.until or _compared(time, self.until) <= 0
        )


def _compared(time: str, bound: str) -> float:
    """Seconds from a bound to a time; when only one of them has a zone, the clocks are compared as shown."""
    if _zoned(time) != _zoned(bound):
        time, bound = time[:19], bound[:19]
    try:
        return moment(time) - moment(bound)
    except ValueError:
        return 0.0


def _zoned(text: str) -> bool:
    return text.endswith("Z") or "+" in text[10:] or "-" in text[10:]
