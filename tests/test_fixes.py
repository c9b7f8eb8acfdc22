"""Changes of the user's source: the offered ones apply with patch and git, doubtful ones are not offered."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

from gradio_doctor.diagnosis import CauseFound, Fix, Item
from gradio_doctor.evidence import AppSource, Handler, Location
from gradio_doctor.fixes import mended
from gradio_doctor.knowledge.model import Prose
from gradio_doctor.sdk import Finding, Group, Mend
from tests.report.made import cause

HEAD = "import time\nimport gradio as gr\n\n\n"


def offered(
    directory: Path, source: str, guilty: str, mend: Mend = "free-loop", event: str = "click", python: str = "3.11.2",
    other: str = "",
) -> tuple[Fix | None, Path]:
    """The fix for a stack that ends in the line with `guilty`, in the function `predict` (or that the line is in)."""
    file = directory / "app.py"
    file.write_text(source, encoding="utf-8")
    (directory / "other.py").write_text(other, encoding="utf-8")
    tree = ast.parse(source)
    lines = source.splitlines()
    line = next(n for n, text in enumerate(lines, 1) if guilty in text)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = max((f for f in functions if f.lineno <= line <= (f.end_lineno or 0)), key=lambda f: f.lineno)
    handlers = tuple(
        Handler(f.name, str(file), f.lineno, isinstance(f, ast.AsyncFunctionDef), event, f.end_lineno or 0)
        for f in functions if f.name == "predict"
    )
    app = AppSource(str(file), (str(file), str(directory / "other.py")), handlers=handlers)
    stack = (Location(str(file), line, inner.name, lines[line - 1].strip()), Location("/lib/x.py", 9, "inside"))
    given = told(Finding("blocking.loop-blocked", stack=stack, mend=mend), app, python)
    return (given.fixes[0] if given.fixes[0].diff else None), file


def told(finding: Finding, app: AppSource | None, python: str = "") -> CauseFound:
    made = cause(evidence=(Item(finding.id, True, Prose("x"), None, 3.0),))
    return mended(made, {finding.id: finding}, app, python)


def applied(fix: Fix, file: Path) -> str:
    """The file after the patch: the same by patch and by git, and Python reads it."""
    before = file.read_text(encoding="utf-8")
    for command in (["patch", "-p0"], ["git", "apply", "-p0"]):
        file.write_text(before, encoding="utf-8")
        done = subprocess.run(command, cwd=fix.directory, input=fix.diff, text=True, capture_output=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr, fix.diff)
    after = file.read_text(encoding="utf-8")
    ast.parse(after)
    return after


PREDICT = HEAD + "async def predict(x):\n    time.sleep(9)\n    return x\n\n\ngr.Button().click(predict)\n"


def test_a_handler_that_awaits_nothing_becomes_a_def(tmp_path: Path) -> None:
    fix, file = offered(tmp_path, PREDICT, "time.sleep")
    assert fix is not None
    assert applied(fix, file) == PREDICT.replace("async def", "def")
    assert "predict" in fix.text.en and "predict" in fix.text.zh
    assert fix.verify == ("port-holder",)
    assert not fix.safe and not fix.commands


@pytest.mark.parametrize(
    "source",
    [
        PREDICT.replace("async def", "@button.click(inputs=box)\nasync def"),
        PREDICT.replace("async def", "@gr.on([a.click])\nasync   def"),
        PREDICT.replace("    return x", "    yield x"),  # a generator
        PREDICT.replace("    return x", "    async def later():\n        await x\n    return later"),
        PREDICT.rstrip("\n"),  # no newline at the end of the file
        PREDICT.replace("return x", "return 'größer, 更大'"),
    ],
)
def test_variants_of_it(tmp_path: Path, source: str) -> None:
    fix, file = offered(tmp_path, source, "time.sleep")
    assert fix is not None
    after = applied(fix, file)
    assert "def predict" in after and "async def predict" not in after and "async   def" not in after


@pytest.mark.parametrize(
    "source",
    [
        PREDICT.replace("    return x", "    return await other(x)"),
        PREDICT.replace("    return x", "    async with lock:\n        return x"),
        PREDICT.replace("    return x", "    async for y in x:\n        pass"),
        PREDICT.replace("    return x", "    return [y async for y in x]"),
        PREDICT.replace("async def", "@retry\nasync def"),
        PREDICT + "\n\nasync def more(x):\n    return await predict(x)\n",  # somebody awaits it
    ],
)
def test_one_that_has_to_stay_async_sleeps_without_holding_the_loop(tmp_path: Path, source: str) -> None:
    fix, file = offered(tmp_path, source, "time.sleep")
    assert fix is not None
    after = applied(fix, file)
    assert after == "import asyncio\n" + source.replace("time.sleep(9)", "await asyncio.sleep(9)")


def test_other_modules_are_asked_who_calls_it(tmp_path: Path) -> None:
    other = "from app import predict\nasync def f(): await predict(1)\n"
    fix, _ = offered(tmp_path, PREDICT, "time.sleep", other=other)
    assert fix is not None and "asyncio.sleep" in fix.diff


STAYS = HEAD + """\
def slow(a, b=2):
    return a


