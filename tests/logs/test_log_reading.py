"""Where logs come from: files, compressed files, pipes; and what cannot be read says so in one line."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import LogEvents
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs import Limits, LogError, LogInput, read_logs
from gradio_doctor.logs import compressed as compressed_module
from gradio_doctor.logs.compressed import Decompressed, kind_of, zstd_module
from gradio_doctor.logs.reading import open_log

Read = Callable[..., LogEvents]
zstd = zstd_module()
TEXT = b"".join(b"line %d of the log\n" % n for n in range(30_000)) + b"boom happened in file\n"
ROOT = Path(__file__).parents[2]


def in_two(data: bytes) -> bytes:
    return gzip.compress(data[:1000]) + gzip.compress(data[1000:])


def zst(data: bytes) -> bytes:
    return bytes(zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}))  # as the program does


def zst_in_two(data: bytes) -> bytes:
    return zst(data[:1000]) + zst(data[1000:])


@pytest.mark.parametrize("squeeze", [gzip.compress, lzma.compress, in_two, zst, zst_in_two])
def test_compressed(read: Read, squeeze: Callable[[bytes], bytes]) -> None:
    """The contents decide, not the name."""
    found = read(squeeze(TEXT), name="app.log")
    boom = found.get("app.boom")
    assert boom and boom.source.line == 30_001 and found.files[0].truncated == ""
    assert (found.files[0].lines, found.files[0].bytes) == (30_001, len(TEXT))


def test_compressed_utf16(read: Read) -> None:
    boom = read(gzip.compress("x\nboom happened in wide\n".encode("utf-16"))).get("app.boom")
    assert boom and boom.source.line == 2


def test_zst_as_its_format_has_it(read: Read) -> None:
    frame = bytes.fromhex("28b52ffd2016b10000") + b"boom happened in file\n"  # one raw block
    found = read(frame).get("app.boom")
    assert found and found.source.line == 1


def test_zst_with_skippable_frames(read: Read) -> None:
    """pzstd and the seekable format put frames without text in front, between and behind."""
    skip = bytes.fromhex("502a4d18") + (5).to_bytes(4, "little") + b"index"
    found = read(skip + zst(TEXT[:5000]) + skip + zst(TEXT[5000:]) + skip)
    boom = found.get("app.boom")
    assert boom and boom.source.line == 30_001 and found.files[0].truncated == ""


def test_zst_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression", "compression.zstd", "backports", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / "app.log.zst"
    path.write_bytes(bytes.fromhex("28b52ffd2016b10000") + b"boom happened in file\n")
    with pytest.raises(LogError, match=r"log\.zst: reading \.zst needs Python 3\.14 or backports\.zstd; or: zstd -dc"):
        read_logs([str(path)], [])


def test_zst_with_a_window_that_takes_too_much_memory(read: Read) -> None:
    """What `zstd --ultra --long=31` writes needs 2 GB to be read: refused, as zstd itself does."""
    options = {zstd.CompressionParameter.window_log: 31, zstd.CompressionParameter.enable_long_distance_matching: 1}
    squeezer = zstd.ZstdCompressor(options=options)
    data = squeezer.compress(b"boom happened in file\n" * 1000, squeezer.FLUSH_BLOCK) + squeezer.flush()
    [file] = read(data).files
    assert "compressed data is damaged" in file.truncated and file.bytes == 0


@pytest.mark.parametrize("squeeze", [gzip.compress, lzma.compress, zst])
@pytest.mark.parametrize("damage", ["cut", "flip", "tail"])
def test_damaged(read: Read, squeeze: Callable[[bytes], bytes], damage: str) -> None:
    data = bytearray(squeeze(b"boom happened in start\n" + os.urandom(200_000).hex().encode() + b"\n"))
    if damage == "cut":
        del data[len(data) * 2 // 3:]
    elif damage == "flip":
        data[len(data) // 2] ^= 0xFF
        data[len(data) // 2 + 1] ^= 0xFF
    else:
        data += b"no compressed data"
    found = read(bytes(data))
    assert "compressed data" in found.files[0].truncated
    boom = found.get("app.boom")
    assert boom or damage == "flip"


def bomb(megabytes: int) -> bytes:
    squeezer = zlib.compressobj(9, wbits=31)
    piece = bytes(1 << 20)
    return b"".join(squeezer.compress(piece) for _ in range(megabytes)) + squeezer.flush()


def zst_bomb(megabytes: int) -> bytes:
    return zst(bytes(megabytes << 20))  # 64 MB in 2 KB


@pytest.mark.parametrize("make", [bomb, zst_bomb])
def test_bombs_are_bounded(
    tmp_path: Path, signatures: tuple[Signature, ...], monkeypatch: pytest.MonkeyPatch, make: Callable[[int], bytes]
) -> None:
    monkeypatch.setattr(compressed_module, "RATIO_FROM", 8 << 20)
    path = tmp_path / "bomb.log"
    path.write_bytes(make(64))
    [file] = read_logs([str(path)], signatures).files
    assert "grew to 300 times" in file.truncated and file.bytes < 10 << 20
    [file] = read_logs([str(path)], signatures, Limits(max_bytes=1 << 20)).files
    assert "more than 1,048,576 bytes" in file.truncated and file.bytes <= 1 << 20


def test_plain_files_are_bounded_too(tmp_path: Path, signatures: tuple[Signature, ...]) -> None:
    path = tmp_path / "big.log"
    path.write_bytes(TEXT)
    [file] = read_logs([str(path)], signatures, Limits(max_bytes=10_000)).files
    assert file.bytes == 10_000 and "first 10,000 bytes" in file.truncated


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(sorted(compressed_module._MAGIC)), st.integers(1, 64))
def test_damaged_streams_end(data: bytes, magic: bytes, size: int) -> None:
    kind = kind_of(magic + data)
    assert kind
    stream, total = Decompressed(io.BytesIO(magic + data), kind, 1 << 20), 0
    while piece := stream.read(size):
        total += len(piece)
        assert len(piece) <= size
    assert stream.problem and total <= 1 << 20


@pytest.mark.parametrize(("make", "says"), [
    (lambda p: p, "cannot be read: No such file"),
    (lambda p: p.mkdir(), "is a directory"),
    (lambda p: os.mkfifo(p), "not a regular file"),
    (lambda p: p.symlink_to("/dev/zero"), "not a regular file"),
    (lambda p: p.symlink_to(p), "cannot be read"),
])
def test_unreadable(
    tmp_path: Path, signatures: tuple[Signature, ...], make: Callable[[Path], object], says: str
) -> None:
    path = tmp_path / "log"
    make(path)
    with pytest.raises(LogError, match=says) as caught:
        read_logs([str(path)], signatures)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_name_with_a_nul(signatures: tuple[Signature, ...]) -> None:
    with pytest.raises(LogError):
        read_logs(["a\0b"], signatures)


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from gradio_doctor.knowledge.model import Prose, Signature
from gradio_doctor.logs import LogInput, read_logs
s = Signature("app.boom", (r"boom happened in (?P<place>\\w{1,40})",), Prose("x"), 0.01)
e = read_logs([LogInput(sys.argv[2])], [s])
print(e.files[0].name, e.files[0].lines, e.matches[0].source.line, e.matches[0].count)
"""


