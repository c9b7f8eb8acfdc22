"""Files that take the name of the module that was meant. Each fault beside its healthy twin."""

from __future__ import annotations

import pytest

from tests.lab.harness import HEALTHY, Lab, doctor, write_app, write_files

SHADOWS = {
    "gradio.py": 'print("my first try with gradio")\n',
    "gradio/__init__.py": "",
    "tempfile.py": "def make():\n    return 1\n",
    "random.py": "numbers = [1, 2, 3]\n",
    "queue.py": "waiting = []\n",
    "httpx.py": "def fetch(url):\n    return url\n",
}


@pytest.mark.parametrize("name", SHADOWS)
def test_file_beside_the_app(lab: Lab, port: int, name: str) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    write_files(lab.directory, {name: SHADOWS[name]})
    top = doctor("diagnose", app, cwd=lab.directory).assert_first("app.module-shadowed")
    assert str(lab.directory / name) in top["says"] + top["because"], top
    assert any(name.rpartition("/")[0] or name in c for r in top["remedies"] for c in r["commands"])


def test_file_of_another_name_is_healthy(lab: Lab, port: int) -> None:
    """Also a folder called gradio that is no package: the installed one is found first."""
    app = write_app(lab.directory, HEALTHY, port=port)
    write_files(lab.directory, {"my_gradio.py": SHADOWS["gradio.py"], "gradio/notes.txt": ""})
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()


def test_app_itself_is_called_gradio(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY, "gradio.py", port=port)
    top = doctor("diagnose", app, cwd=lab.directory).assert_first("app.module-shadowed")
    assert str(app) in top["says"] + top["because"]


def test_seen_in_a_log_only(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    write_files(lab.directory, {"random.py": SHADOWS["random.py"]})
    lab.start(app, wait=None).wait(90)
    doctor("logs", "app.log", cwd=lab.directory).assert_first("app.module-shadowed")


GREETS = "def greet():\n    return 1\n"
OWN_TROUBLE = {
    "circular": ({"app.py": "import first\n", "first.py": "from second import y\nx = 1\n",
                  "second.py": "from first import x\ny = 1\n"}, "second.py", 1),
    "misspelt": ({"app.py": "from helpers import great\n", "helpers.py": GREETS}, "app.py", 1),
    "attribute": ({"app.py": "import utils\n\nutils.great()\n", "utils.py": GREETS}, "app.py", 3),
}


@pytest.mark.parametrize("trouble", OWN_TROUBLE)
def test_own_modules_take_nobodys_name(lab: Lab, trouble: str) -> None:
    """The messages are the same, but the app means its own modules."""
    files, name, line = OWN_TROUBLE[trouble]
    write_files(lab.directory, files)
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("app.startup-exception")
    assert (top["location"]["file"], top["location"]["line"]) == (str(lab.directory / name), line)
