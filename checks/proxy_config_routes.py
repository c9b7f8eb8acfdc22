"""Which route takes a request of Gradio's, what headers it passes on, and which Gradio is behind it."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Absent, HttpAnswers, Interpreter, Proxies, Route


def chosen(proxies: Proxies, suffix: str) -> Iterator[Route]:
    """The routes of the app that take `suffix` below the path at which the app's page is.

    nginx and Caddy take the longest prefix. Where a pattern could take it as well, nobody can tell from here.
    """
    if proxies.matched == "only":
        return
    told: set[tuple[str, int]] = set()
    for route in proxies.ours:
        beside = [r for r in proxies.routes if (r.listens, r.names, r.tls) == (route.listens, route.names, route.tls)]
        wanted = route.path.rstrip("/") + suffix
        taking = [r for r in beside if takes(r.path, wanted)]
        if route.path.startswith(("=", "~", "@")) or any(r.path.startswith("~") for r in beside):
            continue
        if route == max(taking, key=lambda r: len(r.path), default=None) and (route.file, route.line) not in told:
            told.add((route.file, route.line))
            yield route


def takes(path: str, wanted: str) -> bool:
    """True when the path of a route takes a request for `wanted`."""
    return wanted == path[2:] if path.startswith("= ") else wanted.startswith(path)


def headers(route: Route) -> dict[str, str]:
    """The request headers that nginx sets for the app, by their names in small letters."""
    return {d.arguments[0].lower(): d.arguments[1] for d in route.all("proxy_set_header") if len(d.arguments) == 2}


def major(http: HttpAnswers | Absent, interpreter: Interpreter | Absent) -> int | None:
    """Gradio's major version, as it told itself, else as it is installed."""
    told = http.version if isinstance(http, HttpAnswers) else ""
    installed = interpreter.installed("gradio") if isinstance(interpreter, Interpreter) else ""
    first = (told or installed).partition(".")[0]
    return int(first) if first.isdecimal() and len(first) < 10 else None
