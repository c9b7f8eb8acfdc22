"""What stacks are read from is not trusted: whatever it is, it is either read or refused, and bounded."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.probes.stacks_parse import RawFrame, parse_dump
from gradio_doctor.probes.stacks_pyspy import Refused
from gradio_doctor.probes.stacks_remote import parse_text, remote_dump
from gradio_doctor.probes.stacks_source import Sources, absolute
from gradio_doctor.probes.threads_calls import parse_call
from gradio_doctor.probes.threads_read import look, thread_ids

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["pid", "os_thread_id", "frames", "name", "filename", "line", "owns_gil", "thread_name"]),
        inner, max_size=8),
    max_leaves=40,
)


def thread(tid: int = 7, pid: int = 5, frames: int = 1, **more: Any) -> dict[str, Any]:
    made = [{"name": f"f{n}", "filename": "/a.py", "line": n} for n in range(frames)]
    return {"pid": pid, "os_thread_id": tid, "thread_name": "MainThread", "frames": made, **more}


def test_a_dump_is_read() -> None:
    (found,) = parse_dump(json.dumps([thread(frames=2, owns_gil=True)]).encode(), 5)
    assert found.frames == (RawFrame("f0", "/a.py", 0), RawFrame("f1", "/a.py", 1))
    assert (found.tid, found.name, found.holds_gil, found.cut) == (7, "MainThread", True, False)


def test_threads_of_other_processes_are_left_out() -> None:
    assert [t.tid for t in parse_dump(json.dumps([thread(1, pid=4), thread(2)]).encode(), 5)] == [2]
    with pytest.raises(ValueError, match="no thread"):
        parse_dump(json.dumps([thread(1, pid=4)]).encode(), 5)


def test_a_deep_recursion_keeps_both_ends() -> None:
    (found,) = parse_dump(json.dumps([thread(frames=5000)]).encode(), 5)
    assert found.cut and len(found.frames) == 144
    assert found.frames[0].function == "f0" and found.frames[-1].function == "f4999"


def test_many_threads_and_long_names_are_bounded() -> None:
    many = [thread(n + 1, thread_name="n" * 9999) for n in range(3000)]
    found = parse_dump(json.dumps(many).encode(), 5)
    assert len(found) == 512 and max(len(t.name) for t in found) <= 200


@pytest.mark.parametrize(("field", "value"), [
    ("line", -1), ("line", 1e300), ("line", True), ("line", "7"), ("filename", None), ("filename", ["x"]),
])
def test_odd_fields_of_a_frame_do_no_harm(field: str, value: object) -> None:
    frame = {"name": "f", "filename": "/a.py", "line": 3, field: value}
    (found,) = parse_dump(json.dumps([thread() | {"frames": [frame, {"name": 3}, 4]}]).encode(), 5)
    assert found.frames == (RawFrame("f", "" if field == "filename" else "/a.py", 0 if field == "line" else 3),)


def test_text_that_drives_a_terminal_is_cleaned() -> None:
    frame = {"name": "\x1b[31mred\x07", "filename": "/a\n\u202eb.py", "line": 1}
    (found,) = parse_dump(json.dumps([thread() | {"frames": [frame]}]).encode(), 5)
    assert found.frames[0].function == "red" and "\u202e" not in found.frames[0].file


@settings(max_examples=150, deadline=None)
@given(JUNK)
def test_any_json_is_read_or_refused(value: object) -> None:
    try:
        found = parse_dump(json.dumps(value).encode(), 5)
    except ValueError:
        return
    assert all(isinstance(t.tid, int) and t.tid > 0 for t in found)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="output"):
        parse_dump(data, 5)


REMOTE = textwrap.dedent('''\
    Stack dump for PID 9671, thread 9689 (idle; most recent call last):
      File "usr/lib/python3.15/threading.py", line 1181, in Thread._bootstrap
        self._bootstrap_inner()
      File "srv/app.py", line 17, in predict
        lock.acquire()

    Stack dump, thread 9687 (has GIL, on CPU; most recent call last):
      File "<frozen runpy>", line 198, in _run_module_as_main
    ''')


def test_the_interpreters_own_dump_is_read_innermost_first() -> None:
    first, second = parse_text(REMOTE)
    assert first.tid == 9689 and not first.holds_gil and second.holds_gil
    assert first.frames[0] == RawFrame("predict", "/srv/app.py", 17)
    assert first.frames[1].function == "Thread._bootstrap" and second.frames[0].file == "<frozen runpy>"


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from('Stack dump, thread 12 (gil):\n  File "a", line 3, in f'), max_size=300))
def test_any_text_of_it_is_read(text: str) -> None:
    assert all(t.tid >= 0 for t in parse_text(text + REMOTE))


def test_an_older_interpreter_is_not_run() -> None:
    import os

    with pytest.raises(Refused, match="does not know the Python"):
        remote_dump(os.getpid(), 1.0)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120) | st.from_regex(r"\d{1,6}( 0x[0-9a-f]{1,20}){0,9}", fullmatch=True))
def test_any_system_call_line_is_read(text: str) -> None:
    found = parse_call(text, "x86_64")
    assert found is None or (found.number >= 0 and len(found.arguments) == 6)


@pytest.mark.parametrize(("machine", "line", "name"), [
    ("x86_64", "202 0x7f00 0x189 0x0 0x0 0x0 0xffffffff 0x1 0x2", "futex"),
    ("aarch64", "98 0x7f00 0x189 0x0 0x0 0x0 0xffffffff 0x1 0x2", "futex"),
    ("aarch64", "22 0x3 0x0 0x0 0x0 0x0 0x0 0x1 0x2", "epoll_pwait"),
    ("riscv64", "98 0x7f00 0x189 0x0 0x0 0x0 0xffffffff 0x1 0x2", ""),
])
def test_system_calls_by_machine(machine: str, line: str, name: str) -> None:
    found = parse_call(line, machine)
    assert found is not None and found.name == name


@pytest.mark.parametrize("text", ["running", "-1 0x7f 0x8", "", "x 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8"])
def test_threads_in_no_system_call(text: str) -> None:
    assert parse_call(text) is None


def test_a_made_up_proc_is_read_or_left_out(tmp_path: Path) -> None:
    """Fields missing, of the wrong kind, and a name made to confuse."""
    base = tmp_path / "5" / "task" / "6"
    base.mkdir(parents=True)
    assert thread_ids(5, 10, str(tmp_path)) == [6] and look(5, 6, 0.0, str(tmp_path)) is None
    (base / "status").write_text("Name:\tx) R 1\nState:\tS (sleeping)\nvoluntary_ctxt_switches:\tmany\n")
    (base / "stat").write_text("6 (x) R 1) S " + " ".join(str(n) for n in range(4, 52)))
    found = look(5, 6, 0.0, str(tmp_path))
    assert found is not None and (found.state, found.voluntary, found.call) == ("S", 0, None) and found.cpu > 0
    (base / "schedstat").write_text("2500000000 500000000 3\n")
    again = look(5, 6, 0.0, str(tmp_path))
    assert again is not None and (again.cpu, again.delay) == (2.5, 0.5)
    (base / "status").write_text("State:\tZ (zombie)\n")
    assert look(5, 6, 0.0, str(tmp_path)) is None


@pytest.mark.parametrize(("line", "text", "inside"), [
    (1, "with A, B as b:", ()), (2, "with self.lock:", ("A", "B")), (3, "f()", ("A", "B", "self.lock")),
    (4, "with C: g()", ("A", "B")), (5, "h()", ()), (99, "", ()), (0, "", ()),
])
def test_the_blocks_around_a_line(tmp_path: Path, line: int, text: str, inside: tuple[str, ...]) -> None:
    file = tmp_path / "a.py"
    file.write_text("with A, B as b:\n    with self.lock:\n        f()\n    with C: g()\nh()\n")
    assert Sources().line(str(file), line) == (text, inside)


def test_files_that_are_no_source(tmp_path: Path) -> None:
    import os

    (tmp_path / "broken.py").write_text("def (:\npassword = 'hunter2hunter2'\n")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "big.py").write_bytes(b"x = 1\n" * 300_000)
    (tmp_path / "deep.py").write_text("(" * 5000)
    sources = Sources()
    assert sources.line(str(tmp_path / "broken.py"), 1) == ("def (:", ())
    assert "hunter2" not in sources.line(str(tmp_path / "broken.py"), 2)[0]
    for name in ("pipe.py", "big.py", "none.py", "\0.py"):
        assert sources.line(str(tmp_path / name), 1) == ("", ())
    assert sources.line("relative.py", 1) == sources.line("<string>", 1) == ("", ())
    assert len(sources.line(str(tmp_path / "deep.py"), 1)[0]) <= 200
    assert absolute("app.py", "/srv") == "/srv/app.py" and absolute("<string>", "/srv") == "<string>"
    assert absolute("/x/app.py", "/srv") == "/x/app.py"
