"""The command line: exit statuses, where output goes, colour, interruption."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from gradio_doctor import __version__, cli, commands
from tests.command import HEALTHY_LOG, gradio_doctor, write_log
from tests.lab.harness import environment, until

COMMAND = [sys.executable, "-m", "gradio_doctor"]
ESCAPE = "\x1b"


def test_version_and_help(tmp_path: Path) -> None:
    assert gradio_doctor("--version", cwd=tmp_path).stdout == f"gradio-doctor {__version__}\n"
    shown = gradio_doctor("--help", cwd=tmp_path)
    assert shown.status == 0
    for command in ("diagnose", "logs", "explain", "list"):
        assert command in shown.stdout
        assert gradio_doctor(command, "--help", cwd=tmp_path).stdout.startswith(f"Usage: gradio-doctor {command}")


def test_version_beside_other_arguments_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The short way in __main__ and click's own answer."""
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"gradio-doctor {__version__}\n"


def test_without_a_command_the_help_goes_to_stderr(tmp_path: Path) -> None:
    ran = gradio_doctor(cwd=tmp_path)
    assert (ran.status, ran.stdout) == (2, "")
    assert "Commands:" in ran.stderr


# -- exit statuses


def test_status_0_nothing_found(tmp_path: Path) -> None:
    ran = gradio_doctor("logs", write_log(tmp_path, HEALTHY_LOG), cwd=tmp_path)
    assert ran.status == 0, ran.stdout
    assert ran.stdout.startswith("Nothing wrong was found.\n")


def test_status_1_found(tmp_path: Path) -> None:
    ran = gradio_doctor("logs", write_log(tmp_path), cwd=tmp_path)
    assert ran.status == 1
    assert "pandas" in ran.stdout.splitlines()[0]
    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        (("--fail-on", "none"), 0), (("--fail-on", "warning"), 1), (("--fail-on", "ERROR"), 1),
        (("--min-probability", "1"), 0), (("--min-probability", "0.2"), 1),
    ],
)
def test_the_gate(tmp_path: Path, flags: tuple[str, ...], status: int) -> None:
    assert gradio_doctor("logs", write_log(tmp_path), *flags, cwd=tmp_path).status == status


