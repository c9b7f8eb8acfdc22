"""Tracebacks as other programs than Python print them: fixtures/tracebacks holds what they really printed.

All of them tell of the same failure in /srv/demo: a KeyError in inner() that outer() raises a ValueError from.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gradio_doctor.evidence import ExceptionLink, LogEvents, Traceback
from gradio_doctor.logs.links import Link, Parsed
from gradio_doctor.logs.prefixes import peel
from gradio_doctor.logs.records import unwrap
from gradio_doctor.logs.stacks import stack_text
from gradio_doctor.logs.tracebacks import TracebackParser
from tests.conftest import ROOT

Read = Callable[..., LogEvents]
PRINTED = ROOT / "fixtures" / "tracebacks"
FRAMES = [("helper_mod.py", 6, "outer"), ("helper_mod.py", 3, "inner")]


def printed(name: str) -> str:
    return (PRINTED / f"{name}.log").read_text(encoding="utf-8")


def frames(link: Link | ExceptionLink) -> list[tuple[str, int, str]]:
    return [(x.file.rpartition("/")[2], x.line, x.function) for x in link.frames]


def assert_the_failure(traceback: Traceback, last: int = 1) -> None:
    """KeyError in inner(), then ValueError in outer(); `last` is the place of the latter in the chain."""
    first, second = traceback.links[0], traceback.links[last]
    assert (first.type, first.message, first.relation) == ("KeyError", "'k'", "cause")
    assert (second.type, second.message) == ("ValueError", "second")
    assert frames(first) == FRAMES and frames(second)[-1] == ("helper_mod.py", 8, "outer")
    assert not traceback.truncated


@pytest.mark.parametrize("name", [
    "structlog_json", "structlog_kv", "structlog_logfmt", "structlog_console", "structlog_consoleplain", "pjl",
    "loguru_json", "loguru_diag", "loguru_color", "rich40", "rich60", "richlogging100", "misc_tqdmerr",
])
def test_one_chain(read: Read, name: str) -> None:
    [traceback] = read(printed(name)).tracebacks
    assert_the_failure(traceback)
    assert [k.relation for k in traceback.links] == ["cause", ""]


@pytest.mark.parametrize("name", ["structlog_json", "structlog_kv", "structlog_logfmt", "pjl", "loguru_json"])
def test_on_one_line(read: Read, name: str) -> None:
    """The second of three lines holds all of it; it has a time."""
    [traceback] = read(printed(name)).tracebacks
    assert {(k.source.line, k.last_line) for k in traceback.links} == {(2, 2)}
    assert (traceback.first.source.time or "").startswith("2026-11-22T16:5")


@pytest.mark.parametrize("name", ["structlog_json", "pjl", "loguru_json", "structlog_logfmt"])
def test_cut_off_lines(read: Read, name: str) -> None:
    """Collectors cut long lines: what is left of the JSON is none, and the start of the traceback is read anyway."""
    line = printed(name).splitlines()[1]
    place = line.index("raise ValueError")
    [traceback] = read(line[:place] + "\n").tracebacks
    assert traceback.first.type == "KeyError" and frames(traceback.first) == FRAMES
    assert traceback.truncated


def test_colours_and_both_kinds_of_chain(read: Read) -> None:
    """Python 3.13 with FORCE_COLOR."""
    text = printed("col_ctx")
    assert "\x1b[35m" in text
    [traceback] = read(text).tracebacks
    assert_the_failure(traceback)
    assert [(k.type, k.relation) for k in traceback.links[1:]] == [("ValueError", "context"), ("RuntimeError", "")]
    assert traceback.last.message == "while handling" and traceback.last.frames[0].text.startswith("except Exception:")


def test_threads_whose_headings_are_mixed(read: Read) -> None:
    [traceback] = read(printed("misc_thread")).tracebacks
    assert traceback.count == 3
    assert_the_failure(traceback)


def test_a_worker_of_a_pool(read: Read) -> None:
    """concurrent.futures puts the worker's own traceback in quotes, and it is the cause."""
    [traceback] = read(printed("misc_mp")).tracebacks
    assert_the_failure(traceback)
    assert [(k.type, k.message) for k in traceback.links[1:]] == [("ValueError", "second")] * 2
    assert frames(traceback.last)[-1] == ("_base.py", 401, "__get_result")


