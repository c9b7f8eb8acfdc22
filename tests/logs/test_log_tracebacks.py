"""Tracebacks that real interpreters print, bare and behind the prefixes of collectors."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gradio_doctor.evidence import LogEvents

Read = Callable[..., LogEvents]
Says = Callable[..., str]

PLAIN = """
def predict(x):
    return {}[x]

def main():
    predict("k")

main()
"""
CAUSE = """
def inner():
    raise ConnectionError("first")

def outer():
    try:
        inner()
    except ConnectionError as error:
        raise ValueError("second") from error
outer()
"""
CONTEXT = CAUSE.replace(" from error", "").replace("ValueError", "OSError")
DEEP = """
try:
    try:
        import no_such_module_at_all
    except ImportError as a:
        raise RuntimeError("middle") from a
except RuntimeError:
    1 / 0
"""
SYNTAX = "x = (1,\n\ndef f(:\n"
GROUP = """
def bad(kind, text):
    raise kind(text)

found = []
for kind, text in ((ValueError, "one"), (KeyError, "two")):
    try:
        bad(kind, text)
    except Exception as error:
        found.append(error)
try:
    raise ExceptionGroup("many", [*found, TypeError("bare")])
except ExceptionGroup as group:
    raise RuntimeError("outermost") from group
"""
FAULT = """
import faulthandler, os, signal
faulthandler.enable()
def crash():
    os.kill(os.getpid(), signal.SIGSEGV)
def main():
    crash()
main()
"""
RICH = """
import sys
from rich.traceback import install
install(width=100)
def predict(x):
    raise FileNotFoundError(2, "gone", x)
def main():
    try:
        predict("weights")
    except OSError as error:
        raise RuntimeError("cannot load") from error
