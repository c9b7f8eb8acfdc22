"""Imports, the files that are followed, and environment variables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradio_doctor.probes.source import read_source
from tests.probes.source_apps import read_app

IMPORTS = {
    "import torch": [("torch", False)],
    "import a.b.c as d": [("a.b.c", False)],
    "import a, b": [("a", False), ("b", False)],
    "from x.y import z": [("x.y", False)],
    "from __future__ import annotations": [],
    "try:\n    import a\nexcept ImportError:\n    a = None": [("a", True)],
    "try:\n    import a\nexcept (OSError, ModuleNotFoundError):\n    import b": [("a", True), ("b", True)],
    "try:\n    import a\nexcept Exception:\n    pass": [("a", True)],
    "try:\n    import a\nexcept:\n    pass": [("a", True)],
    "try:\n    import a\nexcept OSError:\n    pass": [("a", False)],
    "try:\n    pass\nfinally:\n    import a": [("a", False)],
    "try:\n    try:\n        import a\n    except OSError: ...\nexcept ImportError: ...": [("a", True)],
    "from contextlib import suppress\nwith suppress(ImportError):\n    import a": [("contextlib", False), ("a", True)],
    "def f():\n    import a": [("a", True)],
    "def f():\n    import a\nf()": [("a", True)],
    "class A:\n    import a": [("a", False)],
    "import sys\nif sys.platform == 'win32':\n    import winreg": [("sys", False), ("winreg", True)],
    "if __name__ == '__main__':\n    import a": [("a", False)],
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a": [("typing", False)],
    "import typing\nif typing.TYPE_CHECKING:\n    import a\nelse:\n    import b": [("typing", False), ("b", False)],
    "if not TYPE_CHECKING:\n    import a": [("a", True)],
    "import sys\nsys.exit()\nimport a": [("sys", False)],
    "with open('x'):\n    import a": [("a", False)],
}


@pytest.mark.parametrize("code", IMPORTS)
def test_imports(code: str, tmp_path: Path) -> None:
    assert [(i.module, i.optional) for i in read_app(tmp_path, code).imports] == IMPORTS[code]


def test_names_and_places(tmp_path: Path) -> None:
    source = read_app(tmp_path, "\nfrom x import a as b, c\nfrom y import *\n")
    assert [(i.names, i.line, i.file) for i in source.imports] == [
        (("a", "c"), 2, str(tmp_path / "app.py")), (("*",), 3, str(tmp_path / "app.py"))]


def test_relative_imports_are_resolved(tmp_path: Path) -> None:
    source = read_app(tmp_path, "import pack.sub.deep\n", {
        "pack/__init__.py": "from . import one\nfrom .one import a\n", "pack/one.py": "import numpy\n",
        "pack/sub/__init__.py": "",
        "pack/sub/deep.py": "from ..one import b\nfrom . import other\nfrom .. import two\n",
        "pack/sub/other.py": "import torch\n", "pack/two.py": "import scipy\n",
    })
    assert {i.module for i in source.imports} == {
        "pack.sub.deep", "pack", "pack.one", "numpy", "pack.sub", "torch", "scipy"}
    assert {os.path.relpath(f, tmp_path) for f in source.files} == {
        "app.py", "pack/__init__.py", "pack/one.py", "pack/sub/__init__.py", "pack/sub/deep.py", "pack/sub/other.py",
        "pack/two.py"}


def test_what_an_optional_module_imports_is_optional(tmp_path: Path) -> None:
    source = read_app(tmp_path, "def f():\n    import extra\n", {"extra.py": "import torch\n"})
    assert [(i.module, i.optional) for i in source.imports] == [("extra", True), ("torch", True)]


def test_namespace_packages(tmp_path: Path) -> None:
    source = read_app(tmp_path, "from utils import paths\nimport utils.more\n", {
        "utils/paths.py": "import p\n", "utils/more.py": "import m\n"})
    assert {i.module for i in source.imports} == {"utils", "utils.more", "p", "m"}


def test_an_own_file_wins_over_a_library(tmp_path: Path) -> None:
    source = read_app(tmp_path, "import random\nimport gradio\n", {"random.py": "import x\n"})
    assert str(tmp_path / "random.py") in source.files
    assert ("x", False) in [(i.module, i.optional) for i in source.imports]


def test_main_file_inside_a_package(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text("import from_init\n")
    (tmp_path / "shop/data.py").write_text("import pandas\n")
    (tmp_path / "shop/web.py").write_text("from . import data\nfrom shop.data import x\n")
    source = read_source(str(tmp_path / "shop/web.py"))
    assert [i.module for i in source.imports if i.file.endswith("web.py")] == ["shop", "shop.data"]
    assert str(tmp_path / "shop/data.py") in source.files


def test_library_directories_are_not_read(tmp_path: Path) -> None:
    source = read_app(tmp_path, "import numpy\n", {"venv/lib/python3/site-packages/numpy/__init__.py": "x = 1\n"})
    assert source.files == (str(tmp_path / "app.py"),)


def test_files_above_the_app_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("import secret\n")
    (tmp_path / "app").mkdir()
    source = read_app(tmp_path / "app", "import outside\nfrom .. import outside\nfrom ... import x\n")
    assert source.files == (str(tmp_path / "app/app.py"),)


def test_at_most_200_files(tmp_path: Path) -> None:
    files = {f"m{i}.py": "import gradio\n" for i in range(250)}
    source = read_app(tmp_path, "".join(f"import m{i}\n" for i in range(250)), files)
    assert len(source.files) == 200
    assert "only the first 200 files of the app were read" in source.unread


ENVIRONMENT = {
    "os.environ['A']": [("A", True, "yes")],
    "os.environ.get('A')": [("A", False, "yes")],
    "os.environ.get('A', 'x')": [("A", False, "yes")],
    "os.getenv('A')": [("A", False, "yes")],
    "getenv('A')": [("A", False, "yes")],
    "environ['A']": [("A", True, "yes")],
    "NAME = 'A'\nos.environ[NAME]": [("A", True, "yes")],
    "if 'A' in os.environ:\n    os.environ['A']": [("A", False, "conditional")],
    "if 'A' not in os.environ:\n    pass\nelse:\n    os.environ['A']": [("A", False, "conditional")],
    "if 'A' in os.environ and 'B' in os.environ:\n    os.environ['B']": [("B", False, "conditional")],
    "if os.environ.get('A'):\n    os.environ['A']": [("A", False, "conditional"), ("A", False, "yes")],
    "if 'B' in os.environ:\n    os.environ['A']": [("A", True, "conditional")],
    "try:\n    os.environ['A']\nexcept KeyError:\n    pass": [("A", False, "yes")],
    "try:\n    os.environ['A']\nexcept OSError:\n    pass": [("A", True, "yes")],
    "os.environ['A'] = '1'\nos.environ['A']": [("A", False, "yes")],
    "os.environ['A']\nos.environ['A'] = '1'": [("A", True, "yes")],
    "os.environ.setdefault('A', '1')\nos.environ['A']": [("A", False, "yes")],
    "def f():\n    os.environ['A']": [("A", True, "function")],
    "def f():\n    os.environ['A']\nf()": [("A", True, "yes")],
    "if __name__ == '__main__':\n    os.environ['A']": [("A", True, "main-guard")],
    "del os.environ['A']": [],
    "{}['A']": [],
}


@pytest.mark.parametrize("code", ENVIRONMENT)
def test_environment_reads(code: str, tmp_path: Path) -> None:
    source = read_app(tmp_path, f"import os\nfrom os import environ, getenv\n{code}\n")
    found = [(e.name, e.required, e.reach) for e in source.environment]
    assert sorted(found) == sorted(ENVIRONMENT[code])


SETS = {
    "os.environ['GRADIO_SERVER_PORT'] = '7861'": [("GRADIO_SERVER_PORT", "7861", True, "'7861'")],
    "os.environ['A'] = str(PORT)": [("A", "70", True, "str(PORT)")],
    "os.environ['A'] = read()": [("A", None, False, "read()")],
    "os.environ.setdefault('A', 'b')": [("A", "b", True, "'b'")],
    "os.putenv('A', 'b')": [("A", "b", True, "'b'")],
    "os.environ.update({'A': 'b'}, C='d')": [("A", "b", True, "'b'"), ("C", "d", True, "'d'")],
    "os.environ['HF_TOKEN'] = 'abc'": [("HF_TOKEN", None, False, "***")],
    "os.environ['HF_TOKEN'] = ''": [("HF_TOKEN", "", True, "''")],
    "def f():\n    os.environ['A'] = 'b'": [],
    "def f():\n    os.environ['A'] = 'b'\nf()": [("A", "b", True, "'b'")],
    "os.environ['A'] = os.environ['B'] = 'c'": [("A", "c", True, "'c'"), ("B", "c", True, "'c'")],
}


@pytest.mark.parametrize("code", SETS)
def test_environment_sets(code: str, tmp_path: Path) -> None:
    source = read_app(tmp_path, f"import os\nPORT = 70\n{code}\n")
    assert [(s.name, s.value, s.known, s.text) for s in source.environment_sets] == SETS[code]
    assert all(s.file == str(tmp_path / "app.py") for s in source.environment_sets)


@pytest.mark.parametrize(("code", "note"), [
    ("from dotenv import load_dotenv\nload_dotenv()", "load_dotenv() sets environment variables from a file"),
    ("import dotenv\ndotenv.load_dotenv('.env')", "load_dotenv() sets environment variables from a file"),
    ("import os\nos.environ[name()]", "the environment variable name() is named at run time"),
    ("import os\nos.environ.update(values)", "os.environ is updated from values"),
])
def test_environment_notes(code: str, note: str, tmp_path: Path) -> None:
    assert read_app(tmp_path, code).unread == (f"app.py:2: {note}",)
