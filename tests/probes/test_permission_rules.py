"""Who may write a directory by access lists and capabilities, and whether an app's page has to do with files."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gradio_doctor.evidence import Absent, HttpAnswers
from gradio_doctor.probes.access import Reader
from gradio_doctor.probes.acl import Entry, _entries, acl_of, granted
from gradio_doctor.probes.page_files import shows_files
from gradio_doctor.probes.paths import overridden

OWNER, GROUP, NAMED, OTHERS = 1000, 1000, 1001, 1009
LIST: tuple[Entry, ...] = (
    (0x01, 7, 0xFFFFFFFF), (0x02, 7, NAMED), (0x04, 5, 0xFFFFFFFF), (0x08, 7, 1005), (0x10, 7, 0xFFFFFFFF),
    (0x20, 0, 0xFFFFFFFF),
)


@pytest.mark.parametrize(
    ("uid", "groups", "allowed"),
    [(OWNER, set(), True), (NAMED, set(), True), (OTHERS, {GROUP}, False), (OTHERS, {GROUP, 1005}, True),
     (OTHERS, {1005}, True), (OTHERS, set(), False)],
)
def test_who_a_list_lets_write(uid: int, groups: set[int], allowed: bool) -> None:
    assert granted(LIST, OWNER, GROUP, uid, frozenset(groups), 0o3) is allowed


def test_the_mask_takes_away_from_all_but_owner_and_others() -> None:
    masked = tuple((tag, 5 if tag == 0x10 else bits, who) for tag, bits, who in LIST)
    assert granted(masked, OWNER, GROUP, OWNER, frozenset(), 0o3)
    assert not granted(masked, OWNER, GROUP, NAMED, frozenset(), 0o3)
    assert not granted(masked, OWNER, GROUP, OTHERS, frozenset({1005}), 0o3)


def packed(entries: tuple[Entry, ...], version: int = 2) -> bytes:
    return struct.pack("<I", version) + b"".join(struct.pack("<HHI", *e) for e in entries)


def test_lists_as_the_kernel_keeps_them() -> None:
    assert tuple(_entries(packed(LIST))) == LIST
    assert tuple(_entries(packed(LIST)[:-3])) == LIST[:-1]
    assert not tuple(_entries(packed(LIST, 3))) and not tuple(_entries(b"x"))


def test_a_directory_with_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode bits alone would let the group in. Not every file system keeps such lists: ours is told."""
    monkeypatch.setattr(os, "getxattr", lambda *_: packed(LIST), raising=False)
    tmp_path.chmod(0o070)
    assert acl_of(tmp_path) == LIST
    reader = Reader(NAMED, frozenset(), str(tmp_path.parent), overrides=())
    assert reader.problem(f"/{tmp_path.name}") == ""
    assert Reader(OTHERS, frozenset(), str(tmp_path.parent), overrides=()).problem(f"/{tmp_path.name}")


def test_root_without_its_capability_is_held_to_permissions(tmp_path: Path) -> None:
    """As in a container with cap_drop: ALL; and root of a user namespace is root for what it maps only."""
    tmp_path.chmod(0o555)
    owner = tmp_path.stat().st_uid
    root, name = str(tmp_path.parent), f"/{tmp_path.name}"
    assert Reader(0, frozenset(), root, overrides=()).problem(name) == "no permission to write"
    assert Reader(0, frozenset(), root, overrides=(range(owner + 1, owner + 9),)).problem(name)
    assert Reader(0, frozenset(), root, overrides=(range(owner, owner + 1),)).problem(name) == ""


def test_what_a_process_overrides() -> None:
    held = overridden("self")
    status = Path("/proc/self/status").read_text()
    bits = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")), 16)
    assert bool(held) == bool(bits >> 1 & 1)
    assert overridden(2**22 + 5) is None


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = self.server.told  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    made = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=made.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize(
    ("told", "files"),
    [((200, b'{"components":[{"id":1,"type":"file","props":{}}]}'), True),
     ((200, b'{"components":[{"id":1,"type":"textbox","props":{"type":"text"}}]}'), False),
     ((200, b'{"auth_required":true}'), None), ((401, b"{}"), None), ((200, b'"components" "type": "image"'), True)],
)
def test_what_the_page_shows(server: HTTPServer, told: tuple[int, bytes], files: bool | None) -> None:
    server.told = told  # type: ignore[attr-defined]
    http = HttpAnswers(f"http://127.0.0.1:{server.server_port}/", (), is_gradio=True)
    assert shows_files(http) is files


def test_nobody_is_asked_who_is_no_gradio() -> None:
    assert shows_files(None) is None and shows_files(Absent("no")) is None
    assert shows_files(HttpAnswers("http://127.0.0.1:1/", (), is_gradio=False)) is None
    assert shows_files(HttpAnswers("http://127.0.0.1:99999999/", (), is_gradio=True)) is None
