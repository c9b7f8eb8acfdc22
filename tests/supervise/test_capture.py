"""The captured output: complete while small, head and tail when large, and never in the app's way."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradio_doctor.supervise.app import SupervisedApp
from gradio_doctor.supervise.capture import Capture, keep


@pytest.fixture
def capture() -> Iterator[Capture]:
    made = Capture(lambda _: None, limit=40_000)
    yield made
    made.close()
    keep(str(made.path), wanted=False)
    assert not made.path.parent.exists()


def test_it_is_private(capture: Capture) -> None:
    assert stat.S_IMODE(capture.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(capture.path.stat().st_mode) == 0o600


def test_all_is_there_after_settling(capture: Capture) -> None:
    for i in range(50):
        os.write(capture.writer, f"line {i}\n".encode())
        capture.settle()
        assert capture.path.read_text().endswith(f"line {i}\n")


def test_a_large_output_keeps_head_and_tail(capture: Capture) -> None:
    writer = capture.take_writer()
    lines = [f"line number {i}\n" for i in range(100_000)]
    with os.fdopen(writer, "w") as pipe:
        pipe.writelines(lines)
    capture.close()
    kept = capture.path.read_text()
    assert len(kept) <= 40_000 + 200
    got = kept.splitlines(keepends=True)
    notice = [i for i, line in enumerate(got) if line.startswith("[gradio-doctor: about")]
    assert len(notice) == 1
    assert got[: notice[0]] == lines[: notice[0]] and notice[0] > 400
    after = got[notice[0] + 1 :]
    assert after == lines[-len(after) :] and len(after) > 400
    omitted = int(got[notice[0]].split()[2])
    total = sum(map(len, lines))
    assert omitted == pytest.approx(total - len(kept), rel=0.02)
    assert capture.lost == 0
    assert [p.name for p in capture.path.parent.iterdir()] == ["app.log"]


def test_one_endless_line(capture: Capture) -> None:
    with os.fdopen(capture.take_writer(), "wb") as pipe:
        pipe.write(b"x" * 1_000_000)
    capture.close()
    assert capture.path.stat().st_size <= 40_000 + 200


def test_what_arrives_is_shown_to_the_watcher() -> None:
    seen: list[bytes] = []
    capture = Capture(seen.append)
    os.write(capture.writer, b"hello\n")
    capture.close()
    assert b"".join(seen) == b"hello\n"
    keep(str(capture.path), wanted=False)


def test_a_full_disk_does_not_block_the_app() -> None:
    capture = Capture(lambda _: None)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, capture._file)
    os.close(full)
    started = time.monotonic()
    with os.fdopen(capture.take_writer(), "wb") as pipe:
        pipe.write(b"x" * 5_000_000)  # more than any pipe holds
    assert time.monotonic() - started < 60
    capture.close()
    assert capture.lost == 5_000_000
    keep(str(capture.path), wanted=False)


def test_closing_does_not_wait_for_who_holds_the_pipe(capture: Capture) -> None:
    holder = os.dup(capture.writer)
    started = time.monotonic()
    capture.close()
    capture.close()
    assert time.monotonic() - started < 30
    os.close(holder)


def test_an_app_that_prints_much_is_not_slowed(supervise: Callable[[str], SupervisedApp]) -> None:
    app = supervise("""
        import os
        for _ in range(300):
            os.write(1, b"x" * 65535 + b"\\n")
        print("done")
    """)
    run = app.start(30)
    assert (run.outcome, run.exit_code) == ("exited", 0)
    assert Path(run.output).read_bytes().endswith(b"x\ndone\n")
    assert Path(run.output).stat().st_size == 300 * 65536 + 5


def test_keep() -> None:
    capture = Capture(lambda _: None)
    capture.close()
    assert keep(str(capture.path), wanted=True) == str(capture.path)
    assert capture.path.exists()
    assert keep(str(capture.path), wanted=False) == ""
    assert not capture.path.parent.exists()
    assert keep(str(capture.path), wanted=False) == ""  # gone already


def test_keep_deletes_nothing_of_others(tmp_path: Path) -> None:
    mine = tmp_path / "app.log"
    mine.write_text("mine")
    assert keep(str(mine), wanted=False) == str(mine)
    target = tmp_path / "target"
    target.mkdir()
    (target / "app.log").write_text("mine")
    link = tmp_path / "gradio-doctor-x"
    link.symlink_to(target)
    assert keep(str(link / "app.log"), wanted=False) == str(link / "app.log")
    assert mine.read_text() == (target / "app.log").read_text() == "mine"


def test_a_reader_never_sees_less_than_the_head(capture: Capture) -> None:
    """Probes read the file while the app goes on writing and the file is shortened."""
    with os.fdopen(capture.take_writer(), "w", buffering=1) as pipe:
        print("* Running on local URL:  http://127.0.0.1:7860", file=pipe)
        capture.settle()
        for i in range(3000):
            print(f"{i} {'x' * 60}", file=pipe)
            if i % 50 == 0:
                seen = capture.path.read_text()
                assert seen.startswith("* Running on local URL")
                assert len(seen) < 41_000 + 65_536  # what a pipe holds may come at once, before it is shortened
    capture.close()
    assert capture.path.read_text().splitlines()[-1].startswith("2999 ")


def test_two_captures_have_two_directories() -> None:
    captures = [Capture(lambda _: None) for _ in range(2)]
    assert captures[0].path.parent != captures[1].path.parent
    for capture in captures:
        capture.close()
        keep(str(capture.path), wanted=False)


def test_no_descriptor_is_left() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(5):
        capture = Capture(lambda _: None, limit=1000)
        os.write(capture.writer, b"x\n" * 2000)
        capture.close()
        keep(str(capture.path), wanted=False)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
