"""Client family: a page that outlived the run of the app to which it belongs."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import ExceptionLink, Finding, LogEvents, check

_LOOKUP_FILES = tuple(f"gradio/{name}.py" for name in ("blocks", "state_holder", "routes", "queueing", "route_utils"))
_TABLES = ("blocks[", "fns[", "dependencies[", "default_config.fns")


@check("client-unknown-number", finds=("client.unknown-number",), cost=0.001)
def client_unknown_number(log: LogEvents) -> Iterator[Finding]:
    """Gradio looks up a component or function by the number a page sent, and this run does not have it.

    `self.blocks[id]` raises KeyError with the number (3.x to 6.x), `self.fns[index]` IndexError while a list (3.x).
    """
    for number, traceback in enumerate(log.tracebacks):
        link = traceback.last
        if not _is_lookup(link):
            continue
        key = link.message.strip("'\" ") if link.short_type == "KeyError" else "?"
        if key == "?" or key.isdigit():
            facts = {"key": key.strip("?"), "type": link.short_type}
            yield Finding(
                "client.unknown-number", facts=facts, source=link.source,
                witness=f"traceback:{number}", replaces=("app.handler-raised",),
            )
            return


def _is_lookup(link: ExceptionLink) -> bool:
    """True when the exception came from Gradio's own table of components or functions."""
    if link.short_type not in ("KeyError", "IndexError") or not link.frames:
        return False
    frame = link.frames[-1]
    in_gradio = frame.file.replace("\\", "/").endswith(_LOOKUP_FILES)
    return in_gradio and any(table in frame.text for table in _TABLES)
