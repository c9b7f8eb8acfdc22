"""Progress of long reading: seen by a person at a terminal, by nobody else, and gone when the report comes."""

from __future__ import annotations

import gzip
import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gradio_doctor import progress
from gradio_doctor.logs import LogInput
from gradio_doctor.logs.reading import open_log
from gradio_doctor.progress import Progress, amount, line
from tests.command import MISSING_MODULE

TERMINAL = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}


def screen(text: str) -> str:
    """What stands on the line of a terminal that knows nothing but the carriage return."""
    cells: list[str] = []
    for part in text.split("\r"):
        cells[: len(part)] = part
    return "".join(cells).rstrip()


def at_a_terminal(
    *flags: str, env: Mapping[str, str] = TERMINAL, seconds: float = 1.8, until: Callable[[bytes], bool] = bool
) -> tuple[str, str]:
    """stdout, and what a terminal got on stderr, of `logs -` fed slowly for some seconds, or `until` it shows that."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "gradio_doctor", "logs", "-", "--no-plugins", *flags]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=slave, env=env)
    os.close(slave)
    seen: list[bytes] = []
    listener = threading.Thread(target=_listen, args=(master, seen))
    listener.start()
    assert process.stdin and process.stdout
    begin = time.monotonic()
    while time.monotonic() - begin < seconds and not until(b"".join(seen)):
        process.stdin.write(b"INFO: nothing special\n" * 500)
        process.stdin.flush()
        time.sleep(0.05)
    out, _ = process.communicate(MISSING_MODULE.encode(), timeout=60)
    listener.join(10)
    os.close(master)
    assert process.returncode == 1
    return out.decode(), b"".join(seen).decode()


def _listen(master: int, seen: list[bytes]) -> None:
    try:
        while data := os.read(master, 4096):
            seen.append(data)
    except OSError:  # how Linux says that the other side is gone
        pass


def test_at_a_terminal() -> None:
    out, err = at_a_terminal("--json", seconds=60, until=lambda seen: seen.count(b"\r") > 5)
    assert json.loads(out)["causes"][0]["id"] == "dependency.missing"
    drawn = [part.strip() for part in err.split("\r") if part.strip()]
    assert 1 < len(drawn) < 60
    assert all(re.fullmatch(r"reading stdin: [\d.]+ [KM]B, [\d.]+ [KM]B/s", part) for part in drawn), drawn
    assert "\n" not in err and "\x1b" not in err
    assert screen(err) == ""


@pytest.mark.parametrize(("flags", "env"), [(("-q",), {}), ((), {"TERM": "dumb"})])
def test_not_where_it_is_unwanted(flags: tuple[str, ...], env: Mapping[str, str]) -> None:
    _, err = at_a_terminal(*flags, env={**TERMINAL, **env}, seconds=1.4)
    assert err == ""


def test_not_for_what_is_quick() -> None:
    _, err = at_a_terminal(seconds=0.2)
    assert err == ""


def test_not_in_a_pipe() -> None:
    command = [sys.executable, "-m", "gradio_doctor", "logs", "-", "--no-plugins"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(b"one\n")
        process.stdin.flush()
        time.sleep(1.3)
        _, err = process.communicate(b"two\n", timeout=60)
    assert err == b""


@pytest.mark.parametrize("compressed", [False, True])
def test_shares_and_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compressed: bool) -> None:
    """The share is that of the file on the disk, compressed or not."""
    text = os.urandom(200_000).hex().encode()
    path = tmp_path / "app.log"
    path.write_bytes(gzip.compress(text, 1) if compressed else text)
    stream = io.StringIO()
    shown = Progress(stream, first=0)
    shown.name = "app.log"
    monkeypatch.setattr(progress, "EVERY", 0)
    token = progress._current.set(shown)
    try:
        reader = open_log(LogInput(str(path)))
        while reader.read(50_000):
            pass
        reader.close()
    finally:
        progress._current.reset(token)
    shares = [int(n) for n in re.findall(r"\((\d+) %\)", stream.getvalue())]
    assert len(shares) > 3 and shares == sorted(shares) and shares[-1] == 100 and shares[0] < 60
    shown.erase()
    assert screen(stream.getvalue()) == ""


def test_a_process_that_was_forked_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    shown = Progress(stream, first=0)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    shown(Half())
    assert stream.getvalue() == ""


class Half:
    """Something half read."""

    bytes = 1_234_567
    share = 0.5


def test_the_line() -> None:
    assert line("app.log", Half(), 2) == "reading app.log: 1.2 MB (50 %), 617 KB/s"
    long = line("/srv/" + "x" * 100 + "/\x1b[2Japp\u202e.log", Half(), 0)
    assert long.startswith("reading …x") and long.endswith("x/app.log: 1.2 MB (50 %)") and len(long) < 80


@pytest.mark.parametrize(("count", "text"), [
    (0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (9949, "9.9 KB"), (9951, "10 KB"), (999_600, "1.0 MB"),
    (1.234e9, "1.2 GB"), (5e15, "5000 TB"),
])
def test_amounts(count: float, text: str) -> None:
    assert amount(count) == text


def test_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line never wraps: what is wrapped could not be erased."""
    monkeypatch.setenv("COLUMNS", "20")
    stream = io.StringIO()
    shown = Progress(stream, first=0)
    shown(Half())
    assert len(stream.getvalue().strip("\r")) == 19
