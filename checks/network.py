"""Proxies in the environment, and why Gradio says that localhost is not accessible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from urllib.parse import urlsplit

from gradio_doctor.sdk import (
    OUTPUT_OF_RUN,
    Absent,
    Environment,
    Finding,
    Frame,
    LogEvents,
    LogMatch,
    Run,
    Source,
    Traceback,
    check,
)

from .app_tracebacks import finding, is_telemetry, slashes

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_OWN_ADDRESS = re.compile(r"https?://(?:127\.0\.0\.1|localhost|0\.0\.0\.0):\d{1,5}/\S{0,60}startup-events")
_TIMEOUTS = ("ReadTimeout", "ConnectTimeout", "TimeoutException")
_SELF_CHECK = ("network.localhost-not-accessible", "network.startup-events-refused")
_PAGE_ERRORS = ("dependency.schema-bool",)  # what makes the page itself answer 500
_THROUGH_PROXY = ("network.proxy-on-loopback", "network.proxy-error", "network.proxy-frames", "network.socks-support")
_ADDRESS = "Running on local URL"
_LAUNCHED = ("To create a public link", "Running on public URL", "Could not create share link")


@check("network-localhost", finds=(
    "network.localhost-check-through-proxy", "network.localhost-check-plain", "app.self-check-timed-out",
    "app.first-page-not-served", "app.first-page-too-slow",
))
def network_localhost(log: LogEvents, run: Run | Absent) -> Iterator[Finding]:
    """Why Gradio could not reach itself: a proxy, an error of its own page (dependency-page), or a slow one."""
    blamed = log.get("network.localhost-not-accessible")
    own = [(i, t) for i, t in enumerate(log.tracebacks) if asks_itself(t, log)]
    if blamed is None and not own:
        return
    replaces = ("network.localhost-not-accessible", "network.remote-host-unreachable") if blamed or own else ()
    proxied = next((m for name in _THROUGH_PROXY if (m := log.get(name))), None)
    if proxied is not None:
        facts = {"reason": proxied.text.strip()[:160]}
        witness = f"traceback:{proxied.tracebacks[0]}" if proxied.tracebacks else ""
        yield Finding("network.localhost-check-through-proxy", facts=facts, source=proxied.source, witness=witness,
                      replaces=replaces)
    elif own and own[-1][1].last.short_type in _TIMEOUTS:
        index, traceback = own[-1]
        yield replace(finding("app.self-check-timed-out", index, traceback, traceback.last), replaces=replaces)
    elif blamed is not None and not _page_error_before(log, blamed):
        name = "app.first-page-not-served" if _reached_itself(log) else "network.localhost-check-plain"
        if name == "app.first-page-not-served" and isinstance(run, Run) and blamed.source.name == OUTPUT_OF_RUN:
            name = "app.first-page-too-slow"  # we have all that it printed, and a page that fails prints why
        dropped = (blamed.signature,) if name.startswith("app.") else ()
        yield Finding(name, source=blamed.source, facts={"line_text": blamed.text}, replaces=dropped)


def _reached_itself(log: LogEvents) -> bool:
    """Gradio's startup request had already come back, so the way to localhost is open and the page itself failed.

    5.x and 6.x raise before they look at the page when that request fails (gradio/blocks.py launch()); they print
    their address with a star. For older versions httpx's own log tells.
    """
    lines = (*log.head, *log.tail)
    newer = log.gradio_version.partition(".")[0] in ("5", "6") or any("* Running on local URL" in t for t in lines)
    return newer or any(_OWN_ADDRESS.search(t) and " 200" in t for t in lines)


def asks_itself(traceback: Traceback, log: LogEvents) -> bool:
    """True when the traceback is of Gradio's request to its own address while it starts."""
    frames = [f for link in traceback.links for f in link.frames]
    if any(slashes(f.file).endswith("gradio/networking.py") and f.function == "url_ok" for f in frames):
        return True
    if any(_is_launch(caller) and _is_http(callee) for caller, callee in pairwise(frames)):
        return True
    http = any(_is_http(f) for f in frames)
    cut = not any(f.own for f in frames)  # the excerpt ends before Gradio's frames
    spoken = any(_OWN_ADDRESS.search(t) for t in log.head)
    return http and cut and spoken


