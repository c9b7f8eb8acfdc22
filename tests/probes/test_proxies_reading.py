"""Configurations that want to hang us, fill us or make us crash; and those that we may not read."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from gradio_doctor.errors import UsageError
from gradio_doctor.probes.proxies.named import checked, read_named
from gradio_doctor.probes.proxies.reading import Files
from tests.probes.proxies_lab import http, nginx


@pytest.fixture(autouse=True)
def quick() -> object:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 6


def test_includes_that_go_in_circles(tmp_path: Path) -> None:
    routes, unread = nginx(tmp_path, "include nginx.conf; include other.conf;", other="include nginx.conf;")
    assert not routes
    assert any("includes itself" in text for text in unread)


def test_includes_that_double_at_every_step(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.conf").write_text(f"include {number + 1}.conf;\n" * 2)
    _, unread = nginx(tmp_path, "include 0.conf;")
    assert unread


def test_a_pipe_a_device_and_a_directory(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.conf")
    (tmp_path / "dir.conf").mkdir()
    _, unread = nginx(tmp_path, "include pipe.conf; include /dev/zero; include dir.conf; include /dev/stdin;")
    assert [u.rpartition(": ")[2] for u in unread[:3]] == ["no regular file", "no regular file", "is a directory"]


def test_a_file_without_end_or_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "big.conf").write_bytes(b"# x\n" * 1_000_000)
    (tmp_path / "binary.conf").write_bytes(b"\x7fELF\0\0\0")
    with (tmp_path / "sparse.conf").open("wb") as file:
        file.truncate(1 << 40)
    _, unread = nginx(tmp_path, "include big.conf; include binary.conf; include sparse.conf;")
    assert [u.rpartition(": ")[2] for u in unread] == [
        "too large for a configuration", "no text", "too large for a configuration",
    ]


@pytest.mark.parametrize("text", [
    "{" * 50_000, "}" * 10, "a { " * 5000, "'" + "x" * 10_000, "\\" * 1001, ";;;;", "a b c", "http { server { listen",
    "\x00", "server { location ~ ( { proxy_pass x; } }", 'a "b', "http { include; listen ; location { proxy_pass; } }",
    "server { listen; location / { proxy_pass http://; } }", "server { location / { proxy_pass http://:; } }",
    "server { location / { proxy_pass http://a:99999999999999999999; } }", "\udcff".encode("utf-8", "replace").decode(),
    "server { location / { proxy_pass http://a:²; } }", "server { location = { proxy_pass http://a; } }",
    "server { listen ²; location / { proxy_pass http://unix:; } }", "if ( { proxy_pass x; }",
])
def test_garbage_is_survived(tmp_path: Path, text: str) -> None:
    nginx(tmp_path, text)
    nginx(tmp_path, http(text))


def test_an_include_of_everything(tmp_path: Path) -> None:
    _, unread = nginx(tmp_path, "include /*/*/*/*/none.conf;")
    assert unread == [] or any("too many" in u for u in unread)


def test_too_many_files(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"s{number}.conf").write_text(f"server {{ listen {number + 1}; }}")
    _, unread = nginx(tmp_path, http("include s*.conf;"))
    assert any("too many files" in text for text in unread)


def test_a_file_that_we_may_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    files = Files()
    assert files.text(str(tmp_path / "x")) is None
    assert files.refused
    assert files.unread == [f"{tmp_path}/x: permission denied"]


def test_links_in_a_container_stay_in_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/real").mkdir(parents=True)
    (root / "etc/real/app.conf").write_text("inside")
    (root / "etc/enabled").symlink_to("/etc/real")
    (root / "etc/up").symlink_to("../../../../etc/real")
    (root / "etc/loop").symlink_to("/etc/loop")
    files = Files(str(root))
    assert files.text("/etc/enabled/app.conf") == "inside"
    assert files.text("/etc/up/app.conf") == "inside"
    assert files.matching("/etc/enabled/*.conf") == ["/etc/enabled/app.conf"]
    assert files.text("/etc/loop/app.conf") is None
    assert "symbolic links" in files.unread[0]


def test_whether_a_socket_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "sock"))
        found = [Files().is_socket(str(tmp_path / name)) for name in ("sock", "file", "none", "file/x")]
    assert found == [True, False, False, False]


# -- the file that is named on the command line ------------------------------------------------------------------------

def test_a_named_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "site.conf"
    path.write_text("server { listen 80; location / { proxy_pass http://127.0.0.1:7860; } }")
    assert checked(str(path)) == str(path)
    assert checked(None) is None
    assert [r.upstreams[0].port for r in read_named(str(path))[0]] == [7860]


@pytest.mark.parametrize(("text", "said"), [
    ("server {\n listen 80\n location / { }\n}\n", 'site.conf:2: directive "listen" is not terminated by ";"'),
    ("server {\n listen 80;\n", 'site.conf:2: unexpected end of file, expecting "}"'),
    ("server {\n}\n}\n", 'site.conf:3: unexpected "}"'),
    ("location / {\n proxy_pass http://a\n}\n", 'site.conf:2: directive "proxy_pass" is not terminated by ";"'),
])
def test_what_is_wrong_with_it_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "site.conf"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        checked(str(path))
    assert said in str(error.value)


def test_arguments_that_crossplane_does_not_know_may_be_of_a_newer_nginx(tmp_path: Path) -> None:
    text = "gzip maybe; server { location / { proxy_pass http://127.0.0.1:1; proxy_buffering sometimes; } }"
    routes, unread = nginx(tmp_path, http(text))
    assert len(routes) == 1
    assert [u.partition("nginx.conf:")[2] for u in unread] == [
        '3: invalid value "maybe" in "gzip" directive, it must be "on" or "off"',
        '3: invalid value "sometimes" in "proxy_buffering" directive, it must be "on" or "off"',
    ]
    assert checked(str(tmp_path / "nginx.conf"))


def test_a_fault_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("include part.conf;")
    (tmp_path / "part.conf").write_text("\n\nserver }")
    with pytest.raises(UsageError, match=r"part\.conf:3"):
        checked(str(tmp_path / "site.conf"))


def test_a_named_file_that_is_none(tmp_path: Path) -> None:
    cases = ((tmp_path / "none", "no such file"), (tmp_path, "is a directory"), (Path("/dev/zero"), "regular"))
    for path, said in cases:
        with pytest.raises(UsageError, match=said):
            checked(str(path))