def test_status_3_could_not_look(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import gradio as gr\ngr.Interface(len, 'text', 'text').launch(server_port=1)\n")
    ran = gradio_doctor("diagnose", "app.py", "--no-run", "--select", "gpu", "--json", cwd=tmp_path)
    assert ran.status == 3, ran.stdout
    assert ran.report["verdict"] == "inconclusive"
    assert any("--no-run" in c.get("reason", "") for c in ran.report["checks"])


def test_status_4_a_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError(f"deep {ESCAPE}[31m inside")

    monkeypatch.setattr(commands, "run_diagnosis", broken)
    log = str(write_log(tmp_path))
    assert cli.main(["logs", log]) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "a defect of gradio-doctor itself: ZeroDivisionError: deep  inside" in shown.err
    assert "Traceback" not in shown.err
    assert "--debug" in shown.err
    assert cli.main(["--debug", "logs", log]) == 4
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_debug_shows_where_a_usage_error_comes_from(tmp_path: Path) -> None:
    assert "Traceback" not in gradio_doctor("diagnose", "gone.py", cwd=tmp_path).stderr
    assert "Traceback" in gradio_doctor("diagnose", "gone.py", "--debug", cwd=tmp_path).stderr


@pytest.mark.parametrize(("flags", "said"), [
    (("--format", "junit"), "--format junit"), (("--format", "github"), "--format github"),
    (("--output", "json=a.json"), "watch writes to stdout"),
])
def test_what_a_watch_cannot_print(tmp_path: Path, flags: tuple[str, ...], said: str) -> None:
    (tmp_path / "app.py").write_text("pass\n")
    ran = gradio_doctor("watch", "app.py", *flags, cwd=tmp_path)
    assert (ran.status, ran.stdout) == (2, "")
    assert said in ran.stderr and not (tmp_path / "a.json").exists()


def test_status_130_interrupted(tmp_path: Path) -> None:
    """Ctrl-C ends it, and the app that it started, with everything that one started."""
    (tmp_path / "app.py").write_text(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "open('pids', 'w').write(f'{child.pid}\\n')\ntime.sleep(300)\n"
    )
    started = subprocess.Popen(
        [*COMMAND, "diagnose", "app.py"], cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )
    pids = tmp_path / "pids"
    until(lambda: pids.exists() and pids.read_text().endswith("\n"), 40, "the app did not start")
    child = int(pids.read_text())
    started.send_signal(signal.SIGINT)
    stdout, stderr = started.communicate(timeout=40)
    assert started.returncode == 130
    assert stdout == ""
    assert stderr.splitlines()[-1] == "interrupted"
    assert "Traceback" not in stderr
    until(lambda: not psutil.pid_exists(child), 10, "a child of the app is still there")


# -- where output goes


def test_stdout_carries_the_report_only(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('an app that does nothing')\n")
    ran = gradio_doctor("diagnose", "app.py", "--json", cwd=tmp_path)
    assert ran.report["causes"][0]["id"] == "app.exits-immediately"
    assert ran.stderr.startswith("... starting app.py with ")
    quiet = gradio_doctor("diagnose", "app.py", "-q", cwd=tmp_path)
    assert quiet.stderr == ""
    assert "\nWhat to do\n" in quiet.stdout
    assert "How it was found" not in quiet.stdout


def test_several_outputs(tmp_path: Path) -> None:
    log = write_log(tmp_path)
    outputs = ("--output", "text", "-o", "json=report.json", "-o", "text=report.txt")
    ran = gradio_doctor("logs", log, *outputs, cwd=tmp_path)
    assert "pandas" in ran.stdout
    assert '"schema_version": 1' in (tmp_path / "report.json").read_text()
    without_time = re.compile(r"examined in .*\n")
    assert without_time.sub("", (tmp_path / "report.txt").read_text()) == without_time.sub("", ran.stdout)


def test_reads_standard_input(tmp_path: Path) -> None:
    ran = gradio_doctor("logs", "-", "--json", cwd=tmp_path, stdin=write_log(tmp_path).read_text())
    assert ran.report["causes"][0]["id"] == "dependency.missing"


def test_broken_pipe(tmp_path: Path) -> None:
    line = f'"{sys.executable}" -m gradio_doctor list signatures | head -1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    first, status = done.stdout.splitlines()
    assert "." in first
    assert status == "0"


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "logs", str(write_log(tmp_path))], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "gradio-doctor: stdout: cannot be written: No space left on device\n"


@pytest.mark.parametrize("arguments", [("logs", "app.log"), ("list",), ("explain", "dependency.missing")])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_ascii_stdout(tmp_path: Path, arguments: tuple[str, ...], lang: str) -> None:
    write_log(tmp_path, "ModuleNotFoundError: No module named '模块'\n")
    env = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    ran = gradio_doctor(*arguments, "--lang", lang, cwd=tmp_path, env=env)
    assert ran.status in (0, 1), ran.stderr
    assert ran.stdout.isascii()
    assert ran.stderr == ""


# -- colour


@pytest.mark.parametrize(
    ("flags", "env", "coloured"),
    [
        ((), {}, False), ((), {"FORCE_COLOR": "1"}, True), ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True), (("--color", "never"), {"FORCE_COLOR": "1"}, False),
        ((), {"GRADIO_DOCTOR_COLOR": "always"}, True),
    ],
)
def test_colour_off_a_terminal(tmp_path: Path, flags: tuple[str, ...], env: dict[str, str], coloured: bool) -> None:
    ran = gradio_doctor("logs", write_log(tmp_path), *flags, cwd=tmp_path, env=env)
    assert (ESCAPE in ran.stdout) == coloured


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_colour_on_a_terminal(tmp_path: Path, env: dict[str, str], coloured: bool) -> None:
    shown = on_terminal(["logs", str(write_log(tmp_path))], env)
    assert (ESCAPE in shown) == coloured
    assert "pandas" in shown


def on_terminal(arguments: list[str], env: dict[str, str]) -> str:
    """What a run prints on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(COLUMNS="80", **env)
    )
    os.close(theirs)
    shown, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # EIO: the other side is closed
                break
        elif process.poll() is not None:
            break
    os.close(ours)
    process.wait(timeout=10)
    return shown.decode()