def test_repeated_lines(read: Read) -> None:
    text = printed("misc_recchain")
    assert "[Previous line repeated " in text
    [traceback] = read(text).tracebacks
    assert [(k.type, k.message) for k in traceback.links] == [
        ("RecursionError", "maximum recursion depth exceeded"), ("RuntimeError", "too deep"),
    ]
    assert len(traceback.first.frames) == 4


def test_notes(read: Read) -> None:
    [traceback] = read(printed("misc_note")).tracebacks
    assert traceback.last.message == "second\nfirst note\nsecond: note"


@pytest.mark.parametrize("name", ["rich60", "col_ctx", "misc_thread", "structlog_console"])
@pytest.mark.parametrize("prefix", [
    "web-1  | ", "2026-11-22T13:00:00.123456789Z stderr F ", "Nov 22 13:00:00 host docker[7]: ", "stderr | ",
])
def test_behind_prefixes(read: Read, name: str, prefix: str) -> None:
    text = "".join(f"{prefix}{line}\n" for line in printed(name).splitlines())
    [traceback] = read(text).tracebacks
    assert [k.type for k in traceback.links[:2]] == ["KeyError", "ValueError"]
    assert frames(traceback.first) == FRAMES


def test_in_dockers_json(read: Read) -> None:
    """json-file around structlog's JSON: two layers."""
    text = "".join(
        json.dumps({"log": line + "\n", "stream": "stdout", "time": "2026-11-22T16:50:39.5Z"}) + "\n"
        for line in printed("structlog_json").splitlines()
    )
    [traceback] = read(text).tracebacks
    assert_the_failure(traceback)


# -- read line by line, without the search for their beginning


def parsed(texts: list[str]) -> list[Parsed]:
    found: list[Parsed] = []
    parser = TracebackParser(found.append)
    parser.begin(1, None)
    for number, text in enumerate(texts, 1):
        if not parser.active or not parser.feed(number, text, peel(text)):
            break
    parser.close(cut=True)
    return found


def test_richs_log_handler_at_eighty_columns() -> None:
    """Its box has 31 columns: the title is cut, paths and the sentence of the chain are broken."""
    lines = printed("richlogging80").splitlines()
    start = next(n for n, line in enumerate(lines) if "─ Traceback (most" in line)
    assert "call last" not in lines[start]
    [found] = parsed(lines[start:])
    first, last = found.links
    assert (first.type, first.message, first.relation) == ("KeyError", "'k'", "cause")
    assert frames(first) == FRAMES
    assert (last.type, last.message) == ("ValueError", "second")
    assert frames(last) == [("rich_logging.py", 7, "<module>"), ("helper_mod.py", 8, "outer")]


def test_structlogs_list_of_exceptions() -> None:
    record = unwrap(printed("structlog_dict").splitlines()[1])
    assert record.level == "ERROR" and record.trace == "r1" and record.contents[0] == "predict failed"
    [found] = parsed([text for text, _ in record.lines[1:]])
    assert [(k.type, k.message, k.relation) for k in found.links] == [
        ("KeyError", "'k'", "cause"), ("ValueError", "second", ""),
    ]
    assert frames(found.links[0]) == FRAMES


RICH = """
import runpy, sys
from rich.console import Console
from rich.traceback import Traceback
for case in sys.argv[1:]:
    width, path = case.split(":")
    try:
        runpy.run_path(path)
    except KeyError:
        Console(width=int(width), file=sys.stdout).print(Traceback(width=int(width)))
    print("INFO:     next")
"""
LONG_NAME = "a_function_with_a_rather_long_name"
# The border breaks a path, a number, the word "in" or a name, wherever the widths and the lengths let it.
DRAWN = [
    *((width, "some/longer/path/the_app_of_somebody.py", LONG_NAME) for width in range(40, 121, 3)),
    *((40, "d" * length + "/app.py", LONG_NAME) for length in range(1, 39)),
    *((41, "e" * length + "/app.py", "f" * 30 + end) for length in range(1, 39, 4) for end in ("in", "20", "_in_1")),
]


