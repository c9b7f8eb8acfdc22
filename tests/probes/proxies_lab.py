"""Configurations written to files, read as a proxy would read them."""

from __future__ import annotations

from pathlib import Path

from gradio_doctor.evidence import Route
from gradio_doctor.probes.proxies.nginx_routes import nginx_routes
from gradio_doctor.probes.proxies.nginx_tree import NginxTree
from gradio_doctor.probes.proxies.reading import Files


def nginx(directory: Path, text: str, **others: str) -> tuple[tuple[Route, ...], list[str]]:
    """The routes of nginx.conf with that text (other files beside it), and what was not read."""
    for name, content in others.items():
        (directory / f"{name}.conf").write_text(content)
    path = directory / "nginx.conf"
    path.write_text(text)
    files = Files()
    return nginx_routes(NginxTree(files, str(directory)).read(str(path)), files), files.unread


def one(directory: Path, text: str, **others: str) -> Route:
    routes, unread = nginx(directory, text, **others)
    assert len(routes) == 1, (routes, unread)
    return routes[0]


def http(text: str) -> str:
    return f"events {{}}\nhttp {{\n{text}\n}}\n"


def server(text: str) -> str:
    return http(f"server {{ listen 80; {text} }}")
