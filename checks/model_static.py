"""Models that are loaded at every event, or before the app serves, read off the source."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import AppSource, Finding, Run, Source, check

_FEW = 12  # findings


@check("model-loads-in-handler", finds=("model.may-load-each-time",))
def model_loads_in_handler(source: AppSource) -> Iterator[Finding]:
    """Which handlers load a model at every call, with no cache on the way?"""
    seen: set[tuple[str, int]] = set()
    for call in source.slow:
        key = (call.location.file, call.location.line)
        if call.kind == "load" and call.always and call.handler is not None and key not in seen and len(seen) < _FEW:
            seen.add(key)
            facts = {"handler": call.handler.name, "call": call.what, "file": key[0], "line": str(key[1])}
            yield Finding("model.may-load-each-time", facts=facts, source=Source("file", *key), location=call.location,
                          chain=call.chain)


@check("model-loads-first", finds=("model.loaded-before-launch",))
def model_loads_first(source: AppSource, run: Run) -> Iterator[Finding]:
    """The app did not come up in time: does it load a model before it serves?"""
    if run.outcome != "timeout":
        return
    loads = [c for c in source.slow if c.kind == "load" and c.handler is None]
    for call in loads[:1]:
        place = call.location
        facts = {"call": call.what, "file": place.file, "line": str(place.line), "seconds": f"{run.seconds:.0f}"}
        yield Finding("model.loaded-before-launch", facts=facts, source=Source("file", place.file, place.line),
                      location=place)
    if not loads and source.fault is None and not source.unread:
        yield Finding("model.loaded-before-launch", False, source=Source("file", source.path))
