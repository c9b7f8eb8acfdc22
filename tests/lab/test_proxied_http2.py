"""HTTP/2 through real proxies: browsers take it where TLS offers it, and what they get counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.lab import certificates
from tests.lab.proxied import blind, caddy, ids, nginx, said, seen
from tests.lab.test_proxied_public import FLOWING, tls, to


@pytest.fixture
def app(standing: tuple[int, Path]) -> int:
    return standing[0]


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "c.pem"))


@pytest.mark.parametrize("settings", [FLOWING, ""])
def test_nginx(settings: str, app: int, loaded: Loaded, tmp_path: Path) -> None:
    """nginx 1.31 holds a stream back over HTTP/1.1 with TLS, but passes it on over HTTP/2: browsers miss nothing."""
    server = f"{tls(tmp_path, certificates.GOOD)} http2 on; location / {{ {to(app, settings)} }}"
    with nginx(tmp_path, server, tls=True) as url:
        found = blind(loaded, app, url)
    assert ids(found) == [] and said(found) == "yes", (ids(found), seen(found))


def test_nginx_that_compresses(app: int, loaded: Loaded, tmp_path: Path) -> None:
    server = f"{tls(tmp_path, certificates.GOOD)} http2 on; gzip on; gzip_types *; location / {{ {to(app)} }}"
    with nginx(tmp_path, server, tls=True) as url:
        found = blind(loaded, app, url)
    assert ids(found)[:1] == ["proxy.buffering"], (ids(found), seen(found))


def test_caddy(app: int, loaded: Loaded, tmp_path: Path) -> None:
    tls(tmp_path, certificates.GOOD)
    site = f"tls {tmp_path}/c.pem {tmp_path}/k.pem\nreverse_proxy 127.0.0.1:{app}"
    with caddy(tmp_path, site, scheme="https") as url:
        found = blind(loaded, app, url)
        assert ids(found) == [] and said(found) == "yes", (ids(found), seen(found))
    broken = "@second protocol http/2\nrespond @second 503\n"
    with caddy(tmp_path, broken + site, scheme="https") as url:
        found = blind(loaded, app, url)
    assert "proxy.live-http2-fails" in seen(found), (ids(found), seen(found))
