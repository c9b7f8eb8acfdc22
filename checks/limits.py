"""Limits that need more than one line or a look at the system to be told."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Absent, Finding, LogEvents, Paths, Run, Source, Traceback, check

_LITTLE = 100 * 2**20  # bytes: less is not enough for uploads and outputs
_THROTTLED = 0.1  # share of periods above which throttling is felt
_DENIED = {"[Errno 13]", "[Errno 1]", "[Errno 30]"}


@check("limits-paths", finds=("limits.path-refused", "limits.little-space"))
def limits_paths(paths: Paths, run: Run | Absent) -> Iterator[Finding]:
    """Directories Gradio needs: may the app's user use them (it matters when the start failed), and is there room?

    A directory with a problem alone proves nothing: Gradio may use another one.
    """
    failed = not isinstance(run, Absent) and run.outcome != "serving"
    for entry in paths.entries:
        source = Source("file", entry.path)
        if entry.problem and failed:
            facts = {"path": entry.path, "role": entry.role, "problem": entry.problem, "owner": entry.owner or "?"}
            yield Finding("limits.path-refused", facts=facts, source=source)
        if entry.free is not None and entry.free < _LITTLE:
            facts = {"path": entry.path, "free": f"{entry.free / 2**20:.0f} MiB"}
            yield Finding("limits.little-space", facts=facts, source=source)


@check("limits-permission", finds=("limits.file-refused",))
def limits_permission(log: LogEvents) -> Iterator[Finding]:
    """An uncaught PermissionError on a file, with the place in the user's code.

    On Windows open() of a directory is refused with errno 13 too: a path without a file name extension there is
    mostly a wrong path (the app's fault), so it is left to the app's own signatures.
    """
    for traceback in log.tracebacks:
        message = traceback.first.message
        if traceback.first.short_type != "PermissionError" or not any(code in message for code in _DENIED):
            continue
        path = _quoted(message)
        if not path or is_windows_directory(path) or "bind" in message:
            continue
        yield _refused(traceback, path)
        return


def _refused(traceback: Traceback, path: str) -> Finding:
    return Finding(
        "limits.file-refused", facts={"path": path}, source=traceback.first.source, location=traceback.location,
        replaces=("limits.permission-error-bare",),
    )


def _quoted(message: str) -> str:
    """The path in quotes at the end of an OSError's message, "" when there is none."""
    for quote in "'\"":
        head, found, tail = message.rstrip().rpartition(quote)
        if found and not tail and quote in head:
            return head.rpartition(quote)[2]
    return ""


def is_windows_directory(path: str) -> bool:
    """True for a Windows path whose last part has no extension: open() on a directory gives errno 13 there."""
    windows = "\\" in path or path[1:2] == ":"
    last = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return windows and "." not in last


@check("limits-throttled", finds=("limits.throttled-share",))
def limits_throttled(log: LogEvents) -> Iterator[Finding]:
    """How often the CPU quota stopped the container, from cpu.stat quoted in a log."""
    periods, throttled = log.get("limits.cpu-periods"), log.get("limits.cpu-throttled-count")
    if periods is None or throttled is None:
        return
    total, stopped = int(periods.captures["periods"]), int(throttled.captures["throttled"])
    if total and stopped / total >= _THROTTLED:
        share = f"{100 * stopped / total:.0f}"
        facts = {"throttled": str(stopped), "periods": str(total), "share": share}
        replaces = ("limits.cpu-throttled-count",)
        yield Finding("limits.throttled-share", facts=facts, source=throttled.source, replaces=replaces)


_BROKEN_FILE = ("model.archive-corrupt", "model.safetensors-header")


@check("limits-full-while-writing", finds=("limits.full-while-writing",))
def limits_full_while_writing(log: LogEvents) -> Iterator[Finding]:
    """A file that cannot be written for lack of room is no broken file."""
    full = log.get("limits.no-space")
    if full is not None and any(log.get(name) for name in _BROKEN_FILE):
        yield Finding("limits.full-while-writing", source=full.source, replaces=_BROKEN_FILE)
