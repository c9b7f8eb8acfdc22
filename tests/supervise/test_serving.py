"""Servers of many kinds, started and waited for."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable

import pytest

from gradio_doctor.supervise.app import SupervisedApp

Supervise = Callable[[str], SupervisedApp]

SERVER = """
    import http.server, sys, time
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response({status})
            self.end_headers()
            print(self.command, self.path, flush=True)
        def log_message(self, *words): pass
    {before}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", {port}), Handler)
    {wrap}
    server.serve_forever()
"""


def test_a_server_without_announcement(supervise: Supervise, port: int) -> None:
    app = supervise(SERVER.format(status=405, port=port, before="", wrap=""))
    run = app.start(20)
    assert (run.outcome, run.port, run.url) == ("serving", port, f"http://127.0.0.1:{port}")
    app.capture.settle()
    # whatever it answers, it answers; nothing but these two was asked
    assert app.capture.path.read_text() == "HEAD /config\nHEAD /\n"


def test_a_server_with_tls(supervise: Supervise, port: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", directory / "key",
         "-out", directory / "certificate"], check=True, capture_output=True,
    )  # fmt: skip
    wrap = (
        "import ssl; c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER);"
        f" c.load_cert_chain('{directory}/certificate', '{directory}/key');"
        " server.socket = c.wrap_socket(server.socket, server_side=True)"
    )
    run = supervise(SERVER.format(status=200, port=port, before="", wrap=wrap)).start(20)
    assert (run.outcome, run.url) == ("serving", f"https://127.0.0.1:{port}")


def test_a_server_that_ends_after_answering(supervise: Supervise, port: int) -> None:
    before = "import threading, os; threading.Timer(1.2, os._exit, [4]).start()"
    run = supervise(SERVER.format(status=200, port=port, before=before, wrap="")).start(20)
    assert (run.outcome, run.exit_code, run.port) == ("exited", 4, None)


def test_a_socket_that_never_answers(supervise: Supervise, port: int) -> None:
    app = supervise(f"""
        import socket, time
        server = socket.create_server(("127.0.0.1", {port}))
        time.sleep(600)
    """)
    started = time.monotonic()
    run = app.start(2.5)
    assert run.outcome == "timeout"
    assert run.error == "no answer within 2.5 s"
    assert time.monotonic() - started < 30


def test_a_foreign_server_is_not_asked(supervise: Supervise) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        other.settimeout(0.1)
        run = supervise(f"""
            import time
            print("* Running on local URL:  http://127.0.0.1:{port}", flush=True)
            time.sleep(600)
        """).start(1.5)
        assert run.outcome == "timeout"
        with pytest.raises(TimeoutError):
            other.accept()


@pytest.mark.parametrize(
    ("family", "host", "url"),
    [("AF_INET", "0.0.0.0", "127.0.0.1"), ("AF_INET6", "::1", "[::1]"), ("AF_INET6", "::", None)],
)
def test_addresses_of_all_kinds(supervise: Supervise, port: int, family: str, host: str, url: str | None) -> None:
    run = supervise(f"""
        import http.server, socket
        class Server(http.server.HTTPServer):
            address_family = socket.{family}
        server = Server(("{host}", {port}), http.server.SimpleHTTPRequestHandler)
        print("Uvicorn running on something", flush=True)
        server.serve_forever()
    """).start(20)
    assert run.outcome == "serving"
    assert run.port == port
    if url:
        assert run.url == f"http://{url}:{port}"


def test_an_address_announced_after_the_first_answer(supervise: Supervise, port: int) -> None:
    """As with a Node front that comes up after Python's own, internal port."""
    started = time.monotonic()
    run = supervise(f"""
        import http.server, threading, time
        make = lambda port: http.server.ThreadingHTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=make({port + 1}).serve_forever).start()
        time.sleep(1.5)
        front = make({port})
        print("* Running on local URL:  http://127.0.0.1:{port}, with SSR (Node proxy -> Python :{port + 1})")
        print("* To create a public link, set `share=True` in `launch()`.")
        front.serve_forever()
    """).start(20)
    assert (run.outcome, run.port) == ("serving", port)
    assert run.seconds < time.monotonic() - started - 1  # the first answer counts


def test_a_deaf_server_is_asked_twice_a_second_at_most(supervise: Supervise, port: int) -> None:
    app = supervise(f"""
        import socket
        server = socket.create_server(("127.0.0.1", {port}))
        while True:
            connection, _ = server.accept()
            try:
                print(connection.recv(4096).split(b"\\r\\n")[0], flush=True)
            except OSError:
                pass
            connection.close()
    """)
    assert app.start(4).outcome == "timeout"
    app.capture.settle()
    asked = app.capture.path.read_text().splitlines()
    assert 2 <= len(asked) <= 8
    assert any("HEAD /config" in line for line in asked)
    assert any("HEAD" not in line for line in asked)  # it might have been TLS


def test_a_port_held_by_a_child(supervise: Supervise, port: int) -> None:
    app = supervise(f"""
        import subprocess, sys
        subprocess.run([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"])
    """)
    run = app.start(20)
    assert (run.outcome, run.port) == ("serving", port)
    assert len(app.processes()) == 2


def test_an_app_that_ends_while_it_is_asked(supervise: Supervise, port: int) -> None:
    before = "Handler.do_HEAD = lambda self: __import__('os')._exit(7)"
    run = supervise(SERVER.format(status=200, port=port, before=before, wrap="")).start(20)
    assert (run.outcome, run.exit_code, run.url) == ("exited", 7, "")


def test_the_time_limit_does_not_cut_an_app_that_answers(supervise: Supervise, port: int) -> None:
    run = supervise(SERVER.format(status=200, port=port, before="", wrap="")).start(1.5)
    assert (run.outcome, run.port) == ("serving", port)


def test_a_slow_start(supervise: Supervise, port: int) -> None:
    before = "time.sleep(1.5); print('Uvicorn running on', flush=True)"
    run = supervise(SERVER.format(status=200, port=port, before=before, wrap="")).start(20)
    assert run.outcome == "serving"
    assert 1.5 < run.seconds < 15
