"""What an app that neither serves nor ends is doing: the place in its code where it has stood."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Absent, Finding, Instances, Judgement, Live, Processes, Run, check

from .blocking_live import finding_of

_PATIENCE = 60.0  # seconds that a start may take that nobody has set a limit for: importing torch takes 20
_FINDS = ("model.loads-at-start", "app.start-waits-for-server", "app.start-waits-for-lock", "app.start-works",
          "app.start-starved")


@check("app-start", finds=_FINDS, cost=1.0)
def app_start(
    live: Live, run: Run | Absent, instances: Instances, processes: Processes | Absent
) -> Iterator[Finding]:
    """Where the main thread stands, when the time for starting is over."""
    if not _is_late(run, instances, processes):
        return
    loading = next((j for j in live.judgements if j.kind == "loading" and j.facts.get("when") == "start"), None)
    held = next((j for j in live.judgements if j.kind == "start-held" and j.pid in live.main), None)
    if loading is not None and loading.facts.get("what") != "import":
        yield finding_of("model.loads-at-start", loading, live)
    elif held is not None:
        yield finding_of(_name(held), held, live, "limit-wait" if held.facts.get("how") == "socket" else "")


def _is_late(run: Run | Absent, instances: Instances, processes: Processes | Absent) -> bool:
    if isinstance(run, Run):
        return run.outcome == "timeout"
    if isinstance(processes, Absent) or not instances.main:
        return False
    return processes.now - instances.main[-1].started > _PATIENCE


def _name(held: Judgement) -> str:
    how = held.facts.get("how")
    if how in ("socket", "name-lookup"):
        return "model.loads-at-start" if held.facts.get("hub") else "app.start-waits-for-server"
    if how == "starves":
        return "app.start-starved"
    return "app.start-waits-for-lock" if how in ("lock", "file-lock") else "app.start-works"
