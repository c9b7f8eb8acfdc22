"""Which files beside an app tell of its deployment, and their text, bounded."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from gradio_doctor.evidence.deployment import Dialect

MOST_BYTES = 512 << 10
MOST_FILES = 100
_MOST_ENTRIES = 2000
_MOST_LEVELS = 6
_FOLDERS = (
    "deploy", "deployment", "deployments", "k8s", "kubernetes", "manifests", "docker", ".docker", "compose", "systemd",
    "infra", "ops", "container", "containers",
)
_BELOW = frozenset({"src", "app", "demo", "web", "ui", "webui", "gradio", "server", "backend", "frontend"})
_PATTERNS: tuple[tuple[str, Dialect], ...] = (
    (r"(?:docker|container)file(?:[.-][\w.-]{1,60})?|[\w.-]{1,60}\.(?:docker|container)file", "dockerfile"),
    (r"(?:docker-)?compose(?:[.-][\w.-]{1,60})?\.ya?ml", "compose"),
    (r"[\w@.-]{1,80}\.service", "systemd"),
    (r"procfile", "procfile"),
    (r"gunicorn[\w.-]{0,40}\.py", "gunicorn"),
    (r"readme\.md", "space"),
    (r"requirements\.txt|pyproject\.toml", "requirements"),
    (r"[\w.-]{1,80}\.ya?ml", "kubernetes"),
)
_NAMES = tuple((re.compile(pattern, re.IGNORECASE), dialect) for pattern, dialect in _PATTERNS)
_LOCKS = frozenset({
    "uv.lock", "poetry.lock", "pipfile.lock", "pdm.lock", "pixi.lock", "pylock.toml", "requirements.lock",
    "requirements-lock.txt", "requirements.lock.txt", "constraints.txt", "conda-lock.yml",
})


def search(directory: str) -> tuple[str, list[tuple[str, Dialect]], list[str]]:
    """The root of the search, the files by their dialect, nearest first, and the lock files. Follows no links out."""
    places = list(_upward(directory))
    found: list[tuple[str, Dialect]] = []
    locks: list[str] = []
    for place in places:
        for folder in (place, *(f"{place}/{name}" for name in _FOLDERS)):
            for name in _entries(folder):
                if name.lower() in _LOCKS and folder == place:
                    locks.append(f"{folder}/{name}")
                elif (dialect := dialect_of(name)) is not None and len(found) < MOST_FILES:
                    found.append((f"{folder}/{name}", dialect))
    return places[-1], found, locks


def dialect_of(name: str) -> Dialect | None:
    """What a file of that name may hold. Any other YAML may be a manifest: its text decides."""
    if name.lower().endswith((".dockerignore", ".md.dockerfile")):
        return None
    return next((dialect for pattern, dialect in _NAMES if pattern.fullmatch(name)), None)


def _upward(directory: str) -> Iterator[str]:
    """The directory, and those above it up to the root of its repository; without one, hardly further."""
    start = Path(directory)
    above = [start, *start.parents][:_MOST_LEVELS]
    root = next((n for n, place in enumerate(above) if (place / ".git").exists()), None)
    if root is not None:
        yield from map(str, above[: root + 1])
        return
    yield str(start)
    if start.name.lower() in _BELOW and start.parent != start and any(
        dialect_of(name) in ("dockerfile", "compose", "procfile") for name in _entries(str(start.parent))
    ):
        yield str(start.parent)


def _entries(folder: str) -> list[str]:
    """The names of the regular files in a folder, sorted; none when it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name for _, e in zip(range(_MOST_ENTRIES), entries, strict=False) if _is_file(e)]
    except (OSError, ValueError):
        return []
    return sorted(names)


def drop_ins(path: str) -> list[str]:
    """The drop-ins that lie beside a unit (NAME.service.d/*.conf), in the order in which systemd takes them."""
    return [f"{path}.d/{name}" for name in _entries(f"{path}.d") if name.endswith(".conf")][:20]


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def read_text(path: str) -> str:
    """The text of a regular file. Raises ValueError with the reason why there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("not a regular file")
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or type(error).__name__}") from None
    if len(raw) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 10} KiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
