"""The two paths by which every event of Gradio 4 and later goes: the queue's door, and the stream of its answers.

Neither request makes an event or leaves a line in the app's log (measured on Gradio 4.44, 5.3 and 6.31): without
fn_index the door refuses with 400 before it would make one, and the router refuses HEAD on the stream's path with 405.
"""

from __future__ import annotations

from gradio_doctor.probes.http import NO_EVENT
from gradio_doctor.probes.through.talk import Talk

_LONGEST_PREFIX = 60


def ask_doors(talk: Talk, settings: dict[str, object]) -> None:
    """Knock at both on both sides. `settings` is the app's configuration as it came through the proxy."""
    known = settings or talk.direct_settings
    api = talk.app.api or _prefix(known)  # only Gradio 5 and later have one; a login hides the version
    if talk.reached is False or not (api or _has_queue(talk.version)) or (known and not needs_queue(known)):
        return
    door = talk.both("door", "POST", api + "/queue/join", payload=NO_EVENT)
    if door.answer.status == 405:
        talk.both("door-path", "GET", api + "/queue/join")  # is it the method that is refused, or the path unknown?
    talk.both("events", "HEAD", api + "/queue/data")


def _has_queue(version: str) -> bool:
    """True for a Gradio whose events begin with a POST: 3 begins them with a WebSocket."""
    major = version.partition(".")[0]
    return major.isdecimal() and len(major) < 4 and int(major) >= 4


def needs_queue(settings: dict[str, object]) -> bool:
    """False for an app none of whose handlers runs in Python, or goes through the queue."""
    handlers = settings.get("dependencies")
    if not isinstance(handlers, list):
        return True
    asked = [h for h in handlers[:10_000] if isinstance(h, dict)]
    return any(h.get("backend_fn") is not False and h.get("queue") is not False for h in asked)


def _prefix(settings: dict[str, object]) -> str:
    told = settings.get("api_prefix")
    return told.rstrip("/") if isinstance(told, str) and told.startswith("/") and len(told) < _LONGEST_PREFIX else ""
