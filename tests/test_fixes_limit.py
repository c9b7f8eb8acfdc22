"""A time limit for requests that have none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gradio_doctor.fixes_limit import limited
from gradio_doctor.fixes_loop import awaited, plain_def
from gradio_doctor.fixes_names import around, defined, dotted, modules
from gradio_doctor.fixes_patch import Edit, Module, patch
from tests.test_fixes import applied, offered

FETCH = "import urllib.request, requests, httpx\nfrom urllib.request import urlopen\n\n\ndef predict(x):\n    LINE\n"


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("requests.get(x)", "requests.get(x, timeout=30)"),
        ("y = requests.post(x, json={'a': 1},)", "y = requests.post(x, json={'a': 1}, timeout=30,)"),
        ("return requests.get(url=x).json()", "return requests.get(url=x, timeout=30).json()"),
        ("with urlopen(x) as y: pass", "with urlopen(x, timeout=30) as y: pass"),
        ("urllib.request.urlopen(x, None).read()", "urllib.request.urlopen(x, None, timeout=30).read()"),
        ("httpx.get(x, timeout=None)", "httpx.get(x, timeout=30)"),
        ("requests.get(x, timeout=None)", "requests.get(x, timeout=30)"),
        ("y = requests.get(\n        x,  # where\n        stream=True,\n    )",
         "y = requests.get(\n        x,  # where\n        stream=True, timeout=30,\n    )"),
    ],
)
def test_a_time_limit_is_added(tmp_path: Path, line: str, becomes: str) -> None:
    source = FETCH.replace("LINE", line)
    fix, file = offered(tmp_path, source, line.splitlines()[0], "limit-wait")
    assert fix is not None
    assert applied(fix, file) == source.replace(line, becomes)


@pytest.mark.parametrize(
    "line",
    [
        "requests.get(x, timeout=5)", "httpx.get(x)", "requests.get(x, **more)", "urlopen(*x)", "urlopen(x, None, 5)",
        "session.get(x)", "requests.get(requests.get(x))", "requests.get((x))", "requests.get()", "print(x)",
        "requests.get(y for y in x)", "print(requests.get(y for y in x))",
    ],
)
def test_no_second_limit_and_no_guess(tmp_path: Path, line: str) -> None:
    assert offered(tmp_path, FETCH.replace("LINE", line), line, "limit-wait")[0] is None


def module(text: str) -> Module:
    made = Module.of(text)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("imports", "code", "name"),
    [
        ("import time", "time.sleep", "time.sleep"), ("import time as t", "t.sleep", "time.sleep"),
        ("from time import sleep as s", "s", "time.sleep"), ("import a.b.c", "a.b.c.d", "a.b.c.d"),
        ("import a.b as ab", "ab.c", "a.b.c"), ("from . import x", "x.f", "..x.f"), ("import time", "other.sleep", ""),
        ("import time\ntime = 3", "time.sleep", ""), ("import time\nimport x as time", "time.sleep", ""),
        ("import time\nfor time in y: pass", "time.sleep", ""), ("import time", "time().sleep", ""),
    ],
)
def test_what_a_name_stands_for(imports: str, code: str, name: str) -> None:
    tree = ast.parse(f"{imports}\n{code}()\n")
    last = tree.body[-1]
    assert isinstance(last, ast.Expr) and isinstance(last.value, ast.Call)
    assert dotted(tree, last.value.func) == name


def test_the_functions_around_a_line() -> None:
    tree = ast.parse("def a():\n    def b():\n        x\n    y\nz\n")
    assert [[f.name for f in around(tree, line)] for line in (1, 3, 4, 5)] == [[], ["b", "a"], ["a"], []]
    assert defined(tree, "a") is not None
    assert defined(tree, "b") is None, "it is no function of the module"
    assert modules(ast.parse("import a.b, c\nfrom d.e import f\nfrom . import g")) >= {"a", "c", "d"}


@pytest.mark.parametrize("text", ["def (", "x = 1\r\n", "x = 1\f\n", "\0", "(" * 5000])
def test_a_text_that_no_position_can_be_trusted_in(text: str) -> None:
    assert Module.of(text) is None


def test_positions_count_characters_not_bytes() -> None:
    text = "x = 'ä更\U0001f600'; y = f(1)\nz = 2\n"
    made = module(text)
    second = made.tree.body[1]
    assert made.code(second) == "y = f(1)"
    start, end = made.span(second)
    assert "+x = 'ä更\U0001f600'; y = g(2)" in patch(made, [Edit(start, end, "y = g(2)")], "a.py")
    assert (made.line(2), made.line(0), made.line(9)) == ("z = 2", "", "")


@pytest.mark.parametrize("name", ["../a.py", "/etc/a.py", "a b.py", "a\n.py", "-a.py", ""])
def test_names_that_patch_might_misread(name: str) -> None:
    assert patch(module("x = 1\n"), [Edit(0, 1, "y")], name) == ""
    assert patch(module("x = 1\n"), [Edit(0, 1, "y")], "sub/a.py").startswith("--- sub/a.py\n")


def test_a_change_that_breaks_the_file_is_none() -> None:
    made = module("x = 1\n")
    assert patch(made, [Edit(0, 1, "x x")], "a.py") == ""
    assert patch(made, [], "a.py") == ""
    assert patch(made, [Edit(0, 5, "\n".join("x = 1" for _ in range(100)))], "a.py") == ""
    assert patch(made, [Edit(0, 5, "x = '\x1b[2J'")], "a.py") == ""


@pytest.mark.parametrize("line", [0, 3, 99])
def test_a_line_without_anything_to_change(line: int) -> None:
    made = module("import requests\n\nx = 1\n\n\nasync def f():\n    await x\n")
    assert limited(made, line) == awaited(made, line) == plain_def(made, line, "click") == []
