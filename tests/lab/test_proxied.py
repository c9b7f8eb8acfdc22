"""A real Gradio app behind real proxies: each fault by probing alone, beside a proxy that is well configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.lab.proxied import HOST, blind, ids, nginx, said, seen
from tests.ports import free_ports

GZIP = "gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_min_length 0;"
LIMITS = "limit_req_zone $binary_remote_addr zone=few:1m rate=5r/s; limit_conn_zone $binary_remote_addr zone=one:1m;"


@pytest.fixture
def app(standing: tuple[int, Path]) -> int:
    """The port of a healthy app."""
    return standing[0]


def to(port: int, *, more: str = "", scheme: str = "http", path: str = "") -> str:
    return f"proxy_pass {scheme}://127.0.0.1:{port}{path}; {HOST} {more}"


WELL = {
    "plain": "location / {{ {app} }}",
    "as Gradio's guide says": "location / {{ {app} proxy_buffering off; proxy_http_version 1.1; }}",
    "gzip but not of events": "gzip on; gzip_types application/javascript; location / {{ {app} }}",
    "a limit that a page keeps": "location / {{ {app} limit_req zone=few burst=100 nodelay; }}",
    "long time-outs": "location / {{ {app} proxy_read_timeout 60s; client_max_body_size 50m; }}",
}


@pytest.mark.parametrize("how", WELL)
def test_a_good_proxy_is_silent(how: str, app: int, loaded: Loaded, tmp_path: Path) -> None:
    with nginx(tmp_path, WELL[how].format(app=to(app)), http=LIMITS) as url:
        found = blind(loaded, app, url, probe_upload="long" in how)
    assert not ids(found), (ids(found), seen(found))
    assert found.verdict == "healthy"
    assert said(found) == "yes"


LOGIN = "location /login {{ default_type text/html; return 200 '<form><input type=password></form>'; }} "
SIGN_IN = "location /oauth2/ {{ default_type text/html; return 200 '<a>Sign in with</a>'; }} "
WALLS = {
    "a password prompt": "location / {{ auth_basic x; auth_basic_user_file /dev/null; {app} }}",
    "a redirect to a form": LOGIN + "location / {{ if ($cookie_sid = '') {{ return 302 /login; }} {app} }}",
    "a redirect to buttons": SIGN_IN + "location / {{ if ($cookie_s = '') {{ return 302 /oauth2/in; }} {app} }}",
}


@pytest.mark.parametrize("how", WALLS)
def test_a_login_before_the_app_is_no_fault_and_is_told(how: str, app: int, loaded: Loaded, tmp_path: Path) -> None:
    with nginx(tmp_path, WALLS[how].format(app=to(app))) as url:
        found = blind(loaded, app, url)
    assert not ids(found), (ids(found), seen(found))
    assert "nobody could look behind it" in said(found)


@pytest.mark.parametrize(("refusing", "severity"), [
    ("location / {{ {app} limit_req zone=few; }}", "error"),
    ("location / {{ {app} }} location = /config {{ {app} if ($request_method = HEAD) {{ return 429; }} }}", "warning"),
])
def test_a_limit_is_only_a_warning_where_a_page_gets_through(
    refusing: str, severity: str, app: int, loaded: Loaded, tmp_path: Path
) -> None:
    with nginx(tmp_path, refusing.format(app=to(app)), http=LIMITS) as url:
        found = blind(loaded, app, url)
    assert [(c.id, c.severity) for c in found.causes[:1]] == [("proxy.rate-limited", severity)], seen(found)


@pytest.mark.parametrize(
    ("server", "cause", "finding"),
    [
        ("location / {{ {other} }}", "proxy.wrong-upstream", "proxy.live-cannot-reach"),
        ("location / {{ {https} }}", "proxy.wrong-upstream", "proxy.live-cannot-reach"),
        ("location / {{ proxy_pass http://unix:/nowhere/app.sock; }}", "proxy.wrong-upstream",
         "proxy.live-cannot-reach"),
        ("location / {{ return 200 'Welcome'; }}", "proxy.wrong-upstream", "proxy.live-other-program"),
        ("location / {{ {app} " + GZIP + " }}", "proxy.buffering", "proxy.live-stream-compressed"),
        ("location / {{ {app} proxy_read_timeout 500ms; }}", "proxy.timeout", "proxy.live-stream-timed-out"),
        ("location / {{ proxy_pass http://127.0.0.1:{port}; }}", "proxy.root-path", "proxy.live-root-host"),
        ("location / {{ proxy_pass http://127.0.0.1:{port}; proxy_set_header Host $host; }}",
         "proxy.root-path", "proxy.live-root-host"),
        ("location = / {{ {app} }}", "proxy.root-path", "proxy.live-path-lost"),
        ("location = / {{ {app} }} location /config {{ {app} }} location /gradio_api {{ {app} }}",
         "proxy.root-path", "proxy.live-asset-lost"),
        ("client_max_body_size 1m; location / {{ {app} }}", "proxy.body-too-large", "proxy.live-body-refused"),
        ("large_client_header_buffers 2 1k; location / {{ {app} }}", "proxy.header-limits",
         "proxy.live-cookie-refused"),
        ("location / {{ {app} limit_req zone=few; }}", "proxy.rate-limited", "proxy.live-rate-limited"),
        ("location / {{ {app} limit_req zone=few burst=6 nodelay; }}", "proxy.rate-limited", "proxy.live-rate-limited"),
        ("location / {{ {app} limit_conn one 1; }}", "proxy.rate-limited", "proxy.live-rate-limited"),
        ("location / {{ return 503; }}", "proxy.wrong-upstream", "proxy.live-out-of-service"),
        ("location / {{ return 429; }}", "proxy.rate-limited", "proxy.live-limited-at-once"),
        ("location / {{ {app} }} location ~ ^/gradio_api/queue {{ return 403; }}", "proxy.auth",
         "proxy.live-events-refused"),
        ("location / {{ {app} }} location = /gradio_api/queue/join {{ return 405; }}", "proxy.auth",
         "proxy.live-events-refused"),
        ("location / {{ {app} limit_except GET {{ deny all; }} }}", "proxy.auth", "proxy.live-events-refused"),
        ("location / {{ {app} }} location = /gradio_api/queue/data {{ return 403; }}", "proxy.auth",
         "proxy.live-events-refused"),
        ("location / {{ {app} }} location /gradio_api/queue/ {{ root /nowhere; }}", "proxy.root-path",
         "proxy.live-events-lost"),
        ("location / {{ {app} }} location /gradio_api/queue/ {{ {other} }}", "proxy.wrong-upstream",
         "proxy.live-events-astray"),
        ("location / {{ deny all; {app} }}", "proxy.auth", "proxy.live-forbidden"),
        ("location / {{ {app} }} location /gradio_api/ {{ deny all; {app} }}", "proxy.auth",
         "proxy.live-login-partial"),
        ("location / {{ return 301 $scheme://$http_host$request_uri; }}", "proxy.root-path",
         "proxy.live-redirect-loop"),
    ],
)
def test_a_bad_proxy(
    server: str, cause: str, finding: str, app: int, loaded: Loaded, tmp_path: Path
) -> None:
    dead = free_ports()[0]
    text = server.format(app=to(app), other=to(dead), https=to(app, scheme="https"), port=app)
    with nginx(tmp_path, text, http=LIMITS) as url:
        found = blind(loaded, app, url, probe_upload="body" in server)
    assert ids(found)[:1] == [cause], (ids(found), seen(found))
    assert finding in seen(found)
    assert [c.id for c in found.causes if c.probability > 0.5] == [cause], (ids(found), seen(found))