async def predict(x):
    await other(x)
    LINE
    return x
"""


@pytest.mark.parametrize(
    ("line", "becomes", "imports"),
    [
        ("time.sleep(x)", "await asyncio.sleep(x)", ""),
        ("sleep(x + 1)", "await asyncio.sleep(x + 1)", "from time import sleep\n"),
        ("t.sleep(1)", "await asyncio.sleep(1)", "import time as t\n"),
        ("slow(x)", "await asyncio.to_thread(slow, x)", ""),
        ("y = slow(x, b=[3])", "y = await asyncio.to_thread(slow, x, b=[3])", ""),
        ("return slow(*x, **z)", "return await asyncio.to_thread(slow, *x, **z)", ""),
        ("subprocess.run(['ls'], check=True)", "await asyncio.to_thread(subprocess.run, ['ls'], check=True)",
         "import subprocess\n"),
        ("y = urllib.request.urlopen(x)  # wait", "y = await asyncio.to_thread(urllib.request.urlopen, x)  # wait",
         "import urllib.request\n"),
        ("slow('ä', x)", "await asyncio.to_thread(slow, 'ä', x)", ""),
    ],
)
def test_a_simple_call_is_awaited(tmp_path: Path, line: str, becomes: str, imports: str) -> None:
    source = imports + STAYS.replace("LINE", line)
    fix, file = offered(tmp_path, source, line)
    assert fix is not None
    assert applied(fix, file) == "import asyncio\n" + source.replace(line, becomes)


def test_asyncio_is_imported_once_and_behind_the_future(tmp_path: Path) -> None:
    source = "import asyncio\n" + STAYS.replace("LINE", "slow(x)")
    fix, file = offered(tmp_path, source, "slow(x)")
    assert fix is not None and applied(fix, file).count("import asyncio") == 1
    source = '"""App."""\nfrom __future__ import annotations\n\n' + STAYS.replace("LINE", "slow(x)")
    fix, file = offered(tmp_path, source, "slow(x)")
    assert fix is not None
    assert applied(fix, file).splitlines()[1:5] == [
        "from __future__ import annotations", "", "import asyncio", "import time"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "slow(inner(x))",  # two calls: either may be the slow one
        "slow(x); other(x)",
        "self.model.run(x)", "x.sleep(1)",  # nobody knows what these are
        "if slow(x): pass",
        "y = [slow(z) for z in x]",
        "await slow(x)",
        "slow(\n        x)",
        "Slow(x)", "unknown(x)",
        "y = slow(x) + 1",
        "time.sleep(secs=1)",
    ],
)
def test_what_is_not_simple_is_left_alone(tmp_path: Path, line: str) -> None:
    fix, _ = offered(tmp_path, STAYS.replace("LINE", line), line.splitlines()[0])
    assert fix is None


@pytest.mark.parametrize(
    "more",
    [
        "import sqlite3\n",  # its connections belong to one thread
        "asyncio = None\n",
        "import trio as asyncio\n",
        "def f(slow): pass\n",  # the name may be something else
        "slow = 3\n",
        "if x:\n    def slow(): pass\n",
        "api_key = 'hf_abcdefghijklmnopqrstuvwxyz'\n",  # would be in the diff
    ],
)
def test_doubt_prevents_it(tmp_path: Path, more: str) -> None:
    fix, _ = offered(tmp_path, more + STAYS.replace("LINE", "slow(x)"), "    slow(x)")
    assert fix is None


@pytest.mark.parametrize(
    "slow",
    [
        "@cached\ndef slow(x):\n    return x\n", "async def slow(x):\n    return x\n", "def slow(x):\n    yield x\n",
        "class slow:\n    pass\n", "slow = lambda x: x\n",
    ],
)
def test_only_plain_functions_go_to_a_thread(tmp_path: Path, slow: str) -> None:
    source = f"import gradio\n{slow}\nasync def predict(x):\n    await x\n    slow(x)\n"
    assert offered(tmp_path, source, "    slow(x)")[0] is None


def test_an_old_python_has_no_to_thread(tmp_path: Path) -> None:
    source = STAYS.replace("LINE", "slow(x)")
    assert offered(tmp_path, source, "    slow(x)", python="3.8.18")[0] is None
    assert offered(tmp_path, source, "    slow(x)", python="3.9.1")[0] is not None
    source = STAYS.replace("LINE", "time.sleep(x)")
    assert offered(tmp_path, source, "    time.sleep(x)", python="3.8.18")[0] is not None


@pytest.mark.parametrize(
    "source",
    [
        PREDICT.replace("predict", "__call__"),
        PREDICT.replace("import time", "import asyncio, time").replace("return x", "return asyncio.current_task()"),
        PREDICT + "\n\nclass A:\n    def predict(self): pass\n",  # two of that name
    ],
)
def test_def_only_where_it_is_certain(tmp_path: Path, source: str) -> None:
    fix, _ = offered(tmp_path, source, "time.sleep")
    assert fix is not None and "await asyncio.sleep(9)" in fix.diff


def test_middleware_stays_async(tmp_path: Path) -> None:
    fix, _ = offered(tmp_path, PREDICT, "time.sleep", event="middleware")
    assert fix is not None and "await asyncio.sleep(9)" in fix.diff


@pytest.mark.parametrize("change", ["tab", "crlf", "moved", "gone", "long", "latin", "link"])
def test_a_file_that_is_not_as_it_ran_is_left_alone(tmp_path: Path, change: str) -> None:
    file = tmp_path / "app.py"
    text = {
        "tab": PREDICT.replace("    ", "\t"), "crlf": PREDICT.replace("\n", "\r\n"), "moved": "import os\n" + PREDICT,
        "long": PREDICT.replace("return x", f"return '{'x' * 400}'"), "latin": "# \xe9\n" + PREDICT,
    }.get(change, PREDICT)
    line = 7 if change == "latin" else 6
    file.write_bytes(text.encode("latin-1" if change == "latin" else "utf-8"))
    if change == "link":
        file.rename(tmp_path / "real.txt")
        file.symlink_to("/dev/zero")
    if change == "gone":
        file.unlink()
    place = Location(str(file), line, "predict", "time.sleep(9)")
    handlers = (Handler("predict", str(file), line - 1, True, "click", line + 1),)
    finding = Finding("a.b", stack=(place,), mend="free-loop")
    assert not told(finding, AppSource(str(file), (str(file),), handlers=handlers)).fixes[0].diff


def test_a_cause_takes_the_stack_that_speaks_most_for_it() -> None:
    place, group = Location("/a.py", 1, "f", "x"), Group(3, "waiting", "worker", "/a.py:1 f", "sleep", (1, 2, 3))
    given = told(Finding("a.b", stack=(place,), threads=(group,)), None)
    assert (given.stack, given.threads) == ((place,), (group,))
    assert given.fixes == cause().fixes
    assert told(Finding("a.b"), None).stack == ()


def test_a_file_outside_of_the_apps_directory_is_named_in_its_own(tmp_path: Path) -> None:
    fix, file = offered(tmp_path, PREDICT, "time.sleep")
    assert fix is not None and fix.directory == str(tmp_path)
    place = Location(str(file), 6, "predict", "time.sleep(9)")
    handlers = (Handler("predict", str(file), 5, True, "click", 7),)
    given = told(Finding("a.b", stack=(place,), mend="free-loop"), AppSource("/srv/x/main.py", handlers=handlers))
    assert given.fixes[0].directory == str(tmp_path)
    assert given.fixes[0].diff.startswith("--- app.py\n+++ app.py\n")
