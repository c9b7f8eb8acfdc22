"""Compressed logs as streams of bytes, with bounds on how far they may blow up."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol

_PIECE = 1 << 16
_XZ_MEMORY = 1 << 28  # bytes that an .xz dictionary may take
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


def _zstd() -> tuple[Callable[[], Any], tuple[type[Exception], ...]]:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ImportError:
        try:
            from backports import zstd  # type: ignore[import-not-found,no-redef,unused-ignore]
        except ImportError:
            return _zstandard()
    return zstd.ZstdDecompressor, (zstd.ZstdError,)


def _zstandard() -> tuple[Callable[[], Any], tuple[type[Exception], ...]]:
    try:
        import zstandard  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        hint = "reading .zst needs Python 3.14 or the package zstandard; or: zstd -dc FILE | gradio-doctor logs -"
        raise BrokenError(hint) from error
    return lambda: _Zstandard(zstandard), (zstandard.ZstdError,)


class _Zstandard:
    """The package zstandard with the interface of the others. It has no bound on one call, so it is fed little."""

    def __init__(self, module: Any) -> None:
        self._inner = module.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        self._ready = b""
        self._input = b""

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof) and not self._ready

    @property
    def needs_input(self) -> bool:
        return not self._ready and not self._input

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    def decompress(self, data: bytes, size: int) -> bytes:
        """Up to `size` bytes."""
        self._input += data
        if not self._ready:
            piece, self._input = self._input[:64], self._input[64:]
            self._ready = self._inner.decompress(piece)
        out, self._ready = self._ready[:size], self._ready[size:]
        return out


_KINDS: dict[str, Callable[[], tuple[Callable[[], Any], tuple[type[Exception], ...]]]] = {
    "gz": _gzip, "xz": _xz, "zst": _zstd,
}
_MAGIC = {b"\x1f\x8b\x08": "gz", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}


def kind_of(start: bytes) -> str | None:
    """The compression of a file by its first bytes (its name may lie), None when it is not compressed."""
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
