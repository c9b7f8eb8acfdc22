"""What the person asked about, and the address the app is meant to have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TargetKind = Literal["script", "process", "port", "url", "log", "bundle", "none"]


@dataclass(frozen=True, slots=True)
class Target:
    """The resolved TARGET argument; only the fields of its kind are set (`text` is what was typed)."""

    kind: TargetKind
    text: str
    script: str | None = None  # absolute path
    pid: int | None = None
    port: int | None = None
    url: str | None = None
    path: str | None = None  # absolute path of a log or a bundle


@dataclass(frozen=True, slots=True)
class WantedAddress:
    """Where the app means to listen.

    `ports` are the candidates in the order Gradio tries them; `fixed` when the app accepts only one.
    `known` is False when the source computes the port in a way that cannot be read. `origin` says where the
    port comes from, in words ("server_port=7860 in app.py:12", "Gradio's default").
    """

    host: str
    ports: tuple[int, ...]
    fixed: bool
    known: bool
    origin: str

    @property
    def first(self) -> int:
        """The port that the person expects the app on."""
        return self.ports[0]
