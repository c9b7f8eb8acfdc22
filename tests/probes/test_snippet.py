"""Source lines around a place that a log named: only of the file that really ran."""

from __future__ import annotations

import os
from pathlib import Path

from gradio_doctor.evidence import Location
from gradio_doctor.probes.snippet import read_snippet

SOURCE = "import os\n\n\ndef predict(x):\n    y = x + 1\n    return y\n"


def app(directory: Path, text: str = SOURCE, name: str = "app.py") -> str:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_two_lines_before_and_after(tmp_path: Path) -> None:
    found = read_snippet(Location(app(tmp_path), 5, "predict", "y = x + 1"))
    assert found == ((3, ""), (4, "def predict(x):"), (5, "    y = x + 1"), (6, "    return y"))


def test_another_version_of_the_file_is_not_shown(tmp_path: Path) -> None:
    assert read_snippet(Location(app(tmp_path), 5, "predict", "y = x + 2")) == ()


def test_lines_that_do_not_exist(tmp_path: Path) -> None:
    for line in (0, -3, 7, 10**9):
        assert read_snippet(Location(app(tmp_path), line)) == ()


def test_only_regular_python_files(tmp_path: Path) -> None:
    secret = app(tmp_path, "secret\n", "passwords.txt")
    assert read_snippet(Location(secret, 1)) == ()
    assert read_snippet(Location("/etc/passwd", 1)) == ()
    assert read_snippet(Location(str(tmp_path), 1)) == ()
    os.mkfifo(tmp_path / "pipe.py")
    assert read_snippet(Location(str(tmp_path / "pipe.py"), 1)) == ()
    assert read_snippet(Location("bad\x00name.py", 1)) == ()
    assert read_snippet(Location(str(tmp_path / "gone.py"), 1)) == ()


def test_a_huge_file_is_left_alone(tmp_path: Path) -> None:
    assert read_snippet(Location(app(tmp_path, "x = 1\n" * 400_000), 1)) == ()


def test_control_characters_are_taken_out(tmp_path: Path) -> None:
    hostile = app(tmp_path, "x = '\x1b[2J\x1b]0;owned\x07'\n")
    (_, text), *_ = read_snippet(Location(hostile, 1))
    assert "\x1b" not in text
    assert "\x07" not in text
