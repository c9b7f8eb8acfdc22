"""Gradio's Node process by version: before the app since 6.15, behind it (and not missed when dead) earlier.

tests/lab/test_ssr.py has the real one.
"""

from __future__ import annotations

import pytest

from gradio_doctor.evidence import Absent, HttpAnswer, HttpAnswers, Instances, Process, Processes
from gradio_doctor.registry import Loaded
from tests.checks.said import named

APP = Process(10, 1, "python", ("python", "app.py"), "me", 1.0, "sleeping")
NODE = Process(11, 10, "MainThread", ("node", "--import"), "me", 2.0, "sleeping")
DEAD = Process(11, 10, "MainThread", (), "me", 2.0, "zombie")


def answer(probe: str, outcome: str = "answered", status: int | None = 200, port: int = 7861) -> HttpAnswer:
    return HttpAnswer(probe, "GET", f"http://127.0.0.1:{port}/config", outcome, 0.5, status)  # type: ignore[arg-type]


def seen(loaded: Loaded, version: str, *told: HttpAnswer, child: Process = NODE) -> list[str]:
    http = HttpAnswers("http://127.0.0.1:7861", (answer("loop", status=405), *told), is_gradio=True, version=version)
    processes = Processes({p.pid: p for p in (APP, child)}, 9.0)
    found = named(loaded, "gradio-front")(http, Instances("app.py", (APP,)), processes)
    return [f.id for f in found if f.seen]


FRONT, NO_PAGE = answer("front", port=7860), answer("front-page", status=502, port=7860)
WELL, FAILS, SLOW = answer("page"), answer("page", status=500), answer("page", "timeout", None)
SILENT = answer("front", "timeout", None, 7860)


@pytest.mark.parametrize(("version", "told", "child", "expected"), [
    ("6.31.0", (WELL, FRONT, answer("front-page", port=7860)), NODE, []),
    ("6.31.0", (WELL, SILENT), NODE, ["gradio.front-silent"]),
    ("6.31.0", (WELL, answer("front", "refused", None, 7860)), NODE, ["gradio.front-silent"]),
    ("", (WELL, SILENT), NODE, ["gradio.front-silent"]),
    ("6.31.0", (WELL, FRONT, NO_PAGE), NODE, ["gradio.front-fails"]),
    ("6.31.0", (WELL, answer("front", status=502, port=7860)), NODE, ["gradio.front-fails"]),
    ("6.31.0", (WELL,), DEAD, ["gradio.front-gone"]),
    ("6.31.0", (WELL,), NODE, []),  # no port of Node's can be seen: nothing is said of it
    ("6.14.2", (WELL,), DEAD, []),  # Python makes the page itself
    ("5.50.0", (WELL,), DEAD, []),
    ("5.50.0", (WELL, SILENT), NODE, []),
    ("5.50.0", (SLOW, SILENT), NODE, ["gradio.front-silent"]),
    ("5.50.0", (FAILS,), DEAD, ["gradio.front-gone"]),
])
def test_what_is_seen(
    loaded: Loaded, version: str, told: tuple[HttpAnswer, ...], child: Process, expected: list[str]
) -> None:
    assert seen(loaded, version, *told, child=child) == expected


def test_other_dead_children_are_not_node(loaded: Loaded) -> None:
    ffmpeg = Process(11, 10, "ffmpeg", (), "me", 2.0, "zombie")
    assert seen(loaded, "6.31.0", WELL, child=ffmpeg) == []


def test_a_silent_app_is_not_the_matter_of_node(loaded: Loaded) -> None:
    http = HttpAnswers("http://127.0.0.1:7861", (answer("loop", "timeout", None),))
    assert list(named(loaded, "gradio-front")(http, Absent("hidden"), Absent("hidden"))) == []


def test_hidden_processes(loaded: Loaded) -> None:
    http = HttpAnswers("http://127.0.0.1:7861", (answer("loop"), WELL), version="6.31.0")
    found = list(named(loaded, "gradio-front")(http, Absent("hidden"), Absent("hidden")))
    assert [(f.id, f.seen) for f in found] == [("gradio.front-gone", False)]
