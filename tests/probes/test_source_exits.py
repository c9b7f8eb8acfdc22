"""Calls that end the program, as the source tells them: where, with which status, and whether it comes to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.probes.source_apps import read_app


@pytest.mark.parametrize(("call", "status"), [
    ("sys.exit()", 0), ("sys.exit(None)", 0), ("sys.exit(3)", 3), ("sys.exit(-1)", 255), ("sys.exit(256)", 0),
    ("sys.exit('words')", 1), ("sys.exit(f'no {sys.argv}')", 1), ("sys.exit(CODE)", 4), ("sys.exit(True)", 1),
    ("sys.exit(len(sys.argv))", None), ("exit(2)", 2), ("quit()", 0), ("bye(5)", 5), ("os._exit(6)", 6),
    ("system.exit(7)", 7),
])
def test_status(call: str, status: int | None, tmp_path: Path) -> None:
    source = f"import os, sys\nimport sys as system\nfrom sys import exit as bye\nCODE = 4\nif os.sep:\n    {call}\n"
    (found,) = read_app(tmp_path, source).exits
    assert (found.status, found.line, found.reach, found.text) == (status, 6, "conditional", call)


def test_raised(tmp_path: Path) -> None:
    (found,) = read_app(tmp_path, "import gradio\nraise SystemExit('get the weights')\n").exits
    assert (found.status, found.reach) == (1, "yes")


def test_reach(tmp_path: Path) -> None:
    found = read_app(tmp_path, """
import sys

def main():
    if len(sys.argv) < 2:
        sys.exit(2)

def nobody_calls_it():
    sys.exit(3)

if __name__ == "__main__":
    main()
    sys.exit(4)
    sys.exit(5)
""").exits
    assert {(e.status, e.reach) for e in found} == {(2, "conditional"), (3, "function"), (4, "main-guard")}


@pytest.mark.parametrize("source", [
    "import sys\nsys.exit\n", "def exit(code):\n    print(code)\nexit(3)\n", "import app_tools\napp_tools.exit(1)\n",
    "class sys:\n    exit = print\nsys.exit(1)\n", "",
])
def test_no_end(source: str, tmp_path: Path) -> None:
    assert read_app(tmp_path, source).exits == ()


def test_secrets_are_not_quoted(tmp_path: Path) -> None:
    (found,) = read_app(tmp_path, "exit('token=hf_abcdefghijklmnopqrstuvwxyz123456')\n").exits
    assert "abcdefghijkl" not in found.text
