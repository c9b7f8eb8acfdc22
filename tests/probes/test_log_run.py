"""The part of an appended log that is of the run which serves: where it begins, and what is read of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.logs import LogInput, read_logs
from gradio_doctor.probes.log_run import begin_of_run, this_run

UP = "* Running on local URL:  http://127.0.0.1:7860\n"
FAILED = """Traceback (most recent call last):
  File "app.py", line 1, in <module>
ModuleNotFoundError: No module named 'x'
"""
LOADS = "loading weights\nWARNING: no GPU\n"
PORTS = frozenset({7860})


@pytest.mark.parametrize(("before", "kept"), [
    ("", ""), (LOADS, LOADS), (FAILED, ""), (FAILED + LOADS, LOADS), (UP + "x\nKilled\n" + LOADS, LOADS),
    (UP + "./run.sh: line 3:  4711 Killed                  python app.py\n" + LOADS, LOADS),
    (UP + "Keyboard interruption in main thread... closing server.\n" + LOADS, LOADS),
    (UP + "Segmentation fault (core dumped)\r\n" + LOADS, LOADS),
    (FAILED + UP + "Terminated\n" + FAILED + LOADS, LOADS),
    (UP + "a request\n" + LOADS, ""),  # ended without a word: nobody can tell where
    (LOADS + "Error: see the manual\nOSError\n" + LOADS, LOADS),
    ("an Error in a sentence\n" + LOADS, "an Error in a sentence\n" + LOADS),
])
def test_where_the_run_begins(before: str, kept: str) -> None:
    text = (before + UP + "after\n").encode()
    assert text[begin_of_run(text, PORTS) :] == (kept + UP + "after\n").encode()


@pytest.mark.parametrize("text", ["", FAILED, UP.replace("7860", "7861"), "* Running on local URL:  nonsense\n"])
def test_nothing_is_cut(text: str) -> None:
    """No start in the log, one on another port, or one that cannot be read."""
    assert begin_of_run((FAILED + text).encode(), PORTS) == 0
    assert begin_of_run((FAILED + UP).encode(), frozenset()) == 0


def test_lines_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(FAILED * 50 + UP + "RuntimeError: CUDA out of memory\n")
    log, lines = this_run(LogInput(str(path)), PORTS)
    assert lines == 150
    found = read_logs([log], ())
    assert (found.files[0].name, found.files[0].lines, found.tracebacks) == (str(path), 152, ())
    assert found.tail[-2:] == (UP.strip(), "RuntimeError: CUDA out of memory")


@pytest.mark.parametrize("text", [None, "", LOADS + UP])
def test_read_as_it_is(tmp_path: Path, text: str | None) -> None:
    """What does not exist, is empty, or is of one run."""
    path = tmp_path / "app.log"
    if text is not None:
        path.write_text(text)
    log = LogInput(str(path))
    assert this_run(log, PORTS) == (log, 0)


def test_much_between(tmp_path: Path) -> None:
    """An end further back than the search goes: the start itself is where it begins."""
    path = tmp_path / "app.log"
    path.write_text(FAILED + "x\n" * (3 << 20) + UP)
    assert this_run(LogInput(str(path)), PORTS)[1] == 3 + (3 << 20)