main()
"""
MULTI = 'raise ValueError("first line\\nsecond line\\n  third line")\n'
RECURSION = "def f(n):\n    return f(n + 1) if n % 2 else f(n + 1) + 1\nf(0)\n"
CUSTOM = "class Busy(Exception):\n    pass\n\nraise Busy('please wait')\n"
SILENT = "class Quiet(Exception):\n    pass\n\nraise Quiet\n"

PYTHONS = [str(p) for v in ("3.10", "3.12", "3.13") for p in Path.home().glob(f".pyenv/versions/{v}.*/bin/python")][:3]


def test_plain(read: Read, python_says: Says) -> None:
    events = read("starting\n" + python_says(PLAIN) + "ready\n")
    [traceback] = events.tracebacks
    [link] = traceback.links
    assert (link.type, link.message, link.short_type) == ("KeyError", "'k'", "KeyError")
    assert [(x.line, x.function, x.text) for x in link.frames] == [
        (8, "<module>", "main()"), (6, "main", 'predict("k")'), (3, "predict", "return {}[x]"),
    ]
    assert all(x.own for x in link.frames)
    assert link.source.line == 2 and link.relation == "" and not traceback.truncated
    location = traceback.location
    assert location and (location.line, location.function) == (3, "predict")
    last = events.files[0].lines - 1
    assert link.last_line == last and traceback.covers(events.files[0].name, last)
    assert not traceback.covers(events.files[0].name, 1) and not traceback.covers("other", 3)


@pytest.mark.parametrize(("code", "relation", "types"), [
    (CAUSE, "cause", ["ConnectionError", "ValueError"]), (CONTEXT, "context", ["ConnectionError", "OSError"]),
])
def test_chains(read: Read, python_says: Says, code: str, relation: str, types: list[str]) -> None:
    [traceback] = read(python_says(code)).tracebacks
    assert [k.type for k in traceback.links] == types
    assert [k.relation for k in traceback.links] == [relation, ""]
    assert [k.message for k in traceback.links] == ["first", "second"]
    assert traceback.first.type == types[0] and traceback.last.type == types[1]
    assert traceback.first.frames[-1].function == "inner" and traceback.last.frames[-1].function == "outer"


def test_both_kinds_of_chain(read: Read, python_says: Says) -> None:
    [traceback] = read(python_says(DEEP)).tracebacks
    assert [(k.type, k.relation) for k in traceback.links] == [
        ("ModuleNotFoundError", "cause"), ("RuntimeError", "context"), ("ZeroDivisionError", ""),
    ]


@pytest.mark.parametrize("python", PYTHONS)
def test_other_interpreters(read: Read, python_says: Says, python: str) -> None:
    """Carets and anchors of 3.11 and later change the lines between the frames."""
    [traceback] = read(python_says(CAUSE, python)).tracebacks
    assert [(k.type, len(k.frames)) for k in traceback.links] == [("ConnectionError", 2), ("ValueError", 2)]
    assert traceback.first.frames[0].text == "inner()"


def test_syntax_error_of_the_script(read: Read, python_says: Says) -> None:
    [traceback] = read(python_says(SYNTAX)).tracebacks
    [link] = traceback.links
    assert link.type == "SyntaxError" and link.message and not traceback.truncated
    assert len(link.frames) == 1 and link.frames[0].function == "" and link.frames[0].own


def test_exception_group(read: Read, python_says: Says) -> None:
    [traceback] = read(python_says(GROUP)).tracebacks
    assert [k.type for k in traceback.links] == [
        "ValueError", "KeyError", "TypeError", "ExceptionGroup", "RuntimeError",
    ]
    one, two, bare, group, last = traceback.links
    assert (one.message, two.message, bare.message) == ("one", "'two'", "bare")
    assert [x.function for x in one.frames] == ["<module>", "bad"] and bare.frames == ()
    assert group.message.startswith("many") and group.relation == "cause" and one.relation == "cause"
    assert last.relation == "" and len(last.frames) == 1


def test_faulthandler(read: Read, python_says: Says) -> None:
    says = python_says(FAULT)
    assert "Fatal Python error: Segmentation fault" in says
    [traceback] = read(says).tracebacks
    assert (traceback.last.type, traceback.last.message) == ("Fatal Python error", "Segmentation fault")
    assert [x.function for x in traceback.last.frames] == ["<module>", "main", "crash"]  # outermost first
    location = traceback.location
    assert location and location.function == "crash"


def test_rich(read: Read, python_says: Says) -> None:
    says = python_says(RICH)
    assert "╭" in says
    [traceback] = read(says).tracebacks
    assert [(k.type, k.relation) for k in traceback.links] == [("FileNotFoundError", "cause"), ("RuntimeError", "")]
    first, last = traceback.links
    assert first.message.startswith("[Errno 2] gone") and last.message == "cannot load"
    assert first.frames[-1].function == "predict" and first.frames[-1].text.startswith("raise FileNotFoundError")
    assert [(x.line, x.text) for x in last.frames] == [
        (12, "main()"), (11, 'raise RuntimeError("cannot load") from error'),
    ]


@pytest.mark.parametrize("broken", ["{0}.py:12 in\n<module>", "{0}\n.py:12 in <module>"])
def test_rich_breaks_long_paths(read: Read, broken: str) -> None:
    parts = broken.format("/srv/" + "long/" * 12 + "app").split("\n")
    box = "".join(f"│ {part:76} │\n" for part in [*parts, "", "❱ 12 main()"])
    says = f"╭{'─' * 25} Traceback (most recent call last) {'─' * 18}╮\n{box}╰{'─' * 78}╯\nValueError: bad\n"
    [traceback] = read(says).tracebacks
    [frame] = traceback.last.frames
    assert (frame.line, frame.function, frame.text) == (12, "<module>", "main()")


def test_message_of_several_lines(read: Read, python_says: Says) -> None:
    [traceback] = read(python_says(MULTI) + "INFO:     Shutting down\n").tracebacks
    assert traceback.last.message == "first line\nsecond line\n  third line"


def test_endless_recursion_is_bounded(read: Read, python_says: Says) -> None:
    [traceback] = read(python_says(RECURSION)).tracebacks
    assert traceback.last.type == "RecursionError" and 2 <= len(traceback.last.frames) <= 100
    many = "Traceback (most recent call last):\n" + "".join(
        f'  File "/srv/a.py", line {n}, in f\n    f()\n' for n in range(1, 5001)
    ) + "RecursionError: too deep\n"
    [traceback] = read(many).tracebacks
    assert len(traceback.last.frames) == 100
    assert traceback.last.frames[0].line == 1 and traceback.last.frames[-1].line == 5000


@pytest.mark.parametrize(("code", "type_", "message"), [(CUSTOM, "Busy", "please wait"), (SILENT, "Quiet", "")])
def test_types_of_the_user(read: Read, python_says: Says, code: str, type_: str, message: str) -> None:
    [traceback] = read(python_says(code)).tracebacks
    assert (traceback.last.type, traceback.last.message) == (type_, message)


PREFIXES: dict[str, Callable[[int], str]] = {
    "compose": lambda _n: "web-1  | ",
    "journald": lambda n: f"Nov 22 13:{n % 60:02}:00 host python[4711]: ",
    "kubernetes": lambda n: f"2026-11-22T13:00:{n % 60:02}.123456789Z stderr F ",
    "kubectl": lambda _n: "[pod/app-7f/web] ",
    "dated": lambda n: f"2026-11-22 13:00:{n % 60:02},123 ",
    "loguru": lambda n: f"2026-11-22 13:00:{n % 60:02} | ERROR | stderr | ",
    "bracketed": lambda n: f"[2026-11-22 13:00:{n % 60:02}] ",
    "indented": lambda _n: "    ",
}


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("code", [PLAIN, CAUSE, DEEP, GROUP, FAULT, RICH, SYNTAX], ids=range(7))
def test_prefixed(read: Read, python_says: Says, prefix: str, code: str) -> None:
    """The same tracebacks behind what collectors put in front of every line."""
    says = python_says(code)
    [bare] = read(says).tracebacks
    lines = [PREFIXES[prefix](n) + line for n, line in enumerate(says.splitlines())]
    [found] = read("\n".join(lines) + "\n").tracebacks
    assert [(k.type, k.message, k.relation, k.frames) for k in found.links] == [
        (k.type, k.message, k.relation, k.frames) for k in bare.links
    ]


def test_in_json(read: Read, python_says: Says) -> None:
    """structlog and python-json-logger put the whole traceback into one line, docker one line into each."""
    says = python_says(CAUSE)
    line = json.dumps({"event": "failed", "level": "error", "timestamp": "2026-11-22T13:00:00Z", "exception": says})
    [found] = read("starting\n" + line + "\nnext\n").tracebacks
    assert [(k.type, len(k.frames)) for k in found.links] == [("ConnectionError", 2), ("ValueError", 2)]
    assert {k.source.line for k in found.links} == {2} and found.last.last_line == 2
    assert found.last.source.time == "2026-11-22T13:00:00+00:00"
    docker = "".join(
        json.dumps({"log": text + "\n", "stream": "stderr", "time": "2026-11-22T13:00:00.5Z"}) + "\n"
        for text in says.splitlines()
    )
    [found] = read(docker).tracebacks
    assert [(k.type, len(k.frames)) for k in found.links] == [("ConnectionError", 2), ("ValueError", 2)]
    assert found.first.source.line == 1


def test_interleaved_lines_are_skipped(read: Read, python_says: Says) -> None:
    noise = ['INFO:     127.0.0.1:1 - "GET / HTTP/1.1" 200 OK', " 45%|████▌     | 9/20", "Epoch: 3", "loaded weights"]
    lines, mixed, choose = python_says(CAUSE).splitlines(), [], random.Random(3)
    for line in lines:
        mixed.append(line)
        if line.startswith("    "):
            mixed.append(choose.choice(noise))
    [found] = read("\n".join(mixed) + "\n").tracebacks
    assert [(k.type, [x.function for x in k.frames]) for k in found.links] == [
        ("ConnectionError", ["outer", "inner"]), ("ValueError", ["<module>", "outer"]),
    ]


def test_cut_at_both_ends(read: Read, python_says: Says) -> None:
    lines = python_says(PLAIN).splitlines(keepends=True)
    [found] = read("".join(lines[2:])).tracebacks
    assert found.truncated and found.last.type == "KeyError" and len(found.last.frames) == 2
    [found] = read("".join(lines[:-1])).tracebacks
    assert found.truncated and found.last.type == "" and len(found.last.frames) == 3
    lines = python_says(CAUSE).splitlines(keepends=True)
    top = next(i for i, line in enumerate(lines) if line.startswith("ConnectionError"))
    [found] = read("".join(lines[top:])).tracebacks
    assert found.truncated
    assert [(k.type, len(k.frames)) for k in found.links] == [("ConnectionError", 0), ("ValueError", 2)]


def test_same_ones_are_folded_and_counted(read: Read, python_says: Says) -> None:
    one, two = python_says(PLAIN), python_says(CAUSE)
    events = read((one + "INFO:     between\n") * 7 + (two + "INFO:     between\n") * 3)
    assert [(t.last.type, t.count) for t in events.tracebacks] == [("KeyError", 7), ("ValueError", 3)]
    assert events.tracebacks[0].first.source.line == 1


def test_at_most_two_hundred_are_kept(read: Read) -> None:
    text = "".join(
        f'Traceback (most recent call last):\n  File "/srv/app.py", line {n}, in f\n    x\nValueError: no\n'
        for n in range(1, 1001)
    )
    kept = [t.last.frames[0].line for t in read(text).tracebacks]
    assert kept == [*range(1, 101), *range(901, 1001)]
