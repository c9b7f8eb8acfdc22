"""Whether the app would know its public address, from made-up evidence: host, port, scheme and sub-path."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.evidence import AppSource, Call, Proxies, Route, Setting, Upstream
from tests.checks.test_proxy_config import of, run

ORIGIN, PATHS = "proxy-config-origin", "proxy-config-paths"


@pytest.mark.parametrize(("listen", "headers", "wanted"), [
    ("80", "proxy_set_header Host $host;", []),
    ("8080", "proxy_set_header Host $host;", ["proxy.may-lose-port"]),
    ("8080", "proxy_set_header Host $http_host;", []),
    ("8080", "proxy_set_header Host $host:$server_port;", []),
    ("8080", "proxy_set_header Host $host; proxy_set_header X-Forwarded-Host $http_host;", []),
    ("8080", "proxy_set_header Host app.example.com;", []),
    ("80", "", ["proxy.may-lose-host"]),
    ("80", "proxy_set_header X-Forwarded-Host $host;", []),
    ("443 ssl", "proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto $scheme;", []),
    ("443 ssl", "proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;", []),
    ("443 ssl", "proxy_set_header Host $host;", ["proxy.may-lose-scheme"]),
    ("8443 ssl", "proxy_set_header Host $host;", ["proxy.may-lose-port", "proxy.may-lose-scheme"]),
])
def test_the_public_address(tmp_path: Path, listen: str, headers: str, wanted: list[str]) -> None:
    text = f"server {{ listen {listen}; location / {{ proxy_pass http://127.0.0.1:7860; {headers} }} }}"
    proxies = of(tmp_path, text)
    assert [f.id for f in run(ORIGIN, proxies)] == wanted
    assert not run(ORIGIN, proxies, version="3.50.2")
    told = source("launch", root_path="https://public.example.com")
    assert not run(ORIGIN, proxies, source=told)


def source(name: str, **settings: str | None) -> AppSource:
    given = tuple(Setting(n, v, v != "?", repr(v), 3) for n, v in settings.items())
    return AppSource("/srv/app.py", calls=(Call(name, "/srv/app.py", 3, "yes", given),))


PLAIN_APP = source("launch")


@pytest.mark.parametrize(("location", "passing", "app", "wanted"), [
    ("/app/", "/", PLAIN_APP, ["proxy.may-lose-sub-path"]),
    ("/app/", "", PLAIN_APP, ["proxy.may-miss-path"]),
    ("/", "", PLAIN_APP, []),
    ("/", "/", PLAIN_APP, []),
    ("/app/", "/", source("launch", root_path="/app"), []),
    ("/app/", "", source("launch", root_path="/app"), []),
    ("/app/", "/", source("launch", root_path="https://x.org/app"), []),
    ("/app/", "/", source("launch", root_path="/other"), ["proxy.may-lose-sub-path"]),
    ("/app", "/", source("launch", root_path="/app"), ["proxy.may-double-slash"]),
    ("/", "", source("launch", root_path="/app"), []),
    ("/app/", "/", source("launch", root_path="?"), []),
    ("/app/", "", source("mount_gradio_app", path="/app"), []),
    ("/app/", "/", source("mount_gradio_app", path="/app"), ["proxy.may-miss-mount"]),
    ("/app/", "/", source("mount_gradio_app", path="?"), []),
    ("/app/", "/api/", PLAIN_APP, []),
    ("/gradio_api/", "", PLAIN_APP, []),
    ("~ ^/app", "", PLAIN_APP, []),
])
def test_sub_paths(tmp_path: Path, location: str, passing: str, app: AppSource, wanted: list[str]) -> None:
    text = f"server {{ listen 80; location {location} {{ proxy_pass http://127.0.0.1:7860{passing}; }} }}"
    proxies = of(tmp_path, text)
    assert [f.id for f in run(PATHS, proxies, source=app)] == wanted
    assert not run(PATHS, proxies, source=app, version="3.50.2")
    assert not run(PATHS, proxies)  # without the source nobody knows
    assert not run(PATHS, proxies, source=app, command=("uvicorn", "--root-path", "/app"))
    if app is PLAIN_APP and wanted:
        assert not run(PATHS, proxies, source=app, variables={"GRADIO_ROOT_PATH": "/app"})


def test_caddy_takes_the_prefix_away_as_well() -> None:
    upstream = Upstream("http", "localhost", 7860, path="/")
    route = Route("caddy", "/srv/Caddyfile", 3, ("*:80",), path="/app/", upstreams=(upstream,))
    proxies = Proxies((), (route,), (route,), "port")
    (found,) = run(PATHS, proxies, source=PLAIN_APP)
    assert found.id == "proxy.may-lose-sub-path"
    assert "block" not in found.facts
    assert not run(ORIGIN, proxies)  # Caddy passes the host on
