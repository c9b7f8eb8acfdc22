"""Several logs and several parts of one log give what one pass over them would."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gradio_doctor.evidence import LogEvents
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs import Limits, LogInput, read, read_logs, shards
from gradio_doctor.logs.merge import events
from gradio_doctor.logs.rules import RuleSet
from gradio_doctor.logs.shards import parts, scan_parts

Read = Callable[..., LogEvents]
TRACEBACK = (
    'Traceback (most recent call last):\n  File "/srv/app.py", line {line}, in f\n    x()\n'
    "RuntimeError: boom happened in code\n\n"
    "During handling of the above exception, another exception occurred:\n\n"
    'Traceback (most recent call last):\n  File "/srv/app.py", line 9, in g\n    y()\nValueError: no\n'
)


def write(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_logs_in_the_order_of_time(tmp_path: Path, signatures: tuple[Signature, ...]) -> None:
    later = write(tmp_path, "app.log", "2026-11-22 10:00:00 boom happened in app\n2026-11-22 10:00:09 Killed\n")
    earlier = write(tmp_path, "app.log.1", "2026-11-21 10:00:00 x\n2026-11-22 10:00:05 boom happened in old\n")
    found = read_logs([later, earlier], signatures)
    assert [f.name for f in found.files] == [earlier, later]
    boom = found.get("app.boom")
    assert boom and boom.count == 2 and boom.source.name == later and boom.captures == {"place": "app"}
    assert boom.last and (boom.last.name, boom.last.line) == (earlier, 2)
    assert [m.signature for m in found.matches] == ["app.boom", "memory.killed"]
    assert found.head[0].startswith("2026-11-21") and found.tail[-1].endswith("Killed")


def test_logs_without_times_keep_their_order(tmp_path: Path, signatures: tuple[Signature, ...]) -> None:
    names = [write(tmp_path, n, f"boom happened in {n}\n") for n in ("b", "a")]
    found = read_logs([LogInput(n, name=Path(n).name) for n in names], signatures)
    assert [f.name for f in found.files] == ["b", "a"] and found.matches[0].source.name == "b"


def test_since_and_until(read: Read) -> None:
    text = "".join(
        f"2026-11-22 {hour:02}:00:00,5 INFO start\nboom happened in hour{hour}\n" + TRACEBACK.format(line=hour)
        for hour in range(24)
    )
    found = read(text, limits=Limits(since="2026-11-22T10:00:00", until="2026-11-22T12:30:00"))
    boom = found.get("app.boom")
    assert boom and boom.captures == {"place": "hour10"} and boom.count == 6
    assert [t.first.frames[0].line for t in found.tracebacks] == [10, 11, 12]
    with pytest.raises(ValueError, match="noon"):
        read(text, limits=Limits(since="noon"))


def test_times_of_undated_lines_are_those_above(read: Read) -> None:
    found = read("2026-11-22 10:00:00 INFO start\nmore\nboom happened in here\n").get("app.boom")
    assert found and found.source.time == "2026-11-22T10:00:00"


@pytest.mark.parametrize(("text", "version"), [
    ("IMPORTANT: You are using gradio version 4.44.0, however version 4.44.1 is available", "4.44.0"),
    ("fastapi==0.1\ngradio==5.49.1\ngradio_client==1.0", "5.49.1"),
    ("Successfully installed gradio-6.31.0 gradio-client-2.7.2", "6.31.0"),
    ("/x/site-packages/gradio-3.50.2.dist-info/METADATA", "3.50.2"),
    ("gradio-client-2.7.2", ""), ("using gradio version x", ""), ("nothing", ""),
])
def test_version_of_gradio(read: Read, text: str, version: str) -> None:
    assert read(text + "\n").gradio_version == version


def test_head_tail_and_layers(read: Read) -> None:
    lines = [f"line {n}" for n in range(500)]
    lines[3] = (
        "2026/11/22 10:00:00 [error] 28#28: *2 connect() failed (111: Connection refused) while connecting to upstream"
    )
    lines[250] = "Nov 22 10:00:00 h kernel: [1.0] Out of memory: Killed process 7 (python)"
    found = read("\n".join(lines))
    assert found.head[:3] == ("line 0", "line 1", "line 2") and len(found.head) == 40
    assert found.tail == tuple(lines[-40:]) and found.files[0].layers == ("proxy", "kernel")
    assert found.files[0].lines == 500


HITS = ("Killed", "boom happened in text", "2026-11-22 10:00:00 disk is full", "Killed?")


def big(seed: int, lines: int) -> str:
    choose = random.Random(seed)
    made: list[str] = []
    while len(made) < lines:
        roll = choose.random()
        if roll < 0.01:
            made += TRACEBACK.format(line=choose.randint(1, 6)).splitlines()
        elif roll < 0.03:
            made.append(choose.choice(HITS))
        else:
            made.append(f"INFO:     127.0.0.1:{choose.randint(1, 60_000)} - GET / 200 OK")
    return "\n".join(made) + "\n"


def comparable(found: LogEvents) -> LogEvents:
    """Without what the parts cannot know: the layers are counted from more samples."""
    files = tuple(replace(f, layers=()) for f in found.files)
    return replace(found, files=files)


@pytest.mark.parametrize("seed", range(6))
def test_parts_give_what_one_pass_gives(
    tmp_path: Path, signatures: tuple[Signature, ...], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    path = write(tmp_path, "big.log", big(seed, 3_000))
    whole = read_logs([path], signatures)
    monkeypatch.setattr(read, "LARGE", 1)
    monkeypatch.setattr(shards, "_LEAST", 20_000 + seed)
    monkeypatch.setattr(shards, "_processors", lambda: 4)
    assert len(parts(path, Path(path).stat().st_size)) == 4
    assert comparable(read_logs([path], signatures)) == comparable(whole)


@pytest.mark.parametrize("cut_at", range(40, 56))
def test_a_cut_inside_a_traceback(tmp_path: Path, signatures: tuple[Signature, ...], cut_at: int) -> None:
    text = "ok\n" * 40 + TRACEBACK.format(line=1) + "ok\n" * 40 + TRACEBACK.format(line=2)
    path = write(tmp_path, "log", text)
    cut = len("".join(text.splitlines(keepends=True)[:cut_at]))
    rules, size = RuleSet(signatures), len(text)
    scan = scan_parts(path, path, [(0, cut), (cut, size)], rules, Limits())
    found, whole = events([scan], signatures), read_logs([path], signatures)
    assert found.tracebacks == whole.tracebacks
    assert [(m.signature, m.count, m.source, m.tracebacks) for m in found.matches] == [
        (m.signature, m.count, m.source, m.tracebacks) for m in whole.matches
    ]


def test_parts_where_there_are_threads(tmp_path: Path, signatures: tuple[Signature, ...]) -> None:
    """Forking is not safe then: the processes are spawned, and the answer is the same."""
    path = write(tmp_path, "big.log", big(1, 2_000))
    size, stop = Path(path).stat().st_size, threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert shards._start_method() == "spawn"
        cut = Path(path).read_bytes().index(b"\n", size // 2) + 1
        scan = scan_parts(path, path, [(0, cut), (cut, size)], RuleSet(signatures), Limits())
    finally:
        stop.set()
        thread.join()
    assert comparable(events([scan], signatures)) == comparable(read_logs([path], signatures))


def test_a_part_whose_process_dies_is_scanned_here(
    tmp_path: Path, signatures: tuple[Signature, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "log", "Killed\n" * 100)
    monkeypatch.setattr(shards, "_start_method", lambda: "fork")  # so that the stand-in reaches the process
    monkeypatch.setattr(shards, "_work", lambda *arguments: arguments[0].close())
    scan = scan_parts(path, path, [(0, 350), (350, 700)], RuleSet(signatures), Limits())
    assert scan.lines == 100 and sum(t.count for t in scan.tallies.values()) == 100


def test_one_endless_line_is_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_LEAST", 1 << 20)
    monkeypatch.setattr(shards, "_SEARCH", 1 << 16)
    path = write(tmp_path, "log", "x" * (4 << 20))
    assert parts(path, 4 << 20) == [(0, 4 << 20)]
