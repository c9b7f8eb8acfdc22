"""The sizes that keep the code readable."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

MOST_LINES, MOST_FUNCTION_LINES = 300, 40
LEAST_TESTS, WANTED_TESTS = 1.0, 1.5  # lines of tests for one of source


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def lines(paths: list[Path]) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """The functions of a file with their lengths."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_there_is_something_to_measure() -> None:
    assert len(python_files("gradio_doctor")) > 50
    assert len(python_files("checks")) > 10


def test_no_file_is_long() -> None:
    every = [*python_files("gradio_doctor", "checks", "tests", "bench"), *(ROOT / "checks").glob("*.yaml")]
    long = {str(p.relative_to(ROOT)): n for p in every if (n := lines([p])) > MOST_LINES and p.suffix == ".py"}
    assert not long


def test_no_function_is_long() -> None:
    every = [f for path in python_files("gradio_doctor", "checks", "bench") for f in functions(path)]
    assert not [f for f in every if f[1] > MOST_FUNCTION_LINES]


def test_the_median_function_is_short() -> None:
    sizes = sorted(size for path in python_files("gradio_doctor", "checks") for _, size in functions(path))
    assert sizes[len(sizes) // 2] <= 10


def test_there_are_enough_tests() -> None:
    ratio = lines(python_files("tests")) / lines(python_files("gradio_doctor", "checks"))
    print(f"lines of tests for one of source: {ratio:.2f} (wanted {WANTED_TESTS})")  # shown with -rP
    assert ratio >= LEAST_TESTS


def test_only_where_they_are_needed_are_heavy_parts_imported() -> None:
    """At the top of a module of the command line, its evidence or its knowledge, nothing heavy is imported."""
    heavy = {"rich", "psutil", "yaml", "httpx", "hyperscan", "pynvml", "typer"}
    light = [*(ROOT / "gradio_doctor").glob("*.py"), *python_files("gradio_doctor/evidence", "gradio_doctor/knowledge")]
    for path in light:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not heavy.intersection(n.partition(".")[0] for n in names), path
