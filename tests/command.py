"""Running the command line as a person does: as a process, with stdout and stderr apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.harness import environment

MISSING_MODULE = """\
Traceback (most recent call last):
  File "/srv/app/app.py", line 3, in <module>
    import pandas
ModuleNotFoundError: No module named 'pandas'
"""
HEALTHY_LOG = """\
* Running on local URL:  http://127.0.0.1:7860

To create a public link, set `share=True` in `launch()`.
"""


@dataclass(frozen=True)
class Ran:
    """What a run of the command left."""

    status: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.stdout)
        return data

    def assert_one_line(self, *names: str, status: int = 2) -> None:
        """Nothing on stdout, one line on stderr that names the input, no traceback, and the exit status."""
        assert self.status == status, (self.status, self.stderr)
        assert self.stdout == ""
        lines = self.stderr.splitlines()
        assert len(lines) == 1, self.stderr
        assert lines[0].startswith("gradio-doctor: ")
        assert "Traceback" not in lines[0]
        assert len(lines[0]) < 1000
        for name in names:
            assert name in lines[0], (name, lines[0])


def gradio_doctor(
    *arguments: object, cwd: Path, env: Mapping[str, str] | None = None, stdin: str | None = None,
    preexec: Callable[[], None] | None = None, timeout: float = 100,
) -> Ran:
    """Run `gradio-doctor ARGUMENTS` in a directory."""
    done = subprocess.run(
        [sys.executable, "-m", "gradio_doctor", *map(str, arguments)], cwd=cwd, input=stdin or "", text=True,
        encoding="utf-8", errors="surrogateescape", env=environment(**(env or {})), capture_output=True,
        timeout=timeout, preexec_fn=preexec, check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def write_log(directory: Path, text: str = MISSING_MODULE, name: str = "app.log") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path