def test_rich_at_every_width(read: Read, tmp_path: Path) -> None:
    """The folder's own length differs from run to run; the lengths go round the box whatever it is."""
    cases = []
    for number, (width, name, function) in enumerate(DRAWN):
        path = tmp_path / str(number % 10) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path = path.with_stem(f"{path.stem}_{number:03}")
        path.write_text(f"def {function}(x):\n    return {{}}[x]\n{function}('k')\n")
        cases.append(f"{width}:{path}")
    done = subprocess.run([sys.executable, "-c", RICH, *cases], capture_output=True, timeout=60, check=True)
    texts = done.stdout.decode().split("INFO:     next\n")
    assert len(texts) == len(DRAWN) + 1 and all("─ Traceback (most" in text for text in texts[:-1])
    for (_, _, function), case, text in zip(DRAWN, cases, texts, strict=False):
        [traceback] = read(text).tracebacks
        file = case.partition(":")[2]
        seen = [(x.file, x.line, x.function) for x in traceback.last.frames[-2:]]
        assert (traceback.last.type, seen) == ("KeyError", [(file, 3, "<module>"), (file, 2, function)]), text


# -- what only looks like one


@pytest.mark.parametrize("value", [
    None, 7, [], [1, None], {"exc_type": "x"}, [{"exc_type": None, "frames": 7}], [{"frames": [None, 7]}],
    [{"exc_type": "E", "frames": [None, {"lineno": "x"}]}], [["a"]], "one line",
])
def test_no_stacks(value: object) -> None:
    text = stack_text(value)
    assert isinstance(text, str)
    assert unwrap(json.dumps({"event": "x", "exception": value})).contents[0] == "x"


def test_stacks_as_lists_of_lines() -> None:
    lines = ["Traceback (most recent call last):\n", '  File "/a.py", line 1, in f\n    g()\n', "ValueError: no\n"]
    [found] = parsed(stack_text(lines).split("\n"))
    [link] = found.links
    assert (link.type, link.message, frames(link)) == ("ValueError", "no", [("a.py", 1, "f")])


@pytest.mark.parametrize("fields", [
    {"error": {"type": "E", "stack_trace": 1}}, {"error": {"stack_trace": 1}}, {"exception.stacktrace": 1},
    {"jsonPayload": {"message": "m", "exc_info": 1}}, {"attributes": {"exception.stacktrace": 1}},
])
def test_fields_of_other_collectors(fields: dict[str, object]) -> None:
    """Elastic's common schema, OpenTelemetry, Google Cloud: the traceback lies in an object of its own."""
    stack = 'Traceback (most recent call last):\n  File "/a.py", line 1, in f\n    g()\nValueError: no'
    text = json.dumps({"time": "2026-11-22T10:00:00Z", **fields}).replace(": 1}", f": {json.dumps(stack)}}}")
    assert unwrap(text).contents[-4:] == tuple(stack.split("\n"))


def test_an_escaped_traceback_keeps_what_stands_before_it() -> None:
    record = unwrap(printed("structlog_logfmt").splitlines()[1])
    assert record.embedded and "predict failed" in record.contents[0]
    assert record.contents[1] == "Traceback (most recent call last):"
    assert record.contents[2] == '  File "/srv/demo/helper_mod.py", line 6, in outer'
    assert record.contents[-1] == "ValueError: second"


def test_windows_paths_in_escaped_tracebacks() -> None:
    line = r'level=error exception="Traceback (most recent call last):\n  File \"C:\\Users\\me\\new\\app.py\", line 3"'
    assert unwrap(line).contents[2] == '  File "C:\\Users\\me\\new\\app.py", line 3'
