"""What the outside sees: certificates, logins, sub-paths, schemes, WebSockets; and what probing leaves behind."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.lab import certificates
from tests.lab.harness import Lab, until, wait_serving, write_app
from tests.lab.proxied import HOST, blind, ids, nginx, said, seen
from tests.lab.venvs import python_with
from tests.ports import free_ports

WEBSOCKETS = ("fastapi==0.115.14", "uvicorn==0.34.3", "websockets==12.0")

# The doors of Gradio 3 that count here, on a real WebSocket server.
GRADIO3 = """
    import json, uvicorn
    from fastapi import FastAPI, WebSocket
    from fastapi.responses import HTMLResponse

    app = FastAPI()

    @app.get("/")
    def page():
        return HTMLResponse('<script>window.gradio_config = {{"version":"3.50.2"}}</script>__gradio_mode__')

    @app.get("/config")
    def config():
        return {{"version": "3.50.2", "root": "", "app_id": 7, "dependencies": [], "components": [], "mode": "blocks"}}

    @app.get("/app_id")
    def app_id():
        return {{"app_id": 7}}

    @app.websocket("/queue/join")
    async def join(socket: WebSocket):
        await socket.accept()

    uvicorn.run(app, port={port}, log_level="warning")
"""
AUTH = """
    import gradio as gr

    gr.Interface(lambda x: x, "text", "text").launch(server_port={port}, auth=("me", "secret"))
"""
UNDER = """
    import gradio as gr

    gr.Interface(lambda x: x, "text", "text").launch(server_port={port}, root_path="/sub")
