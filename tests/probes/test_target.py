"""TARGET: everything a person may type, and one clear line for what cannot be meant."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import Target
from gradio_doctor.probes import target as module
from gradio_doctor.probes.target import TargetError, resolve_target


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def refused(text: str) -> str:
    """The message with which a target is refused: one line that names the input."""
    with pytest.raises(TargetError) as caught:
        resolve_target(text)
    message = str(caught.value)
    assert "\n" not in message and "\x1b" not in message
    assert len(message) < 500
    return message


def test_script(tmp_path: Path) -> None:
    Path("app.py").write_text("import gradio\n")
    assert resolve_target("app.py") == Target("script", "app.py", script=str(tmp_path / "app.py"))
    Path("sub").mkdir()
    assert resolve_target("sub/../app.py").script == str(tmp_path / "app.py")


def test_script_through_a_link_keeps_its_own_name(tmp_path: Path) -> None:
    Path("real.py").write_text("import gradio\n")
    Path("app.py").symlink_to("real.py")
    assert resolve_target("app.py").script == str(tmp_path / "app.py")


@pytest.mark.parametrize("content", [b"", "print('中文')".encode("gbk"), b"x = '\x1b[31m'\r\n\tpass", b"def broken("])
def test_text_that_python_may_not_like_is_a_script_all_the_same(content: bytes) -> None:
    Path("app.py").write_bytes(content)
    assert resolve_target("app.py").kind == "script"


def test_missing_file() -> None:
    message = refused("missing/app.py")
    assert message.startswith("missing/app.py: no such file")
    assert "a pid, a port or a URL" in message


def test_a_file_used_as_a_directory() -> None:
    Path("app.py").write_text("")
    assert "no such file" in refused("app.py/app.py")


def test_directory() -> None:
    Path("demo").mkdir()
    assert "is a directory" in refused("demo")
    assert "demo/app.py" in refused("demo")


@pytest.mark.parametrize("content", [b"\x7fELF\0\0", "import gradio".encode("utf-16")])
def test_binary(content: bytes) -> None:
    Path("app.py").write_bytes(content)
    assert "NUL bytes" in refused("app.py")


def test_not_text() -> None:
    Path("app.py").write_bytes(bytes(range(1, 32)) * 40)
    assert "not text" in refused("app.py")


def test_too_large() -> None:
    Path("app.py").write_bytes(b"#" * 5_000_000)
    assert resolve_target("app.py").kind == "script"
    Path("app.py").write_bytes(b"#" * 5_000_001)
    assert "larger than 5 MB" in refused("app.py")


def test_notebook() -> None:
    Path("app.ipynb").write_text("{}")
    assert "notebook" in refused("app.ipynb")


def test_fifo_is_refused_at_once() -> None:
    os.mkfifo("app.py")
    begun = time.monotonic()
    assert "FIFO, socket or device" in refused("app.py")
    assert time.monotonic() - begun < 2


def test_socket_and_device_are_refused() -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("app.py")
        assert "FIFO, socket or device" in refused("app.py")
    assert "FIFO, socket or device" in refused("/dev/zero")


def test_a_file_swapped_for_a_fifo_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo("app.py")
    monkeypatch.setattr(module, "_regular_file", lambda text: text)
    assert "no longer a regular file" in refused("app.py")


def test_link_loop() -> None:
    Path("app.py").symlink_to("app.py")
    assert "cannot be read" in refused("app.py")


def test_unreadable_file(tmp_path: Path) -> None:
    """As an ordinary user, since root may read everything."""
    Path("app.py").write_text("")
    Path("app.py").chmod(0)
    code = (
        "import os, sys; from gradio_doctor.probes.target import resolve_target; import psutil\n"
        "if os.getuid() == 0: os.setgroups([]); os.setuid(65534)\n"
        "try: resolve_target(sys.argv[1])\n"
        "except ValueError as error: print(error)"
    )
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o711)
    command = [sys.executable, "-c", code, str(tmp_path / "app.py")]
    done = subprocess.run(command, cwd=Path(module.__file__).parents[2], capture_output=True, text=True)
    assert "app.py: cannot be read (permission denied)" in done.stdout, done.stderr


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_empty(text: str) -> None:
    assert "empty" in refused(text)


@pytest.mark.parametrize("text", ["a\0b", "x" * 5000, "\x1b[31mapp.py", "a\nb.py"])
def test_odd_names_are_named_harmlessly(text: str) -> None:
    refused(text)


def test_bundle(tmp_path: Path) -> None:
    with zipfile.ZipFile("evidence.zip", "w") as file:
        file.writestr("a", "b")
    assert resolve_target("evidence.zip") == Target("bundle", "evidence.zip", path=str(tmp_path / "evidence.zip"))
    Path("other.zip").write_text("text")
    assert "not a zip file" in refused("other.zip")
    assert "no such file" in refused("missing.zip")


def test_log(tmp_path: Path) -> None:
    Path("app.log").write_bytes(b"\0\0 even binary")
    assert resolve_target("app.log") == Target("log", "app.log", path=str(tmp_path / "app.log"))


def test_nothing_typed(tmp_path: Path) -> None:
    assert resolve_target(None) == Target("none", "")
    assert resolve_target(None, ("a.log", "b.log")) == Target("log", "a.log, b.log", path=str(tmp_path / "a.log"))


@pytest.mark.parametrize("text", [":7860", "port:7860"])
def test_explicit_port_needs_no_listener(text: str) -> None:
    assert resolve_target(text) == Target("port", text, port=7860)


@pytest.mark.parametrize("text", [":0", ":65536", "port:99999", ":4294967296"])
def test_port_out_of_range(text: str) -> None:
    assert "ports go from 1 to 65535" in refused(text)


@pytest.mark.parametrize("text", [":", ":x", "port:", "port:-1", "pid:", "pid:1.5", "pid:٣", ":99999999999", "pid:1 2"])
def test_not_a_number(text: str) -> None:
    assert "give a whole number" in refused(text)


def test_explicit_pid() -> None:
    assert resolve_target(f"pid:{os.getpid()}") == Target("process", f"pid:{os.getpid()}", pid=os.getpid())


@pytest.mark.parametrize("text", ["pid:0", "pid:4194999", "pid:4294967296"])
def test_pid_that_does_not_exist(text: str) -> None:
    assert f"no process has pid {text[4:]}" in refused(text)


def test_bare_number_that_listens_is_a_port(listening: int) -> None:
    assert resolve_target(str(listening)) == Target("port", str(listening), port=listening)


def test_bare_number_that_runs_is_a_pid() -> None:
    assert resolve_target(str(os.getpid())).pid == os.getpid()


def test_bare_number_that_is_both_is_a_port(monkeypatch: pytest.MonkeyPatch, listening: int) -> None:
    monkeypatch.setattr("psutil.pid_exists", lambda pid: pid == listening)
    assert resolve_target(str(listening)).kind == "port"
    assert resolve_target(f"pid:{listening}").kind == "process"


def test_bare_number_that_is_neither_explains_the_rule() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening
        port = unused.getsockname()[1]
        if not Path(f"/proc/{port}").exists():
            message = refused(str(port))
            assert f"nothing listens on port {port}" in message and f"no process has pid {port}" in message
            assert "port:N or pid:N" in message
    assert "ports go from 1 to 65535" in refused("4194999")
    assert "ports go from 1 to 65535" in refused("0")
    assert "give a whole number" in refused("9" * 50)


@pytest.mark.parametrize(
    ("text", "url", "port"),
    [
        ("http://127.0.0.1:7860", "http://127.0.0.1:7860", 7860),
        ("http://localhost:7860/?__theme=dark#x", "http://localhost:7860/", 7860),
        ("HTTPS://LOCALHOST/gradio", "https://localhost/gradio", 443),
        ("http://[::1]:7860/", "http://[::1]:7860/", 7860),
        ("http://0.0.0.0:7861", "http://0.0.0.0:7861", 7861),
        ("http://localhost", "http://localhost", 80),
        ("localhost:7860", "http://localhost:7860", 7860),
        ("127.0.0.1:7860/app", "http://127.0.0.1:7860/app", 7860),
        ("[::1]:7860", "http://[::1]:7860", 7860),
        ("https://demo.example.com/x", "https://demo.example.com/x", None),
        ("demo.example.com:8080", "http://demo.example.com:8080", None),
        ("http://192.0.2.7:7860", "http://192.0.2.7:7860", None),
        (f"http://{socket.gethostname()}:7860", f"http://{socket.gethostname().lower()}:7860", 7860),
    ],
)
def test_url(text: str, url: str, port: int | None) -> None:
    assert resolve_target(text) == Target("url", text, url=url, port=port)


def test_own_addresses_are_this_machine() -> None:
    own = [a for a in module._own_addresses() if re.fullmatch(r"[0-9.]+", a)]
    assert "127.0.0.1" in own
    assert all(resolve_target(f"http://{a}:7860").port == 7860 for a in own)


def test_url_loses_credentials() -> None:
    found = resolve_target("http://bob:hunter2@127.0.0.1:7860/x")
    assert found == Target("url", "http://***@127.0.0.1:7860/x", url="http://127.0.0.1:7860/x", port=7860)
    assert "hunter2" not in refused("ftp://bob:hunter2@host/")


@pytest.mark.parametrize("text", ["ftp://host/", "file:///etc/passwd", "javascript://x", "://host"])
def test_url_of_another_scheme(text: str) -> None:
    assert "only http:// and https://" in refused(text)


@pytest.mark.parametrize("text", ["http://", "http:///p", "http://:7860", "http://host:0", "http://a b/", "http://h\x1b1m/"])
def test_url_without_a_usable_host(text: str) -> None:
    assert "no usable host" in refused(text)


@pytest.mark.parametrize("text", ["http://[::1", "http://host:99999", "http://host:port", "localhost:99999"])
def test_invalid_url(text: str) -> None:
    assert "not a valid URL" in refused(text)


def test_a_file_whose_name_looks_like_an_address_is_the_file() -> None:
    Path("app:1").write_text("import gradio")
    assert resolve_target("app:1").kind == "script"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"(https?://|port:|pid:|:)?[\[\]\w.:/@%-]{0,30}", fullmatch=True))
def test_whatever_is_typed_there_is_a_target_or_one_line(text: str) -> None:
    try:
        said = str(resolve_target(text).kind)
    except TargetError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
