"""From bytes of any encoding to clean text."""

from __future__ import annotations

import codecs
import re

from gradio_doctor.probes.redact import redact_text

ANSI = re.compile(rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)|[@-Z\\^_=>78])")
_ANSI_TEXT = re.compile(ANSI.pattern.decode("latin-1"))
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]")
_CJK = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
SHOWN = 500  # characters of a line that are kept for people


def decode(raw: bytes) -> str:
    """Bytes of one line as text: UTF-8, else GBK when that gives Chinese, else byte for byte. Never raises."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        text = raw.decode("gb18030")
        if _CJK.search(text):
            return text
    except UnicodeDecodeError:
        pass
    return raw.decode("utf-8", "replace")


def without_ansi(text: str) -> str:
    """Text without terminal colours and other escape sequences."""
    return _ANSI_TEXT.sub("", text) if "\x1b" in text else text


def clean(text: str, width: int = SHOWN, around: int = 0) -> str:
    """Text that is safe to show: no control or direction characters, no secrets, at most `width` characters."""
    begin = max(0, min(around - width // 3, len(text) - width))
    cut = text[begin:begin + width]
    cut = redact_text(_CONTROLS.sub("", without_ansi(cut).replace("\t", "    ")))
    return ("…" if begin else "") + cut + ("…" if begin + width < len(text) else "")


def visible(line: str) -> str:
    """What a terminal would show of a line with carriage returns: its last segment that is not empty."""
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


def utf16_codec(start: bytes) -> str | None:
    """The UTF-16 codec of a file that starts with these bytes (by its mark, or by its NULs), else None."""
    if start.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if start.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    sample = start[:4096]
    half = len(sample) // 2
    if half < 8:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.6 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.6 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


class ToUtf8:
    """Turns a stream of UTF-16 bytes into UTF-8, piece by piece."""

    def __init__(self, codec: str) -> None:
        self._decoder = codecs.getincrementaldecoder(codec)("replace")

    def feed(self, data: bytes, final: bool) -> bytes:
        """The next piece as UTF-8 (without the byte order mark)."""
        return self._decoder.decode(data, final).replace("\ufeff", "").encode("utf-8", "replace")
