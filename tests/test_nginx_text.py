"""Values of nginx and blocks as text: what is written is read again as what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.nginx_text import Line, block, quoted, seconds, size
from tests.probes.proxies_lab import http, nginx, one, server


@pytest.mark.parametrize(("text", "value"), [
    ("60", 60), ("60s", 60), ("1m", 60), ("1m30s", 90), ("1h 30m", 5400), ("500ms", 0.5), ("1d", 86400), ("0", 0),
    ("$time", None), ("", None), ("5x", None), ("s", None),
])
def test_times(text: str, value: float | None) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(("text", "value"), [
    ("1m", 1 << 20), ("8k", 8192), ("8K", 8192), ("0", 0), ("2g", 2 << 30), ("512", 512), ("x", None), ("$v", None),
])
def test_sizes(text: str, value: int | None) -> None:
    assert size(text) == value


@pytest.mark.parametrize(("text", "written"), [
    ("plain", "plain"), ("", '""'), ("a b", '"a b"'), ("a;b", '"a;b"'), ('say "x"', '"say \\"x\\""'), ("$v", "$v"),
])
def test_arguments_are_quoted_where_they_must_be(text: str, written: str) -> None:
    assert quoted(text) == written


def changed(directory: Path, text: str, *changes: Line) -> str:
    route = nginx(directory, text)[0][0]
    return block(route, *changes)


def test_a_change_takes_the_place_of_what_it_changes(tmp_path: Path) -> None:
    text = server('location /x { proxy_read_timeout 5s; proxy_pass http://127.0.0.1:1; add_header A "b c"; }')
    assert changed(tmp_path, text, ("proxy_read_timeout", "300s"), ("gzip", "off")) == "\n".join([
        "location /x {", "    proxy_read_timeout 300s;", "    proxy_pass http://127.0.0.1:1;",
        '    add_header A "b c";', "    gzip off;", "}",
    ])


def test_headers_are_told_apart_by_their_names(tmp_path: Path) -> None:
    text = server("location / { proxy_pass http://127.0.0.1:1; proxy_set_header host $host; proxy_set_header A b; }")
    found = changed(tmp_path, text, ("proxy_set_header", "Host", "$http_host"))
    assert found.splitlines()[2:4] == ["    proxy_set_header Host $http_host;", "    proxy_set_header A b;"]


def test_inherited_headers_are_not_lost(tmp_path: Path) -> None:
    text = http("proxy_set_header A b; server { location / { proxy_pass http://127.0.0.1:1; } }")
    found = changed(tmp_path, text, ("proxy_set_header", "Host", "$http_host"))
    assert "proxy_set_header A b;" in found
    assert "A b" not in changed(tmp_path, text, ("gzip", "off"))


def test_the_users_own_blocks_stay(tmp_path: Path) -> None:
    text = server("location ~ \"^/x{2}\" { if ($request_method = POST) { return 403; } limit_except GET { deny all; } "
                  "proxy_pass http://127.0.0.1:1; }")
    found = changed(tmp_path, text, ("gzip", "off"))
    again = one(tmp_path, server(found))
    assert [d.name for d in again.own] == ["if", "limit_except", "proxy_pass", "gzip"]
    assert again.path == "~ ^/x{2}"
    assert again.own[0].block is not None
    assert (again.own[0].value, again.own[0].block[0].value) == ("$request_method = POST", "403")
