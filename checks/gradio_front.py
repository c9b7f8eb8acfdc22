"""Gradio family, live: the Node process of server-side rendering, before the app (6.15 on) or behind it."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Absent, Finding, HttpAnswers, Instances, Process, Processes, Source, check

_NODE_NAMES = frozenset({"node", "nodejs", "MainThread"})  # Node 20 and later name their thread, and so the process
_IN_FRONT = (6, 15)  # before, Python had the user's port and asked Node for the page (Gradio's pull request 13366)


@check("gradio-front", finds=("gradio.front-silent", "gradio.front-fails", "gradio.front-gone"))
def gradio_front(
    http: HttpAnswers, instances: Instances | Absent, processes: Processes | Absent
) -> Iterator[Finding]:
    """Python answers: does Gradio's Node process, too? One that has died is a zombie, for Gradio never waits for it.

    Where Node stands behind, Python makes the page itself when Node is dead; only a page that fails is a fault there.
    """
    loop, front, page = http.get("loop"), http.get("front"), http.get("front-page")
    if loop is None or loop.outcome != "answered":
        return
    facts = {"url": loop.url.removesuffix("/config")}
    matters = _stands_in_front(http.version) or _page_fails(http)
    if front is None:
        dead = _dead_node(instances, processes) if matters else None
        source = Source("process", f"pid {dead.pid}") if dead else None
        facts |= {"pid": str(dead.pid)} if dead else {}
        yield Finding("gradio.front-gone", dead is not None, facts, source, witness="node-process")
        return
    facts |= {"front": front.url.removesuffix("/config"), "seconds": f"{front.seconds:.1f}",
              "error": front.error or front.outcome}
    silent = matters and front.outcome != "answered"
    yield Finding("gradio.front-silent", silent, facts, Source("http", front.url), witness="http:front")
    if not silent:
        worst = page or front
        fails = matters and worst.outcome == "answered" and (worst.status or 0) >= 500
        facts |= {"status": str(worst.status), "page": worst.url}
        yield Finding("gradio.front-fails", fails, facts, Source("http", worst.url), witness="http:front-page")


def _stands_in_front(version: str) -> bool:
    """True when pages are asked of Node, which is so where Gradio does not tell its version, too."""
    numbers = [int(n) for n in version.split(".")[:2] if n.isascii() and n.isdigit()]
    return len(numbers) < 2 or tuple(numbers) >= _IN_FRONT


def _page_fails(http: HttpAnswers) -> bool:
    page = http.get("page")
    return page is not None and (page.outcome != "answered" or (page.status or 0) >= 500)


def _dead_node(instances: Instances | Absent, processes: Processes | Absent) -> Process | None:
    if isinstance(instances, Absent) or isinstance(processes, Absent):
        return None
    children = (c for p in instances.all for c in processes.children(p.pid))
    return next((c for c in children if c.state == "zombie" and c.name in _NODE_NAMES), None)
