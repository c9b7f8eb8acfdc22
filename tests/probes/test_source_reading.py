"""Decoding, syntax errors, hostile files, the app's own interpreter, and the probe itself."""

from __future__ import annotations

import codecs
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import Absent, AppSource, Instances, Process, Target
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.source import probe_source, read_source
from tests.probes.source_apps import known, reaches, read_app, write_app

T = TypeVar("T")
APP = "import gradio as gr\ndemo = gr.Blocks(title='é')\ndemo.launch(server_port=7861)\n"


def _read(tmp_path: Path, data: bytes) -> AppSource:
    (tmp_path / "app.py").write_bytes(data)
    return read_source(str(tmp_path / "app.py"))


@pytest.mark.parametrize("data", [
    APP.encode(), codecs.BOM_UTF8 + APP.encode(), b"# -*- coding: latin-1 -*-\n" + APP.encode("latin-1"),
    b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n" + APP.encode("cp1252"), APP.replace("\n", "\r\n").encode(),
    APP.replace("\n", "\r").encode(), b"# coding: utf8\n" + APP.encode(), APP.rstrip().encode(),
])
def test_decoding_as_python_does(data: bytes, tmp_path: Path) -> None:
    source = _read(tmp_path, data)
    assert source.fault is None
    assert known(source) == {"server_port": 7861}
    assert known(source, "Blocks") == {"title": "é"}


@pytest.mark.parametrize(("data", "kind", "line", "column"), [
    (b"x = 1\ny = '\xe9'\n", "UnicodeDecodeError", 2, 6),
    (b"x = 1\n" * 10 + b"y = '\xe9'\n", "UnicodeDecodeError", 11, 6),
    (b"# coding: ascii\n\nx = '\xc3\xa9'\n", "UnicodeDecodeError", 3, 6),
    (b"\xff\xfei\x00m\x00", "UnicodeDecodeError", 1, 1),
    (b"# coding: no-such-codec\n", "SyntaxError", 1, 1),
    (codecs.BOM_UTF8 + b"# coding: latin-1\n", "SyntaxError", 1, 1),
    (b"# coding: hex\nx = 1\n", "LookupError", 1, 1),
    (b"x = 1\n\x00y = 2\n", "SyntaxError", 2, 1),
])
def test_files_that_do_not_decode(data: bytes, kind: str, line: int, column: int, tmp_path: Path) -> None:
    fault = _read(tmp_path, data).fault
    assert fault is not None
    assert (fault.kind, fault.line, fault.column, fault.file) == (kind, line, column, str(tmp_path / "app.py"))
    command = [sys.executable, "-I", str(tmp_path / "app.py")]
    done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    assert done.returncode != 0, "Python itself must refuse the file too"


@pytest.mark.parametrize(("code", "kind", "line", "column", "text"), [
    ("import gradio\nx = (1,\n", "SyntaxError", 2, 5, "x = (1,"),
    ("def f():\nreturn 1\n", "IndentationError", 2, 1, "return 1"),
    ("if 1:\n\tx = 1\n        y = 2\n", "TabError", 3, 1, "        y = 2"),
    ("x = 1\nreturn x\n", "SyntaxError", 2, 1, "return x"),
    ("def f(a, a): ...\n", "SyntaxError", 1, 10, ""),
    ("print 'x'\n", "SyntaxError", 1, 1, "print 'x'"),
    ("x = 1\n  y = 2\n", "IndentationError", 2, 1, "  y = 2"),
    ("await x\n", "SyntaxError", 1, 1, "await x"),
])
def test_syntax_errors_of_the_main_file(
    code: str, kind: str, line: int, column: int, text: str, tmp_path: Path
) -> None:
    source = read_app(tmp_path, code)
    assert source.fault is not None
    assert (source.fault.kind, source.fault.line) == (kind, line)
    assert source.fault.text.strip() == text.strip() or not text
    assert abs(source.fault.column - column) <= 3 or kind == "TabError"  # versions of Python differ
    assert source.fault.message
    assert source.calls == ()


def test_syntax_error_of_a_needed_own_module(tmp_path: Path) -> None:
    main = "import gradio as gr\nfrom ui.page import f\ngr.Blocks().launch()\n"
    source = read_app(tmp_path, main, {"ui/__init__.py": "", "ui/page.py": "def f(:\n    pass\n"})
    assert source.fault is not None
    assert (source.fault.file, source.fault.line) == (str(tmp_path / "ui/page.py"), 1)
    assert reaches(source) == ["yes"], "the rest is read all the same"


@pytest.mark.parametrize("how", [
    "try:\n    import bad\nexcept Exception:\n    pass\n", "def f():\n    import bad\n",
    "import sys\nif len(sys.argv) > 5:\n    import bad\n",
])
def test_syntax_error_of_an_optional_own_module_is_a_note(how: str, tmp_path: Path) -> None:
    source = read_app(tmp_path, how, {"bad.py": "x = = 1\n"})
    assert source.fault is None
    assert source.unread == ("bad.py:1: not read, SyntaxError: invalid syntax",)


