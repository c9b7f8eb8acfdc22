"""The configuration that was named on the command line: what is wrong with it is said before anything is examined."""

from __future__ import annotations

from pathlib import Path

from gradio_doctor.errors import UsageError
from gradio_doctor.evidence import Route
from gradio_doctor.probes.proxies.nginx_routes import nginx_routes
from gradio_doctor.probes.proxies.nginx_tree import NginxTree
from gradio_doctor.probes.proxies.reading import Files


def checked(path: str | None) -> str | None:
    """The absolute path of --nginx-conf. Raises UsageError, with file and line, when it cannot be read or parsed."""
    if path is None:
        return None
    place = str(Path.cwd() / path)
    files = Files()
    if files.text(place) is None:
        raise UsageError(f"--nginx-conf {path}: {files.unread[0].removeprefix(place).lstrip(': ')}")
    tree = _tree(place, files)
    tree.read(place)
    if tree.faults:
        file, line, what = tree.faults[0]
        raise UsageError(f"--nginx-conf {path}: {file}:{line}: {what}")
    return place


def read_named(path: str) -> tuple[tuple[Route, ...], tuple[str, ...]]:
    """The routes of an nginx configuration that was named, and what of it could not be read."""
    files = Files()
    return nginx_routes(_tree(path, files).read(path), files), tuple(files.unread)


def _tree(path: str, files: Files) -> NginxTree:
    return NginxTree(files, str(Path(path).parent))
