"""Compressed logs as streams of bytes, with bounds on how far they may blow up."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol

_PIECE = 1 << 16
_XZ_MEMORY = 1 << 28  # bytes that an .xz dictionary may take
_ZST_WINDOW = 27  # log2 of the bytes that a .zst window may take: what `zstd -d` takes without --long
RATIO_FROM = 256 << 20  # decompressed bytes from which the ratio is watched: small logs may well repeat themselves
RATIO = 300  # real logs shrink 10 to 100 times; zlib cannot do more than 1030, xz and zstd can


class Stream(Protocol):
    """What compressed bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes, b"" at the end."""


class BrokenError(ValueError):
    """The compressed data is damaged."""


class Decompressed:
    """Reads a compressed stream. `problem` says why it ended early, "" while it did not."""

    def __init__(self, raw: Stream, kind: str, max_bytes: int) -> None:
        self._raw = raw
        self._new, self._errors = _KINDS[kind]()
        self._current = self._new()
        self._max = max_bytes
        self._input = b""
        self._ended = False
        self.read_in = 0
        self.read_out = 0
        self.problem = ""

    def read(self, size: int) -> bytes:
        """Up to `size` decompressed bytes, b"" at the end."""
        size = min(size, self._max - self.read_out)
        if size <= 0:
            self.problem = self.problem or f"it holds more than {self._max:,} bytes; the rest was not read"
        while size > 0 and not self.problem:
            out = self._step(size)
            if out is None:
                break
            if out:
                self.read_out += len(out)
                self._watch_ratio()
                return out
        return b""

    def _step(self, size: int) -> bytes | None:
        """One piece of output, b"" when more input is needed first, None at the end."""
        if self._current.eof:
            self._input = self._current.unused_data or self._input
            if not self._input.strip(b"\0"):
                self._input = self._more()
            if not self._input:
                return None
            self._current = self._new()
        needs = getattr(self._current, "needs_input", True)
        if not self._input and needs:
            self._input = self._more()
        try:
            out = self._decompress(size)
            if not out and needs and self._ended and not self._current.eof:
                self.problem = "the compressed data ends in the middle"
                return None
            return out
        except self._errors as error:
            self.problem = f"the compressed data is damaged ({error})"
            return None

    def _decompress(self, size: int) -> bytes:
        data, self._input = self._input, b""
        out: bytes = self._current.decompress(data, size)
        tail = getattr(self._current, "unconsumed_tail", b"")
        if tail:
            self._input = tail
        return out

    def _more(self) -> bytes:
        data = self._raw.read(_PIECE)
        self.read_in += len(data)
        self._ended = not data
        return data

    def _watch_ratio(self) -> None:
        if self.read_out > RATIO_FROM and self.read_out > RATIO * max(self.read_in, 1):
            self.problem = f"it grew to {RATIO} times its size, which no log does; the rest was not read"


def _gzip() -> tuple[Callable[[], Any], tuple[type[Exception], ...]]:
    return lambda: zlib.decompressobj(wbits=31), (zlib.error,)


def _xz() -> tuple[Callable[[], Any], tuple[type[Exception], ...]]:
    return lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY), (lzma.LZMAError,)


def zstd_module() -> Any:
    """The standard library's zstd of Python 3.14, or the same code as a package. Raises BrokenError without both."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        try:
            from backports import zstd  # type: ignore[import-not-found,no-redef,unused-ignore]
        except ImportError as error:  # a platform without a wheel
            hint = "reading .zst needs Python 3.14 or backports.zstd; or: zstd -dc FILE | gradio-doctor logs -"
            raise BrokenError(hint) from error
    return zstd


def _zstd() -> tuple[Callable[[], Any], tuple[type[Exception], ...]]:
    zstd = zstd_module()
    bounds = {zstd.DecompressionParameter.window_log_max: _ZST_WINDOW}
    return lambda: zstd.ZstdDecompressor(options=bounds), (zstd.ZstdError,)


_KINDS: dict[str, Callable[[], tuple[Callable[[], Any], tuple[type[Exception], ...]]]] = {
    "gz": _gzip, "xz": _xz, "zst": _zstd,
}
_MAGIC = {
    b"\x1f\x8b\x08": "gz", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst",
    **{bytes([n, 0x2A, 0x4D, 0x18]): "zst" for n in range(0x50, 0x60)},  # pzstd and others begin with a skippable frame
}


def kind_of(start: bytes) -> str | None:
    """The compression of a file by its first bytes (its name may lie), None when it is not compressed."""
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
