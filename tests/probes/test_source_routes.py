# ruff: noqa: E501 - one app a line reads best
"""The functions of the web app around Gradio, what a login is checked with, and what listeners say of queueing."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.evidence import AppSource
from tests.probes.source_apps import by_name, events, read_app

APP = """
import time
import gradio as gr
from fastapi import APIRouter, FastAPI, Request
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Route
api = FastAPI()
router = APIRouter()
star = Starlette()
other = object()
async def plain(request): time.sleep(1)
def threaded(request): time.sleep(1)
class Slow(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        time.sleep(1)
        return await call_next(request)
class Pure:
    def __init__(self, app): self.app = app
    async def __call__(self, scope, receive, send):
        time.sleep(1)
        await self.app(scope, receive, send)
demo = gr.Interface(len, "text", "text")
{code}
"""

FORMS: dict[str, list[tuple[str, str, bool]]] = {
    "@api.get('/x')\nasync def x(): ...": [("x", "route", True)],
    "@api.post('/x')\ndef x(): ...": [("x", "route", False)],
    "@router.websocket('/x')\nasync def x(ws): ...": [("x", "route", True)],
    "@api.middleware('http')\nasync def x(request, call_next): ...": [("x", "middleware", True)],
    "@star.route('/x')\nasync def x(request): ...": [("x", "route", True)],
    "api.add_api_route('/x', plain)": [("plain", "route", True)],
    "api.add_api_route('/x', endpoint=threaded)": [("threaded", "route", False)],
    "star.add_route('/x', plain)": [("plain", "route", True)],
    "routes = [Route('/x', plain)]": [("plain", "route", True)],
    "routes = [Route('/x', endpoint=plain)]": [("plain", "route", True)],
    "api.add_middleware(Slow)": [("dispatch", "middleware", True)],
    "api.add_middleware(Pure)": [("__call__", "middleware", True)],
    "api.add_middleware(BaseHTTPMiddleware, dispatch=plain)": [("plain", "middleware", True)],
    "def extend(app: FastAPI):\n    @app.get('/x')\n    async def x(): ...\nextend(api)": [("x", "route", True)],
    "api = gr.mount_gradio_app(api, demo, path='/')\n@api.get('/x')\nasync def x(): ...": [("x", "route", True)],
    "app, _, _ = demo.launch(prevent_thread_lock=True)\n@app.get('/x')\nasync def x(): ...": [("x", "route", True)],
    "server = gr.Server()\n@server.api(name='add')\ndef x(a): ...": [("x", "api", False)],
    "server = gr.Server()\n@server.get('/')\nasync def x(): ...": [("x", "route", True)],
    "demo.launch(auth=threaded)": [("threaded", "auth", False)],
    "demo.launch(auth=plain)": [("plain", "auth", True)],
    "gr.mount_gradio_app(api, demo, path='/', auth_dependency=plain)": [("plain", "auth_dependency", True)],
    "gr.HTML(server_functions=[plain, threaded])": [("plain", "server_function", True),
                                                    ("threaded", "server_function", False)],
    "box = gr.Textbox()\nbox.submit(plain, box, validator=threaded)": [("plain", "submit", True),
                                                                       ("threaded", "validator", False)],
    "@other.get('/x')\nasync def x(): ...": [],
    "@unknown.get('/x')\nasync def x(): ...": [],
    "api.add_middleware(BaseHTTPMiddleware)": [],
    "api.include_router(router)": [],
    "other.launch(auth=threaded)": [],
    "demo.launch(auth=('user', 'secret'))": [],
    "demo.launch(auth=[('user', 'secret')])": [],
    "box = {}\nbox.get('/x')": [],
}


def read(tmp_path: Path, code: str) -> AppSource:
    return read_app(tmp_path, APP.format(code=code))


@pytest.mark.parametrize(("code", "expected"), FORMS.items())
def test_routes_and_what_checks_a_login(code: str, expected: list[tuple[str, str, bool]], tmp_path: Path) -> None:
    assert events(read(tmp_path, code)) == expected


@pytest.mark.parametrize(("code", "line"), [
    ("api.add_middleware(Slow)", "time.sleep(1)"),
    ("api.add_middleware(Pure)", "time.sleep(1)"),
    ("api.add_api_route('/x', plain)", "async def plain(request): time.sleep(1)"),
])
def test_what_blocks_in_them(code: str, line: str, tmp_path: Path) -> None:
    found = [c for c in read(tmp_path, code).slow if c.on_loop]
    assert [(c.kind, c.location.text) for c in found] == [("sleep", line)]


def test_a_threaded_route_and_a_login_do_not_count_as_the_loop(tmp_path: Path) -> None:
    source = read(tmp_path, "api.add_api_route('/x', threaded)\ndemo.launch(auth=threaded)")
    assert [c for c in source.slow if c.on_loop] == []
    assert {c.handler.event for c in source.slow if c.handler} <= {"route", "auth"}


LISTENERS: dict[str, dict[str, object]] = {
    "btn.click(f, concurrency_limit=3)": {"concurrency_limit": 3},
    "btn.click(f, concurrency_limit=None, concurrency_id='gpu')": {"concurrency_limit": None, "concurrency_id": "gpu"},
    "btn.click(f, queue=False, api_name='x')": {"queue": False},
    "btn.click(f, batch=True, max_batch_size=8)": {"batch": True, "max_batch_size": 8},
    "btn.click(f, concurrency_limit=LIMIT)": {"concurrency_limit": 5},
    "gr.ChatInterface(f, concurrency_limit=2)": {"concurrency_limit": 2},
    "gr.on([btn.click], f, concurrency_limit=2)": {"concurrency_limit": 2},
    "btn.click(f)": {},
}


@pytest.mark.parametrize(("code", "expected"), LISTENERS.items())
def test_what_a_listener_says_of_queueing(code: str, expected: dict[str, object], tmp_path: Path) -> None:
    main = f"import gradio as gr\nLIMIT = 5\ndef f(x): ...\nwith gr.Blocks() as demo:\n    btn = gr.Button()\n    {code}\n"
    handler = by_name(read_app(tmp_path, main), "f")
    assert {s.name: s.value for s in handler.settings if s.known} == expected
    assert all(s.line == 6 for s in handler.settings)
    assert (handler.line, handler.end) == (3, 3)


def test_a_decorator_says_it_too(tmp_path: Path) -> None:
    main = "import gradio as gr\nbtn = gr.Button()\n@btn.click(inputs=[], concurrency_limit=7)\ndef f():\n    return 1\n"
    handler = by_name(read_app(tmp_path, main), "f")
    setting = handler.get("concurrency_limit")
    assert setting is not None
    assert setting.value == 7
    assert handler.get("queue") is None
    assert (handler.line, handler.end) == (4, 5)
