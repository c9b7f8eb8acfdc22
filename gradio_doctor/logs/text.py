"""From bytes of any encoding to clean text."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

from gradio_doctor.probes.redact import redact_text, tame

ANSI = re.compile(rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)|[@-Z\\^_=>78])")
_ANSI_TEXT = re.compile(ANSI.pattern.decode("latin-1"))
_ASCII = re.compile("[\x00-\x7f]")
_DAMAGED = 4  # good characters for each bad one: UTF-8 that was cut or damaged, not another code page
_HIGH = re.compile(rb"[\x80-\xff]+")
_CODE_PAGES = (  # a codec, bytes that are usual in its text, the share of the bytes above 127 that must be like that
    ("gb18030", re.compile(rb"(?:[\xa1-\xa3\xb0-\xd7][\xa1-\xfe])+"), 0.7),  # punctuation and common characters
    ("cp932", re.compile(rb"(?:\x82[\x9f-\xf1]|\x83[\x40-\x96]){2,}"), 0.2),  # kana
    ("cp1251", re.compile(rb"[\xa8\xb8\xc0-\xff]{3,}"), 0.7),
)
# All digits as one: lines that differ only in times, numbers and addresses become the same.
MASK = bytes(ord("0") if chr(b) in "0123456789" else b for b in range(256))
SHOWN = 500  # characters of a line that are kept for people


def decode(raw: bytes) -> str:
    """Bytes of one line as text: UTF-8, else a Windows code page that their shape speaks for. Never raises.

    Chinese and Japanese text is pairs of bytes. Western text has single bytes above 127 between letters: GBK would
    take "für" for Chinese, as a byte above 127 swallows the letter behind it.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    text = raw.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = len(text) - bad - len(_ASCII.findall(text))
    if good >= _DAMAGED * bad:
        return text
    for codec, usual, share in _CODE_PAGES:
        if sum(map(len, usual.findall(raw))) >= share * sum(map(len, _HIGH.findall(raw))):
            with suppress(UnicodeDecodeError):
                return raw.decode(codec)
    return text if good else raw.decode("cp1252", "replace")


def without_ansi(text: str) -> str:
    """Text without terminal colours and other escape sequences."""
    return _ANSI_TEXT.sub("", text) if "\x1b" in text else text


def clean(text: str, width: int = SHOWN, around: int = 0) -> str:
    """Text that is safe to show: no control or direction characters, no secrets, at most `width` characters."""
    begin = max(0, min(around - width // 3, len(text) - width))
    cut = text[begin:begin + width]
    cut = redact_text(tame(cut.replace("\t", "    ")))
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
