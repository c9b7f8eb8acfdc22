"""Bad input is one clear line and exit 2; what is read from outside never drives the terminal."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradio_doctor import cli
from tests.command import MISSING_MODULE, Ran, gradio_doctor, write_log
from tests.lab.harness import CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, until, without_capabilities
from tests.ports import free_ports

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\x1bPq\x1b\\\x08\x08\x7f\u202egnp.exe\u2066\u200b"
OURS = re.compile(r"\x1b\[[0-9;]*m")  # the colours that we write ourselves
DANGEROUS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2028\u2029\u2060-\u2069\ufeff]")


def assert_tame(text: str) -> None:
    found = DANGEROUS.search(OURS.sub("", text))
    assert found is None, (found, text[max(0, found.start() - 60): found.end() + 60])


def assert_all_reports_tame(*arguments: object, cwd: Path, shows: str) -> None:
    """The coloured and the JSON report, in full; what is harmless in the text is shown as it was."""
    for flags in (("-v", "--color", "always"), ("--json",)):
        ran = gradio_doctor(*arguments, *flags, cwd=cwd)
        assert ran.status in (0, 1, 3), ran.stderr
        assert_tame(ran.stdout)
        assert_tame(ran.stderr)
        assert shows in "".join(OURS.sub("", ran.stdout).split()), ran.stdout


# -- bad input


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("inputs")
    write_log(made)
    (made / "directory").mkdir()
    (made / "binary.py").write_bytes(bytes(range(256)) * 20)
    with (made / "huge.py").open("wb") as huge:
        huge.write(b"x = 1\n" * (50_000_000 // 6))
    os.mkfifo(made / "pipe")
    os.mkfifo(made / "pipe.log")
    (made / "good.py").write_text("print('x')\n")
    (made / "notebook.ipynb").write_text("{}")
    for name, text in (("bad", "causes: [\n"), ("wrong", "causes:\n  port.x:\n    titel: A\n"), ("boom", "")):
        (made / name).mkdir()
        (made / name / "mine.yaml").write_text(text)
    (made / "boom" / "mine.py").write_text("raise RuntimeError('at import')\n")
    return made


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("diagnose", "gone.py"), ("gone.py", "no such file")),
        (("diagnose", "directory"), ("directory", "is a directory")),
        (("diagnose", "binary.py"), ("binary.py", "binary")),
        (("diagnose", "huge.py"), ("huge.py", "larger than 5 MB")),
        (("diagnose", "pipe"), ("pipe", "FIFO")),
        (("diagnose", "notebook.ipynb"), ("notebook.ipynb", "notebook")),
        (("diagnose", "good.py/x"), ("good.py/x",)),
        (("diagnose", "x" * 5000), ("xxx",)),
        (("diagnose", ""), ("empty",)),
        (("diagnose", "pid:4194304999"), ("4194304999", "no process")),
        (("diagnose", "port:0"), ("port:0", "1 to 65535")),
        (("diagnose", "port:70000"), ("port:70000", "1 to 65535")),
        (("diagnose", ":x"), (":x", "not a port")),
        (("diagnose", "0"), ("0",)),
        (("diagnose", "99999999"), ("99999999", "no process")),
        (("diagnose", "ftp://host/x"), ("ftp://host/x", "http")),
        (("diagnose", "http://"), ("http://", "URL")),
        (("diagnose", "http://127.0.0.1:99999"), ("http://127.0.0.1:99999",)),
        (("diagnose", f"ftp://{ESCAPES}/x"), ("ftp://",)),
        (("diagnose", f"{ESCAPES}.py"), (".py", "no such file")),
        (("logs", "gone.log"), ("gone.log",)),
        (("logs", "directory"), ("directory", "directory")),
        (("logs", "pipe.log"), ("pipe.log",)),
        (("logs", "app.log", "gone.log"), ("gone.log",)),
        (("diagnose", "good.py", "--log", "gone.log", "--no-run"), ("gone.log",)),
        (("logs", "app.log", "--checks", "gone"), ("gone", "--checks")),
        (("logs", "app.log", "--checks", "bad"), ("mine.yaml:", "YAML")),
        (("logs", "app.log", "--checks", "wrong"), ("mine.yaml:3", "titel")),
        (("logs", "app.log", "--checks", "boom"), ("boom", "at import")),
        (("logs", "app.log", "--output", "json=gone/report.json"), ("gone/report.json", "no directory")),
        (("logs", "app.log", "--output", "json=directory"), ("directory", "cannot be written")),
        (("logs", "app.log", "--output", "pdf"), ("pdf", "text, json")),
        (("logs", "app.log", "--output", "text", "--json"), ("only one report",)),
        (("logs", "app.log", "--format", "xml"), ("xml", "--format")),
        (("logs", "app.log", "--select", "prot"), ("prot", "names no cause")),
        (("logs", "app.log", "--ignore", "nothing.*"), ("nothing.*", "names no cause")),
        (("logs", "app.log", "--check-timeout", "0"), ("--check-timeout",)),
        (("logs", "app.log", "--min-probability", "2"), ("--min-probability",)),
        (("logs",), ("FILE",)),
        (("explain", "port.leftover"), ("port.leftover", "did you mean port.leftover-process")),
        (("explain", f"x{ESCAPES}"), ("no cause",)),
        (("list", "colours"), ("colours", "causes, checks, signatures")),
        (("frobnicate",), ("frobnicate", "gradio-doctor --help")),
        (("diagnose", "--frobnicate"), ("--frobnicate",)),
    ],
)
def test_bad_input(
    folder: Path, arguments: tuple[str, ...], named: tuple[str, ...], monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    status = cli.main([*arguments, "--no-plugins"] if arguments[0] == "logs" else list(arguments))
    ran = Ran(status, *capfd.readouterr())
    ran.assert_one_line(*named)
    assert_tame(ran.stderr)


@pytest.mark.parametrize("arguments", [("logs", "secret.log"), ("diagnose", "secret.py")])
def test_no_permission(tmp_path: Path, arguments: tuple[str, str]) -> None:
    """Root, without the capabilities to read what is not its own business, is like anybody else."""
    path = write_log(tmp_path, name=arguments[1])
    path.chmod(0)
    preexec = without_capabilities(CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)
    ran = gradio_doctor(*arguments, cwd=tmp_path, preexec=preexec)
    ran.assert_one_line(arguments[1], "ermission denied")


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.5, 0.8])
def test_a_pid_that_vanishes(tmp_path: Path, seconds: float) -> None:
    """Whenever it ends: an answer or one line, never a defect."""
    with subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"]) as process:
        ran = gradio_doctor("diagnose", f"pid:{process.pid}", "--json", cwd=tmp_path)
    assert ran.status in (0, 1, 2, 3), ran.stderr
    assert "Traceback" not in ran.stderr
    if ran.status == 2:
        ran.assert_one_line(str(process.pid))
    else:
        assert ran.report["target"]["pid"] == process.pid


def test_input_that_ends_in_the_middle(tmp_path: Path) -> None:
    (tmp_path / "cut.log.gz").write_bytes(b"\x1f\x8b\x08\x00garbage")
    ran = gradio_doctor("logs", "cut.log.gz", cwd=tmp_path)
    assert ran.status in (0, 2, 3)
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "cut.log.gz" in ran.stdout + ran.stderr


# -- what is read drives nothing


def test_log_lines(tmp_path: Path) -> None:
    text = MISSING_MODULE.replace("app.py", f"[red]ap{ESCAPES}p.py")
    text = text.replace("import pandas", f"import pandas  # {ESCAPES}")
    write_log(tmp_path, f"{ESCAPES} first line\n{text}{ESCAPES}")
    assert_all_reports_tame("logs", "app.log", cwd=tmp_path, shows="/srv/app/[red]ap")


def test_names_of_logs(tmp_path: Path) -> None:
    path = write_log(tmp_path, name=f"app{ESCAPES.replace('/', '')}[blink].log")
    assert_all_reports_tame("logs", path, cwd=tmp_path, shows="[blink].log")


def test_commands_made_of_what_was_read_are_quoted(tmp_path: Path) -> None:
    write_log(tmp_path, MISSING_MODULE.replace("pandas", "pandas; touch owned; $(touch owned)"))
    report = gradio_doctor("logs", "app.log", "--json", cwd=tmp_path).report
    for command in [c for cause in report["causes"] for r in cause["remedies"] for c in r["commands"]]:
        if command.startswith("python -m pip install "):
            subprocess.run(["sh", "-c", command.replace("python -m pip install", "echo")], cwd=tmp_path, check=False)
    assert not (tmp_path / "owned").exists()


def test_process_names(tmp_path: Path) -> None:
    """A process whose arguments are an attack holds the port that the app wants."""
    port = free_ports()[0]
    code = f"import socket,time; s=socket.create_server(('127.0.0.1',{port})); time.sleep(60)"
    words = [f"innocent{ESCAPES}[red]", "-c", code, f"arg{ESCAPES}[/blink]"]
    holder = subprocess.Popen(words, executable=sys.executable)
    try:
        until(lambda: _listens(port), 20, "the holder does not listen")
        (tmp_path / "app.py").write_text(
            f"import gradio as gr\ngr.Interface(len, 'text', 'text').launch(server_port={port})\n"
        )
        assert_all_reports_tame("diagnose", "app.py", "--no-run", cwd=tmp_path, shows=f"pid{holder.pid}")
    finally:
        holder.kill()
        holder.wait()


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def hostile_server() -> Iterator[int]:
    """Answers every request with headers and a body that attack the terminal."""
    body = f"<html>{ESCAPES}[red]gradio{ESCAPES}</html>\n".encode()
    config = f'{{"version": "6{ESCAPES}[red]", "root": "{ESCAPES}", "mode": "blocks", "components": []}}'.encode()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    client, _ = server.accept()
                except OSError:
                    continue
                with client:
                    client.settimeout(2)
                    try:
                        asked = client.recv(65536)
                        sent = config if b"/config" in asked else body
                        client.sendall(
                            f"HTTP/1.1 500 Bad{ESCAPES}[red]\r\nServer: x{ESCAPES}\r\nx-gradio: {ESCAPES}\r\n"
                            f"Content-Type: text/html{ESCAPES}\r\nContent-Length: {len(sent)}\r\n\r\n".encode() + sent
                        )
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        over.set()
        thread.join()


def test_http_answers(tmp_path: Path, hostile_server: int) -> None:
    url = f"http://127.0.0.1:{hostile_server}"
    assert_all_reports_tame("diagnose", url, cwd=tmp_path, shows=str(hostile_server))


def test_the_app_its_output_and_its_source(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        f"import sys\nsys.stdout.write({ESCAPES!r} + '[red]')\nimport not_there_at_all  # [red]{ESCAPES}\n",
        encoding="utf-8",
    )
    assert_all_reports_tame("diagnose", "app.py", cwd=tmp_path, shows="importnot_there_at_all#[red]")


def test_an_endless_line_is_cut(tmp_path: Path) -> None:
    write_log(tmp_path, "ModuleNotFoundError: No module named 'pandas' " + "x" * 5_000_000 + "\n")
    started = time.monotonic()
    ran = gradio_doctor("logs", "app.log", cwd=tmp_path)
    assert time.monotonic() - started < 30
    assert max(map(len, ran.stdout.splitlines())) <= 5000