def test_no_warnings_are_printed(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    assert read_app(tmp_path, "x = '\\d'\nif x is 'a': pass\nassert (1, 2)\n").fault is None
    assert len(recwarn) == 0


HOSTILE = {
    "brackets": "(" * 100_000, "unary": "-" * 100_000 + "1", "attributes": "a" + ".b" * 100_000,
    "calls": "a" + "()" * 50_000, "elif": "if a: pass\n" + "elif a: pass\n" * 20_000, "sum": "x = 1" + "+1" * 100_000,
    "lambdas": "x = " + "lambda:" * 50_000 + "1", "powers": "x = 9**9**9**9\ny = 'a' * 10**12\nz = 1 << 10**12\n",
    "five megabytes": "x = 1\n" * 900_000, "one long line": "x = [" + "1," * 200_000 + "]",
    "imports": "".join(f"import m{i}\n" for i in range(3000)),
    "chain": "import gradio as gr\ngr.Button().click(f)" + ".then(f)" * 300 + "\n",
    "names": "a0 = 1\n" + "".join(f"a{i} = a{i - 1} + a{i - 1}\n" for i in range(1, 500)) + "gr.launch(port=a499)\n",
    "functions": "".join(f"def f{i}(): return f{i + 1}() or f{i + 2}()\n" for i in range(1000)) + "f0().launch()\n",
    "recursion": "def f(): return f()\nclass A(A): ...\nclass B(C): ...\nclass C(B): ...\na = b\nb = a\n"
                 "f().launch(a=a)\nA().launch()\nC().launch()\na.launch()\nimport app\n"
                 "from app import *\napp.app.launch()\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_sources_get_an_answer_in_bounded_time(name: str, tmp_path: Path) -> None:
    started = time.monotonic()
    source = _read(tmp_path, HOSTILE[name].encode())
    assert time.monotonic() - started < 10
    assert isinstance(source, AppSource)
    if name in ("unary", "attributes", "calls", "elif", "sum", "lambdas"):
        assert source.unread == ("app.py: not read, its code is nested too deeply for Python's parser",)
    if name == "five megabytes":
        assert source.unread == ("app.py: not read, it is larger than 2 MB",)
    assert (source.fault is not None) is (name == "brackets")


def test_a_long_elif_chain_that_parses_is_read(tmp_path: Path) -> None:
    code = "import gradio as gr\nimport sys\nif sys.argv: sys.exit()\n" + "elif sys.argv: sys.exit()\n" * 250
    source = read_app(tmp_path, code + "else: sys.exit()\ngr.Blocks().launch()\n")
    assert reaches(source) == ["unreachable"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(tmp_path: Path, data: bytes) -> None:
    source = _read(tmp_path, data)
    assert source.fault is None or source.fault.line >= 1


PIECES = (
    "import gradio as gr|from app import *|demo = gr.Blocks()|demo.launch(server_port=x)|x = x + 1|def f(x): return f"
    "|f(f)(f).click(f)|class A(A): x = A|A().x.launch(**x)|demo = demo.queue()|x: int|x, (y, *z) = f()|lambda x: x"
    "|[x for x in x]|global x|for x in x: demo.launch()|while 1: break|x[0]['a'].click(lambda: 0, [x])|del x"
    "|import os; os.environ[x] = os.environ['A']|f'{x!r:>{x}}'|gr.Interface([f, x, None], *x)|raise|(x := f)"
    "|with f() as (x, y): x.load(f)|try: import app\nexcept* OSError: pass|match x:\n case {'a': y}: f()"
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES.split("|")), max_size=12))
def test_any_mixture_of_statements_gets_an_answer(tmp_path: Path, pieces: list[str]) -> None:
    assert _read(tmp_path, "\n".join(pieces).encode()).path == str(tmp_path / "app.py")


def test_speed_of_an_ordinary_app(tmp_path: Path) -> None:
    block = "    b{i} = gr.Button('x')\n    def f{i}(x):\n        return x + {i}\n    b{i}.click(f{i}, b{i}, b{i})\n"
    code = "import gradio as gr\nwith gr.Blocks() as demo:\n" + "".join(block.format(i=i) for i in range(75))
    path = str(write_app(tmp_path, code + "demo.launch()\n"))
    times = []
    for _ in range(5):
        started = time.process_time()
        source = read_source(path)
        times.append(time.process_time() - started)
    assert len(source.handlers) == 75
    assert min(times) < 0.5


def test_not_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "app.py")
    assert read_source(str(tmp_path / "app.py")).unread == ("app.py: not read, it is not a regular file",)


