"""Real runs, whole: the text report word for word (pids, ports, times and paths made alike), the JSON by its schema.

After a change that is meant: `UPDATE_SNAPSHOTS=1 python -m pytest tests/report/test_snapshots.py`, and read the diff.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.command import HEALTHY_LOG, MISSING_MODULE, Ran, gradio_doctor, write_log
from tests.conftest import ROOT
from tests.lab.harness import Lab, until
from tests.ports import free_ports

SNAPSHOTS = Path(__file__).with_name("snapshots")
ALIKE = [
    (re.compile(r"/\S*/gradio-doctor-\w+/"), "TMP/"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:s|min|h)\b"), "TIME"),
    (re.compile(r"\d+(?:\.\d+)? 秒"), "TIME"),
    (re.compile(r"\b\d+ %"), "NN %"),
    (re.compile(r"\[[+-]\d+\.\d\]"), "[WEIGHT]"),
    (re.compile(r"\b(pid|kill(?: -CONT)?) \d+"), r"\1 PID"),
    (re.compile(r"(Gradio|gradio-doctor) \d+\.\d+\.\d+"), r"\1 VERSION"),
    (re.compile(r"\b\d{1,3}(?:\.\d+)? [KMG]i?B\b"), "SIZE"),
]
ALONE = ("--ignore", "proxy-*", "--ignore", "server-live-replicas")  # tests beside this one run proxies
OLD_GRADIO_LOG = """\
Traceback (most recent call last):
  File "/srv/app/app.py", line 12, in <module>
    demo.launch(server_port=7860)
  File "/srv/venv/lib/python3.10/site-packages/gradio/blocks.py", line 2100, in launch
    ) = http_server.start_server(
  File "/srv/venv/lib/python3.10/site-packages/gradio/http_server.py", line 154, in start_server
    raise OSError(
OSError: Cannot find empty port in range: 7860-7860. You can specify a different port by setting the \
GRADIO_SERVER_PORT environment variable or passing the `server_port` parameter to `launch()`.
"""


def alike(text: str, directory: Path, port: int | None = None) -> str:
    """The text without what differs from run to run."""
    for path, instead in ((directory.resolve(), "DIR"), (directory, "DIR"), (sys.executable, "PYTHON")):
        text = text.replace(str(path), instead)
    if port:
        text = text.replace(str(port), "PORT")
    for pattern, instead in ALIKE:
        text = pattern.sub(instead, text)
    return text


def assert_same(name: str, text: str) -> None:
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{name}: UPDATE_SNAPSHOTS=1 if that is meant"


def run(schema: Draft202012Validator, *arguments: object, cwd: Path) -> Ran:
    """Run with both reports; the JSON one has to be as its schema says."""
    ran = gradio_doctor(*arguments, *ALONE, "--output", "text", "--output", "json=report.json", cwd=cwd)
    assert ran.status in (0, 1, 3), ran.stderr
    schema.validate(json.loads((cwd / "report.json").read_text(encoding="ascii")))
    return ran


@pytest.mark.parametrize(
    ("name", "text", "flags"),
    [
        ("log-missing-module", MISSING_MODULE, ()),
        ("log-missing-module-zh", MISSING_MODULE, ("--lang", "zh")),
        ("log-missing-module-verbose", MISSING_MODULE, ("-v",)),
        ("log-missing-module-quiet", MISSING_MODULE, ("-q",)),
        ("log-port-taken", OLD_GRADIO_LOG, ()),
        ("log-healthy", HEALTHY_LOG, ()),
        ("log-empty", "", ()),
    ],
)
def test_logs(
    tmp_path: Path, schema: Draft202012Validator, name: str, text: str, flags: tuple[str, ...]
) -> None:
    write_log(tmp_path, text)
    assert_same(name, alike(run(schema, "logs", "app.log", *flags, cwd=tmp_path).stdout, tmp_path))


@pytest.mark.parametrize(
    ("name", "source", "flags"),
    [
        ("app-syntax-error", "import gradio as gr\n\ndef greet(name:\n    return name\n", ()),
        ("app-exits", "import gradio\nprint('nothing to do')\n", ()),
        ("app-raises", "import os\n\n\ndef setup():\n    return os.environ['MY_SETTING']\n\n\nsetup()\n", ()),
        ("app-not-run", "import gradio as gr\n\ngr.Interface(len, 'text', 'text').launch()\n", ("--no-run",)),
    ],
)
def test_apps(
    tmp_path: Path, schema: Draft202012Validator, name: str, source: str, flags: tuple[str, ...]
) -> None:
    port = free_ports()[0]
    (tmp_path / "app.py").write_text(source.replace("launch()", f"launch(server_port={port})"))
    assert_same(name, alike(run(schema, "diagnose", "app.py", *flags, cwd=tmp_path).stdout, tmp_path, port))


@pytest.fixture
def leftover(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """The shipped example on a free port, with the earlier run that it leaves behind."""
    lab, port = Lab(tmp_path), free_ports()[0]
    source = (ROOT / "fixtures" / "apps" / "leftover_port.py").read_text(encoding="utf-8")
    app = tmp_path / "leftover_port.py"
    app.write_text(source.replace("7868", str(port)), encoding="utf-8")
    subprocess.run([sys.executable, str(app), "--leave-one-running"], cwd=tmp_path, check=True, timeout=120)
    yield app, port
    lab.close()


def test_the_shipped_example(tmp_path: Path, schema: Draft202012Validator, leftover: tuple[Path, int]) -> None:
    """What the README promises: the cause, the pid, and a command that mends it."""
    app, port = leftover
    ran = run(schema, "diagnose", app.name, cwd=tmp_path)
    assert ran.status == 1, ran.stdout
    assert_same("leftover-port", alike(ran.stdout, tmp_path, port))
    kill = next(line.strip() for line in ran.stdout.splitlines() if re.fullmatch(r" +kill \d+", line))
    assert kill.split()[1] in ran.stdout.splitlines()[0]
    subprocess.run(["sh", "-c", kill], check=True)
    until(lambda: gradio_doctor("diagnose", app.name, "--no-run", cwd=tmp_path).status != 1, 20, "it is still there")