"""
WALL = "auth_basic closed; auth_basic_user_file {users};"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("apps"))
    yield lab
    lab.close()


def serve(place: Lab, name: str, source: str) -> int:
    port = free_ports()[0]
    place.start(write_app(place.directory, source, name, port=port), wait=port)
    return port


@pytest.fixture
def app(standing: tuple[int, Path]) -> int:
    return standing[0]


def to(port: int, more: str = "", path: str = "") -> str:
    return f"proxy_pass http://127.0.0.1:{port}{path}; {HOST} {more}"


# Measured with nginx 1.31: with TLS it holds back the whole stream, its head too, unless proxy_buffering is off;
# without TLS its default buffering delays nothing.
FLOWING = "proxy_buffering off;"


def tls(directory: Path, certificate: str) -> str:
    (directory / "c.pem").write_text(certificate)
    (directory / "k.pem").write_text(certificates.KEY)
    return f"ssl_certificate {directory}/c.pem; ssl_certificate_key {directory}/k.pem;"


@pytest.mark.parametrize(
    ("certificate", "trusted", "reason"),
    [
        (certificates.GOOD, True, ""),
        (certificates.GOOD, False, "self-signed"),
        (certificates.EXPIRED, True, "expired"),
        (certificates.OTHER_NAME, True, "another name"),
    ],
)
def test_certificates(
    certificate: str, trusted: bool, reason: str, app: int, loaded: Loaded, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authorities = tmp_path / "authorities.pem"
    authorities.write_text(certificate if trusted else "")
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    with nginx(tmp_path, f"{tls(tmp_path, certificate)} location / {{ {to(app, FLOWING)} }}", tls=True) as url:
        found = blind(loaded, app, url)
    assert ids(found)[:1] == (["proxy.tls"] if reason else []), (ids(found), seen(found))
    assert reason in said(found)


def test_tls_on_one_side_only(app: int, loaded: Loaded, tmp_path: Path) -> None:
    location = f"location / {{ {to(app)} }}"
    with nginx(tmp_path, location) as url:
        found = blind(loaded, app, url.replace("http:", "https:"))
        assert ids(found)[:1] == ["proxy.tls"], (ids(found), seen(found))
    with nginx(tmp_path, tls(tmp_path, certificates.GOOD) + location, tls=True) as url:
        found = blind(loaded, app, url.replace("https:", "http:"))
        assert ids(found)[:1] == ["proxy.tls"], (ids(found), seen(found))


def test_nginx_holds_a_stream_back_when_it_encrypts(
    app: int, loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "c.pem"))
    with nginx(tmp_path, f"{tls(tmp_path, certificates.GOOD)} location / {{ {to(app)} }}", tls=True) as url:
        found = blind(loaded, app, url)
    assert ids(found)[:1] == ["proxy.buffering"], (ids(found), seen(found))


def test_the_scheme_is_lost(app: int, loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "c.pem"))
    server = f"{tls(tmp_path, certificates.GOOD)} location / {{ proxy_pass http://127.0.0.1:{app};"
    with nginx(tmp_path, server + FLOWING + " proxy_set_header Host $http_host; }", tls=True) as url:
        found = blind(loaded, app, url)
    assert ids(found)[:1] == ["proxy.root-path"], (ids(found), seen(found))
    assert "proxy.live-root-scheme" in seen(found)


def test_a_login_before_a_healthy_app(app: int, loaded: Loaded, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("me:{PLAIN}secret\n")
    location = f"location / {{ {WALL.format(users=users)} {to(app)} }}"
    with nginx(tmp_path / "n", location) as url:
        found = blind(loaded, app, url)
        assert (ids(found), found.verdict) == ([], "healthy")
        assert "could look behind it" in said(found)
        found = blind(loaded, app, url.replace("//", "//me:secret@"))
        assert (ids(found), said(found)) == ([], "yes")
        found = blind(loaded, app, url.replace("//", "//me:wrong@"))
        assert ids(found)[:1] == ["proxy.auth"]
    assert base64.b64encode(b"me:wrong").decode() not in repr(found)
    assert "wrong@" not in repr(found)


def test_the_login_of_gradio_itself(place: Lab, loaded: Loaded, tmp_path: Path) -> None:
    port = serve(place, "auth.py", AUTH)
    with nginx(tmp_path, f"location / {{ {to(port)} }}") as url:
        found = blind(loaded, port, url)
    assert (ids(found), said(found)) == ([], "yes")


def test_a_login_before_the_api_alone(app: int, loaded: Loaded, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("me:{PLAIN}secret\n")
    api = f"location /gradio_api/ {{ {WALL.format(users=users)} {to(app)} }}"
    with nginx(tmp_path / "n", f"location / {{ {to(app)} }} {api}") as url:
        found = blind(loaded, app, url)
    assert ids(found)[:1] == ["proxy.auth"], (ids(found), seen(found))


def test_a_sub_path(place: Lab, app: int, loaded: Loaded, tmp_path: Path) -> None:
    """Right when the proxy strips it and the app knows it; wrong when either does not."""
    under = serve(place, "under.py", UNDER)
    with nginx(tmp_path / "1", f"location /sub/ {{ {to(under, path='/')} }}") as url:
        for path in ("/sub", "/sub/"):
            found = blind(loaded, under, url + path)
            assert (ids(found), said(found)) == ([], "yes"), seen(found)
    with nginx(tmp_path / "2", f"location /sub/ {{ {to(app, path='/')} }}") as url:
        found = blind(loaded, app, url + "/sub")
        assert ids(found)[:1] == ["proxy.root-path"], (ids(found), seen(found))
        assert "proxy.live-root-path" in seen(found)
    with nginx(tmp_path / "3", f"location /sub/ {{ {to(app)} }}") as url:
        found = blind(loaded, app, url + "/sub/")
        assert ids(found)[:1] == ["proxy.root-path"], (ids(found), seen(found))
        assert "proxy.live-prefix-kept" in seen(found)
    with nginx(tmp_path / "4", f"location /sub/ {{ {to(app)} }}") as url:
        found = blind(loaded, app, url)
        assert ids(found)[:1] == ["proxy.root-path"], (ids(found), seen(found))


def test_the_websocket_of_gradio_3(place: Lab, loaded: Loaded, tmp_path: Path) -> None:
    port = free_ports()[0]
    three = write_app(place.directory, GRADIO3, "three.py", port=port)
    process = subprocess.Popen([str(python_with(WEBSOCKETS)), str(three)], stderr=subprocess.DEVNULL)
    place.started.append(process.pid)
    wait_serving(port)
    upgrade = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    with nginx(tmp_path / "good", f"location / {{ {to(port, upgrade)} }}") as url:
        found = blind(loaded, port, url)
        assert (ids(found), said(found)) == ([], "yes"), seen(found)
    with nginx(tmp_path / "bad", f"location / {{ {to(port)} }}") as url:
        found = blind(loaded, port, url)
    assert ids(found)[:1] == ["proxy.websocket-upgrade"], (ids(found), seen(found))


def test_nothing_is_left_in_the_log_of_the_app(
    standing: tuple[int, Path], loaded: Loaded, tmp_path: Path
) -> None:
    app, log = standing
    until(lambda: "create a public link" in log.read_text(), 20, "launch() does not end")
    before = log.read_text()
    with nginx(tmp_path, f"location / {{ {to(app)} }}") as url:
        assert not ids(blind(loaded, app, url, probe_upload=False))
        blind(loaded, app, url, probe_upload=True)
    assert log.read_text() == before
