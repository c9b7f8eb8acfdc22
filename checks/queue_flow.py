"""Queue family: whether a long queue moves, and what the numbers say about its settings."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradio_doctor.sdk import Absent, AppSource, Finding, HttpAnswers, QueueWatch, Source, check

_DEFAULT = 1  # events of one function at once, unless the app says otherwise (gradio/queueing.py, 4.0 to 6.31)
_DOUBLE = 120.0  # seconds; from here on people read minutes


@check("queue-flow", finds=("queue.keeps-waiting", "queue.none-begun"), cost=2.0)
def queue_flow(watch: QueueWatch, http: HttpAnswers, source: AppSource | Absent) -> Iterator[Finding]:
    """Arrivals and begun events over some seconds: from them the time that the last one waits, and the slots needed.

    In a queue that never empties, `limit` slots begin limit / service events a second, so service is limit / rate;
    it stops growing with arrivals x service slots (Little's law).
    """
    if len(watch.sizes) < 2:
        return
    size, seconds = watch.sizes[-1], watch.seconds
    limit, setting = _limit(source)
    facts = {"size": str(size), "arrived": str(watch.arrived), "begun": str(watch.begun), "setting": setting,
             "watched": f"{seconds:.0f}"}
    answer = http.get("queue-size")
    source_of = Source("http", answer.url if answer else http.base)
    if not watch.begun:
        yield Finding("queue.none-begun", facts=facts, source=source_of, witness="http:queue-flow")
        return
    rate = watch.begun / seconds
    facts["wait"] = in_time(size / rate)
    if limit:
        facts["service"] = in_time(limit / rate)
        facts["needed"] = str(max(limit + 1, math.ceil(limit * (watch.arrived / watch.begun))))
    yield Finding("queue.keeps-waiting", size / rate > 10, facts, source_of, witness="http:queue-flow")


def _limit(source: AppSource | Absent) -> tuple[int, str]:
    """How many events of one function run at once, where the source says one number for all; and the setting."""
    if isinstance(source, Absent):
        return 0, "concurrency_limit"
    own = {s.text: s for h in source.handlers if (s := h.get("concurrency_limit")) and s.value != "default"}
    if own:
        values = [s.value for s in own.values() if s.known and isinstance(s.value, int)]
        return (values[0] if len(own) == 1 and values else 0), f"concurrency_limit={', '.join(own)}"
    for call in source.named("queue"):
        if setting := call.get("default_concurrency_limit"):
            place = f" ({setting.file or source.path}:{setting.line})"
            number = setting.value if setting.known and isinstance(setting.value, int) else 0
            return number, f"default_concurrency_limit={setting.text}{place}"
    return _DEFAULT, "concurrency_limit=1 (Gradio's default)"


def in_time(seconds: float) -> str:
    """A duration as people say it."""
    return f"{seconds:.2g} s" if seconds < _DOUBLE else f"{seconds / 60:.0f} min"