@check("network-telemetry", finds=("network.analytics-failed",))
def network_telemetry(log: LogEvents) -> Iterator[Finding]:
    """What matched only in tracebacks of Gradio's usage statistics is no fault."""
    idle = {i for i, t in enumerate(log.tracebacks) if is_telemetry(t)}
    matched = [m for m in log.matches if m.tracebacks and idle.issuperset(m.tracebacks)]
    if matched:
        yield Finding("network.analytics-failed", source=matched[0].source,
                      replaces=tuple(m.signature for m in matched))


@check("network-index", finds=("network.index-unreachable",))
def network_index(log: LogEvents) -> Iterator[Finding]:
    """pip says that there is no such version when it could not reach the index at all."""
    retries, gone = log.get("network.pip-retries"), log.get("dependency.no-wheel-for-python")
    if retries is not None and gone is not None and "from versions: none" in gone.text:
        facts = {"name": gone.captures.get("name", ""), "reason": retries.captures.get("reason", "")}
        yield Finding("network.index-unreachable", facts=facts, source=retries.source, replaces=(gone.signature,))


def _is_launch(frame: Frame) -> bool:
    return slashes(frame.file).endswith("gradio/blocks.py") and frame.function.rpartition(".")[2] == "launch"


def _is_http(frame: Frame) -> bool:
    return any(name in frame.file for name in ("httpx", "httpcore", "requests"))


def _page_error_before(log: LogEvents, blamed: LogMatch) -> bool:
    """Gradio's own page raised before (Exception in ASGI application); of an excerpt, the last line may be left."""
    line = blamed.source.line or 0
    if any((m := log.get(name)) is not None and (m.source.line or 0) < line for name in _PAGE_ERRORS):
        return True
    for traceback in log.tracebacks:
        link = traceback.last
        files = " ".join(slashes(f.file) for f in link.frames)
        inside = "starlette/" in files or "uvicorn/" in files or "gradio_client/" in files or "fastapi/" in files
        if inside and (link.source.line or 0) < line:
            return True
    return False


@check("network-proxy-env", finds=("network.proxy-without-exemption", "network.self-check-waits"))
def network_proxy_env(environment: Environment, run: Run | Absent, log: LogEvents | Absent) -> Iterator[Finding]:
    """A proxy is set, localhost is not exempt, and Gradio did not reach itself: a healthy app behind one is none."""
    waits = isinstance(run, Run) and _self_check_waits(run, log)
    if (isinstance(run, Run) and run.outcome == "serving" and not waits) or not (waits or _self_check_failed(log)):
        return
    for name, value in environment.variables.items():
        if name.lower() in _PROXIES and value and not exempt(environment):
            facts = {"variable": name, "value": value, "of": environment.of}
            yield Finding("network.proxy-without-exemption", facts=facts, source=Source("process", environment.of))
            if waits:
                yield Finding("network.self-check-waits", source=Source("log", OUTPUT_OF_RUN))
            return


def _self_check_waits(run: Run, log: LogEvents | Absent) -> bool:
    """The address was printed seconds ago, and not what launch() prints when it has reached itself.

    A run counts as serving when it answers; launch() may still wait, without a time limit (facts: gradio §2.3).
    """
    if isinstance(log, Absent) or run.outcome == "exited":
        return run.outcome == "timeout"
    lines = (*log.head, *log.tail)
    return any(_ADDRESS in line for line in lines) and not any(w in line for w in _LAUNCHED for line in lines)


def _self_check_failed(log: LogEvents | Absent) -> bool:
    """The log tells of a request of Gradio to itself that failed, or of one that a proxy took."""
    if isinstance(log, Absent):
        return False
    told = any(log.get(name) for name in (*_SELF_CHECK, *_THROUGH_PROXY))
    return told or any(asks_itself(t, log) for t in log.tracebacks)


def exempt(environment: Environment) -> bool:
    """True when no_proxy keeps requests to this machine away from the proxy, as httpx and requests read it."""
    listed = environment.variables.get("no_proxy") or environment.variables.get("NO_PROXY") or ""
    hosts = {_host(entry) for entry in listed.split(",")}
    return "*" in hosts or {"localhost", "127.0.0.1"} <= hosts or "127.0.0.1" in hosts


def _host(entry: str) -> str:
    entry = entry.strip()
    try:
        return urlsplit(entry).hostname or entry if "://" in entry else entry.lstrip(".")
    except ValueError:
        return entry