def test_nothing_is_run_and_nothing_is_written(tmp_path: Path) -> None:
    code = "open('ran', 'w')\nimport side\nx = eval(\"open('ran', 'w')\")\n"
    read_app(tmp_path, code, {"side.py": "open('ran', 'w')\nx = (\n"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["app.py", "side.py"]


def _python(tmp_path: Path, body: str) -> str:
    """An interpreter of the app, as a script."""
    path = tmp_path / "python-of-the-app"
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_syntax_that_only_the_apps_python_knows_is_no_fault(tmp_path: Path) -> None:
    path = write_app(tmp_path, "x = = 1  # stands for syntax of the future\n")
    python = _python(tmp_path, "echo '{\"version\": \"3.99\", \"fault\": null}'\n")
    source = read_source(str(path), python)
    assert source.fault is None
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert source.unread == (
        f"app.py: not read, line 1 is valid for the app's Python 3.99, but not for our {ours}",)


def test_the_apps_python_has_the_last_word(tmp_path: Path) -> None:
    path = write_app(tmp_path, "x = = 1\n")
    answer = '{"version": "3.9", "fault": ["SyntaxError", "said otherwise", 7, null, "text"]}'
    fault = read_source(str(path), _python(tmp_path, f"echo '{answer}'\n")).fault
    assert fault is not None
    assert (fault.message, fault.line, fault.column, fault.text) == ("said otherwise", 7, 1, "text")


def test_a_real_other_interpreter_confirms_a_real_fault(tmp_path: Path) -> None:
    copy = _python(tmp_path, f'exec "{sys.executable}" "$@"\n')  # another path: it is asked, and it is a Python
    source = read_source(str(write_app(tmp_path, "import gradio\nx = = 1\n")), copy)
    assert source.fault is not None
    assert (source.fault.kind, source.fault.line, source.fault.message) == ("SyntaxError", 2, "invalid syntax")
    assert source.fault.file == str(tmp_path / "app.py")


@pytest.mark.parametrize(("body", "why"), [
    ("exit 1\n", "JSONDecodeError"), ("echo 1\n", "it answered something else"),
    ("exec sleep 60\n", "no answer in 1 s"),
])
def test_an_interpreter_that_does_not_answer_leaves_doubt(
    body: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradio_doctor.probes.source.verifying.TIMEOUT", 1.0)
    source = read_source(str(write_app(tmp_path, "x = = 1\n")), _python(tmp_path, body))
    assert source.fault is None
    assert source.unread[0].endswith(f"did not say: {why}")


def test_our_own_interpreter_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("started a process")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert read_source(str(write_app(tmp_path, "x = = 1\n")), sys.executable).fault is not None
    assert read_source(str(write_app(tmp_path, "x = 1\n")), "/no/such/python").fault is None


class Examination:
    """A context with one target and, perhaps, running instances."""

    def __init__(self, target: Target, instances: Instances | Absent | None = None, python: str | None = None) -> None:
        self.target = target
        self.options = Options(python=python)
        self._instances = instances

    def get(self, kind: type[T]) -> T | Absent:
        if self._instances is not None and kind is Instances:
            found: Any = self._instances
            return found  # type: ignore[no-any-return]
        return Absent("not looked")

    def known(self, kind: type[T]) -> T | Absent | None:
        return None if kind is AppSource else self.get(kind)

    def forget(self, *kinds: type) -> None: ...
    def on_close(self, clean_up: object) -> None: ...
    def note(self, text: str) -> None: ...


def test_probe_of_a_script(tmp_path: Path) -> None:
    path = str(write_app(tmp_path, APP))
    source = probe_source(Examination(Target("script", "app.py", script=path)))
    assert isinstance(source, AppSource)
    assert (source.path, source.directory) == (path, str(tmp_path))


def test_probe_of_a_process(tmp_path: Path) -> None:
    path = str(write_app(tmp_path, APP))
    running = Instances("", (Process(1, 0, "python", ("python", "app.py"), "me", 0.0, "sleeping", script=path),))
    source = probe_source(Examination(Target("port", "7860", port=7860), running))
    assert isinstance(source, AppSource)
    assert source.path == path


@pytest.mark.parametrize("instances", [None, Instances(""), Absent("no")])
def test_probe_without_a_script(instances: Instances | Absent | None) -> None:
    found = probe_source(Examination(Target("port", "7860", port=7860), instances))
    assert isinstance(found, Absent)
    assert found.why == "the app's script is not known"


def test_probe_of_a_missing_script(tmp_path: Path) -> None:
    found = probe_source(Examination(Target("script", "app.py", script=str(tmp_path / "app.py"))))
    assert found == Absent(f"{tmp_path / 'app.py'} cannot be read: No such file or directory")


def test_probe_asks_the_python_that_was_named(tmp_path: Path) -> None:
    path = str(write_app(tmp_path, "x = = 1\n"))
    python = _python(tmp_path, "echo '{\"version\": \"3.99\", \"fault\": null}'\n")
    source = probe_source(Examination(Target("script", path, script=path), python=python))
    assert isinstance(source, AppSource)
    assert source.fault is None
    assert "3.99" in source.unread[0]
