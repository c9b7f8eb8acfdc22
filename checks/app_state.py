"""State that all users share and that handlers change without a lock, read off the source: predictions."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import AppSource, Finding, SharedWrite, Source, check

_FEW = 12  # findings of one kind


@check("app-shared-state", finds=("app.may-lose-update", "app.may-mix-users"))
def app_shared_state(source: AppSource) -> Iterator[Finding]:
    """Which globals do handlers change that may run at once, or fill with what one user sent and show to another?"""
    told: set[tuple[str, str, int, str]] = set()
    for write in source.shared:
        name = _finding_of(write)
        key = (name, write.defined.file, write.defined.line, write.name)
        if name and key not in told and len(told) < _FEW:
            told.add(key)
            handlers = sorted({h.name for h in write.handlers})
            facts = {
                "name": write.name, "file": write.location.file, "line": str(write.location.line),
                "defined": str(write.defined.line) if write.defined.line else "", "handlers": ", ".join(handlers[:4]),
                "function": write.location.function,
            }
            chain = tuple(p for p in (write.defined, write.location) if p.line)
            yield Finding(name, facts=facts, source=Source("file", write.location.file, write.location.line),
                          location=write.location, chain=chain)


def _finding_of(write: SharedWrite) -> str:
    """An update is lost only where two run at once; what a user sent is mixed up at any time. Filling once is fine."""
    if write.kind == "update" and write.concurrent:
        return "app.may-lose-update"
    if write.kind in ("content", "replace") and write.read:
        return "app.may-mix-users"
    return ""
