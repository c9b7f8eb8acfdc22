"""A process that waits at its stdin, told from one that works, or looks there now and then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradio_doctor.supervise import typing_wait
from gradio_doctor.supervise.typing_wait import Typing
from tests.lab.harness import until


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing_wait, "_EVERY", 0.0)
    monkeypatch.setattr(typing_wait, "_PATIENCE", 0.3)


def waits(code: str) -> bool:
    """Whether a Python that runs this code, its stdin a terminal, is ever found waiting there within some looks."""
    master, slave = os.openpty()
    typing = Typing()
    with subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            until(lambda: typing.waits(process.pid), 4, "it does not wait")
        except TimeoutError:
            return False
        else:
            return True
        finally:
            process.kill()
            os.close(master)
            os.close(slave)


def test_input() -> None:
    assert waits("print('up', flush=True); input()")


@pytest.mark.parametrize("code", [
    "print('up', flush=True)\nimport time; time.sleep(60)",
    "print('up', flush=True)\nwhile True: pass",
    "print('up', flush=True)\nimport select, time\nwhile True: select.select([0], [], [], 0.05)",
    "print('up', flush=True)\nimport os\nreader, _ = os.pipe(); os.read(reader, 1)",
])
def test_something_else(code: str) -> None:
    assert not waits(code)


def test_nobody_there(tmp_path: Path) -> None:
    assert not Typing().waits(0)
    assert not Typing().waits(2**22 + 1)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "syscall").write_text("nonsense\n")
    assert not Typing().waits(7, tmp_path)
