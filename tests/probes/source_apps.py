"""Writes small apps to disk and reads them, for the tests of the source probe."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

from gradio_doctor.evidence import AppSource, Call, Handler, Setting
from gradio_doctor.probes.source import read_source

Write = Callable[..., AppSource]


def write_app(directory: Path, main: str, files: dict[str, str] | None = None) -> Path:
    """app.py with `main`, and other files by their relative path."""
    for name, text in {"app.py": main, **(files or {})}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return directory / "app.py"


def read_app(directory: Path, main: str, files: dict[str, str] | None = None) -> AppSource:
    """What the probe reads of such an app."""
    return read_source(str(write_app(directory, main, files)))


def reaches(source: AppSource, name: str = "launch") -> list[str]:
    """How the calls of one name are reached, in source order."""
    return [str(c.reach) for c in source.named(name)]


def only(source: AppSource, name: str = "launch") -> Call:
    """The one call of that name."""
    found = source.named(name)
    assert len(found) == 1, found
    return found[0]


def setting(source: AppSource, name: str, call: str = "launch") -> Setting:
    """A setting of the one call of that name."""
    found = only(source, call).get(name)
    assert found is not None, only(source, call)
    return found


def known(source: AppSource, call: str = "launch") -> dict[str, object]:
    """The settings of the one call whose values could be read."""
    return {s.name: s.value for s in only(source, call).settings if s.known}


def events(source: AppSource) -> list[tuple[str, str, bool]]:
    """Handlers as (name, event, is_async)."""
    return [(h.name, h.event, h.is_async) for h in source.handlers]


def by_name(source: AppSource, name: str) -> Handler:
    """The first handler of that name."""
    return next(h for h in source.handlers if h.name == name)
