"""Gradio family: exceptions that Gradio's own code raises, with none of the app's code below them."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import ExceptionLink, Finding, Frame, LogEvents, Traceback, check

from .app_tracebacks import just_above

# What a programming error inside a library looks like; gr.Error, ValueError and the like speak to the app instead.
_NEVER_SET = frozenset({"UnboundLocalError", "NameError"})
_SLIPS = _NEVER_SET | {"AttributeError", "AssertionError", "IndexError", "KeyError", "TypeError"}


@check("gradio-raised-inside", finds=("gradio.raised-inside", "gradio.undefined-name-inside"), cost=0.001)
def gradio_raised_inside(log: LogEvents) -> Iterator[Finding]:
    """The innermost frame is Gradio's, the exception is a slip, and no line of the app called for it but launch()."""
    for number, traceback in enumerate(log.tracebacks):
        link = traceback.last
        if not link.frames or link.short_type not in _SLIPS or _answered_elsewhere(log, number):
            continue
        inner = link.frames[-1]
        if not _in_gradio(inner) or not _apps_part_is_small(link):
            continue
        sure = link.short_type in _NEVER_SET
        yield Finding(
            "gradio.undefined-name-inside" if sure else "gradio.raised-inside", facts=_facts(log, traceback, inner),
            source=link.source, location=traceback.location, witness=f"traceback:{number}",
        )
        return


def _in_gradio(frame: Frame) -> bool:
    path = frame.file.replace("\\", "/")
    return "-packages/gradio/" in path or "-packages/gradio_client/" in path


def _apps_part_is_small(link: ExceptionLink) -> bool:
    """True when the app's frames do no more than start the app (a handler or a component call would be its own)."""
    own = [f for f in link.frames if f.own]
    return all("launch(" in f.text for f in own)


def _answered_elsewhere(log: LogEvents, number: int) -> bool:
    """True when a line of the traceback is a known message: then its cause is known better than "inside Gradio".

    So is the line above it, where asyncio names the task that the exception ended.
    """
    weak, head = ("vitals.", "app."), log.tracebacks[number].first.source
    known = (m for m in log.matches if not m.signature.startswith(weak))
    return any(number in m.tracebacks or just_above(m, head) for m in known)


def _facts(log: LogEvents, traceback: Traceback, inner: Frame) -> dict[str, str]:
    path = inner.file.replace("\\", "/").rpartition("-packages/")[2]
    return {"type": traceback.last.short_type, "where": f"{path}:{inner.line}", "version": log.gradio_version}
