"""Proxies in the environment that get between Gradio and itself. Each fault beside its healthy twin."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.lab.harness import HEALTHY, Lab, doctor, write_app
from tests.ports import free_ports

EXEMPT = {"no_proxy": "localhost,127.0.0.1"}
PROXY_IN_CODE = """
    import os
    os.environ["http_proxy"] = "{proxy}"
    import gradio as gr

    with gr.Blocks() as demo:
        gr.Textbox()

    if __name__ == "__main__":
        demo.launch(server_port={port})
"""


class Refusing(BaseHTTPRequestHandler):
    """A proxy that lets nobody through, as one does that is told to serve the outside world only."""

    code = 503

    def do_GET(self) -> None:
        self.send_error(self.code)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Be silent."""


class WantsPassword(Refusing):
    code = 407


@pytest.fixture(params=[Refusing, WantsPassword])
def refusing_proxy(request: pytest.FixtureRequest) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), request.param)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def dead_proxy() -> str:
    return f"http://127.0.0.1:{free_ports()[0]}"


def test_dead_proxy(lab: Lab, port: int, dead_proxy: str) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    top = doctor("diagnose", app, cwd=lab.directory, env={"http_proxy": dead_proxy}).assert_first("network.proxy-env")
    assert "http_proxy" in top["says"]
    assert dead_proxy in top["says"]
    assert any("no_proxy=localhost,127.0.0.1" in c.replace('"', "") for r in top["remedies"] for c in r["commands"])
    exempted = {"http_proxy": dead_proxy, **EXEMPT}
    doctor("diagnose", app, cwd=lab.directory, env=exempted).assert_healthy()


def test_proxy_that_refuses(lab: Lab, port: int, refusing_proxy: str) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    env = {"http_proxy": refusing_proxy}
    top = doctor("diagnose", app, cwd=lab.directory, env=env).assert_first("network.proxy-env")
    assert refusing_proxy in top["says"]


def test_proxy_that_refuses_others_is_healthy(lab: Lab, port: int, refusing_proxy: str) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    env = {"HTTP_PROXY": refusing_proxy, "NO_PROXY": "127.0.0.1,localhost"}
    doctor("diagnose", app, cwd=lab.directory, env=env).assert_healthy()


def test_proxy_that_never_answers(lab: Lab, port: int) -> None:
    """Gradio waits for it without a time limit, after it printed that it runs."""
    app = write_app(lab.directory, HEALTHY, port=port)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {"HTTP_PROXY": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        report = doctor("diagnose", app, "--startup-timeout", 12, cwd=lab.directory, env=env)
    assert "HTTP_PROXY" in report.assert_first("network.proxy-env")["says"]


def test_all_proxy_is_meant_too(lab: Lab, port: int, dead_proxy: str) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    top = doctor("diagnose", app, cwd=lab.directory, env={"ALL_PROXY": dead_proxy}).assert_first("network.proxy-env")
    assert "ALL_PROXY" in top["says"]


def test_socks_proxy_without_its_library(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    env = {"ALL_PROXY": "socks5://127.0.0.1:1080"}
    doctor("diagnose", app, cwd=lab.directory, env=env).assert_first("network.proxy-env")


def test_proxy_set_by_the_app_itself(lab: Lab, port: int, dead_proxy: str) -> None:
    """No variable of the environment shows it; the traceback goes through the proxy's code."""
    app = write_app(lab.directory, PROXY_IN_CODE, port=port, proxy=dead_proxy)
    doctor("diagnose", app, cwd=lab.directory).assert_first("network.proxy-env")


def test_dead_proxy_seen_in_a_log_only(lab: Lab, port: int, dead_proxy: str) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    lab.start(app, wait=None, env={"http_proxy": dead_proxy}).wait(90)
    doctor("logs", app.with_name("app.log"), cwd=lab.directory).assert_first("network.proxy-env")