@pytest.mark.parametrize("data", [TEXT, gzip.compress(TEXT), TEXT.decode().encode("utf-16")])
def test_standard_input(data: bytes) -> None:
    command = [sys.executable, "-c", PROGRAM, str(ROOT), "-"]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=True)
    assert done.stdout.split() == [b"stdin", b"30001", b"30001", b"1"]


def test_the_shells_process_substitution(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(TEXT)
    command = f'{sys.executable} -c "$0" {ROOT} <(cat {tmp_path}/log)'
    done = subprocess.run(["bash", "-c", command, PROGRAM], capture_output=True, timeout=60, check=True)
    assert done.stdout.split()[1:] == [b"30001", b"30001", b"1"]


def test_pieces_of_a_pipe(signatures: tuple[Signature, ...]) -> None:
    """A pipe may give single bytes; nothing depends on how the bytes arrive."""
    class Slow(io.RawIOBase):
        def __init__(self) -> None:
            self.data = io.BytesIO(b"x\nboom happened in pipe\n")

        def readable(self) -> bool:
            return True

        def readinto(self, view: object) -> int:
            return self.data.readinto(memoryview(view)[:1])  # type: ignore[arg-type]

    found = read_logs([LogInput("p", stream=Slow())], signatures)  # type: ignore[arg-type]
    assert found.matches[0].source.line == 2 and found.files[0].lines == 2


def test_a_file_that_grows_is_read_to_its_size_at_opening(tmp_path: Path) -> None:
    path = tmp_path / "growing.log"
    path.write_bytes(b"a" * 10_000)
    reader = open_log(LogInput(str(path)))
    with path.open("ab") as file:
        file.write(b"b" * 10_000)
    total = b""
    while piece := reader.read(4096):
        total += piece
    reader.close()
    assert total == b"a" * 10_000
