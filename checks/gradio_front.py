"""Gradio family, live: the Node process of server-side rendering, which stands before the app or behind it."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Absent, Finding, HttpAnswers, Instances, Process, Processes, Source, check

_NODE_NAMES = frozenset({"node", "nodejs", "MainThread"})  # Node 20 and later name their thread, and so the process


@check("gradio-front", finds=("gradio.front-silent", "gradio.front-fails", "gradio.front-gone"))
def gradio_front(
    http: HttpAnswers, instances: Instances | Absent, processes: Processes | Absent
) -> Iterator[Finding]:
    """Python answers: does Gradio's Node process, too? One that has died is a zombie, for Gradio never waits for it."""
    loop, front, page = http.get("loop"), http.get("front"), http.get("front-page")
    if loop is None or loop.outcome != "answered":
        return
    if front is None:
        dead = _dead_node(instances, processes)
        facts = {"pid": str(dead.pid), "url": loop.url.removesuffix("/config")} if dead else {}
        source = Source("process", f"pid {dead.pid}") if dead else None
        yield Finding("gradio.front-gone", dead is not None, facts, source, witness="node-process")
        return
    facts = {"front": front.url.removesuffix("/config"), "url": loop.url.removesuffix("/config"),
             "seconds": f"{front.seconds:.1f}", "error": front.error or front.outcome}
    silent = front.outcome != "answered"
    yield Finding("gradio.front-silent", silent, facts, Source("http", front.url), witness="http:front")
    fails = page is not None and page.outcome == "answered" and (page.status or 0) >= 500
    if page is not None:
        facts |= {"status": str(page.status), "page": page.url}
        yield Finding("gradio.front-fails", fails, facts, Source("http", page.url), witness="http:front-page")


def _dead_node(instances: Instances | Absent, processes: Processes | Absent) -> Process | None:
    if isinstance(instances, Absent) or isinstance(processes, Absent):
        return None
    children = (c for p in instances.all for c in processes.children(p.pid))
    return next((c for c in children if c.state == "zombie" and c.name in _NODE_NAMES), None)
