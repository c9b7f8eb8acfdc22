"""Hostile logs: real ones bent out of shape, and shapes that no program would print. All from one random generator."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 20_000  # bytes of one input before it is compressed

CONTROLS = [bytes([n]) for n in (*range(32), 127)] + [chr(n).encode() for n in (*range(0x80, 0xA0), 0x61C, 0x200B,
    0x200E,
    0x2028, 0x2029, 0x202E, 0x2066, 0x2069, 0xFEFF, 0xFFF9, 0xE0041)] + [b"\x9b31m", b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80"]
SEQUENCES = (
    b"\x1b[31m", b"\x1b[0m", b"\x1b[2J\x1b[H", b"\x1b[38;5;196m", b"\x1b[", b"\x1b", b"\x1b]0;owned\x07",
    b"\x1b]52;c;cm0gLXJm\x07",
    b"\x1b]8;;http://evil/\x1b\\click\x1b]8;;\x1b\\", b"\x1b]8;;file:///etc/passwd\x07", b"\x1bPq#0\x1b\\",
    b"\x1b[6n", b"\x1b[?1049h",
    b"\x1b]52;c;" + b"A" * 5000, b"\x1b[" + b"9" * 300 + b"m", b"\xc2\x9b2J", b"\xc2\x9d0;x\xc2\x9c",
    b"\x1b\x1b[31m[31m", b"\x0e\x0f\x08\x08",
)
PREFIXES = (
    b"2026-11-22T10:00:00.123456789Z stdout F ", b"web-1  | ", b"[pod/app-7f9c/main] ",
    b"Nov 22 10:00:00 host python[77]: ",
    b"stderr | ", b"2026-11-22 10:00:00,123 ERROR ", b"ERROR:    ", b"[2026-11-22 10:00:00 +0000] [7] [ERROR] ",
    b"| ", b"  + ",
    b"1763805600.5 ", b"E1122 10:00:00.1 7 x.py:1] ", b"app_1 | 2026-11-22 | ", b"\xe2\x94\x82 ", b"[   12.345678] ",
    b"\t", b"    ", b"> ",
)
TIMES = (
    b"9999-99-99T99:99:99Z", b"0000-00-00 00:00:00", b"2026-02-30 25:61:61", b"Feb 30 10:00:00 h x: ",
    b"99999999999999999999 ",
    b"1e400 ", b"31/Dec/9999:23:59:59 +9999", b"2026-11-22T10:00:00+99:99 ", b"I9999 99:99:99.9 ", b"-1 ",
    b"0001-01-01T00:00:00-14:00 ",
    b"9999-12-31T23:59:59.999999999-14:00 ", b"Mon Feb 29 10:00:00 2025 ", b"\xd9\xa1\xd9\xa2:00:00 ",
    b"2026-11-22T10:00:60 ",
)
NUMBERS = ("1e400", "-0", "NaN", "Infinity", "1" * 5000, "1" * 300 + ".5", "-1e-400", "1763805600000000000", "4e9",
    "1e11", "true", "null")
KEYS = (
    "message", "msg", "event", "log", "MESSAGE", "text", "exc_info", "exception", "exc_text", "traceback", "stack",
    "stack_trace",
    "time", "timestamp", "ts", "asctime", "__REALTIME_TIMESTAMP", "level", "levelname", "severity", "trace_id",
    "request_id", "stream",
    "logger", "name", "_COMM", "a\x1b[31m",
)
CODECS = ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "cp936", "cp1252", "cp932", "cp866", "utf-32", "latin-1")


class Inputs:
    """Makes input number N of a seed: the same bytes every time."""

    def __init__(self, seed: int, corpus: Sequence[bytes] | None = None) -> None:
        self.seed = seed
        self.corpus = corpus or read_corpus()

    def make(self, number: int) -> bytes:
        """One input."""
        rng = Random(self.seed << 32 | number)
        if rng.random() < 0.12:
            return rng.randbytes(rng.choice((0, 1, 7, 64, 500, 2000, 10_000)))
        data = self._start(rng)
        for _ in range(rng.choice((0, 1, 1, 2, 3, 5, 8))):
            data = rng.choice(MUTATIONS)(rng, data, self.corpus)[:LARGEST]
        return rng.choice(WRAPPINGS)(rng, data) if rng.random() < 0.3 else data

    def _start(self, rng: Random) -> bytes:
        roll = rng.random()
        if roll < 0.15:
            return b"\n".join(_json_line(rng, self.corpus) for _ in range(rng.randint(1, 12)))
        if roll < 0.3:
            return b"\n".join(rng.choice(rng.choice(self.corpus).split(b"\n")) for _ in range(rng.randint(1, 40)))
        return rng.choice(self.corpus)


def read_corpus() -> list[bytes]:
    """The labelled logs of our own runs, long ones by their beginning and their end."""
    files = sorted((ROOT / "fixtures" / "cases").glob("*.log"))
    return [data if len(data) < 6000 else data[:3000] + data[-3000:] for data in (f.read_bytes() for f in files)]


def _place(rng: Random, data: bytes) -> int:
    return rng.randint(0, len(data))


def _flip(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    out = bytearray(data)
    for _n in range(min(rng.choice((1, 3, 20, 200)), len(out))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _cut(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    a, b = sorted((_place(rng, data), _place(rng, data)))
    return rng.choice((data[:a], data[a:], data[a:b], data[:a] + data[b:]))


def _splice(rng: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    other, a = rng.choice(corpus), _place(rng, data)
    b = _place(rng, other)
    return data[:a] + other[b:] + (data[a:] if rng.random() < 0.5 else b"")


def _interleave(rng: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    one, other = data.split(b"\n"), rng.choice(corpus).split(b"\n")
    out: list[bytes] = []
    while one or other:
        side = one if (rng.random() < 0.5 and one) or not other else other
        out.append(side.pop(0))
    return b"\n".join(out)


def _repeat(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    text = lines[at] if rng.random() < 0.5 else lines[at][: rng.randint(0, 12)]
    times = min(rng.choice((2, 2, 30, 30, 2000)), LARGEST // (len(text) + 1))
    lines[at] = rng.choice((b"\n", b"", b" ", b"\r")).join([text] * times)
    return b"\n".join(lines)


def _insert(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    pool = rng.choice((CONTROLS, SEQUENCES, TIMES, PREFIXES))
    for _n in range(rng.choice((1, 4, 30))):
        at = _place(rng, data)
        data = data[:at] + rng.choice(pool) + data[at:]
    return data


def _starts(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Every line, or some of them, behind prefixes that may be nested."""
    pool = rng.choice((PREFIXES, PREFIXES, TIMES, SEQUENCES))
    front = b"".join(rng.choice(pool) for _n in range(rng.choice((1, 1, 2, 4))))
    share = rng.choice((1.0, 1.0, 0.5))
    return b"\n".join((front if rng.random() < share else b"") + line for line in data.split(b"\n"))


def _breaks(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    old, new = rng.choice(((b"\n", b"\r"), (b"\n", b"\r\n"), (b" ", b"\r"), (b"\n", b"\\n"), (b"\n", b"\0"), (b"\n",
    b"\n\n\n"), (b" ", b"\n"),
        (b" ", b"\t"), (b"\n", b"\n| "), (b"\n", b"\x85"), (b"\n", b"\r\r\r"), (b"  ", b"    "), (b"/", b"\\"),
            (b"\"", b"'")))
    return data.replace(old, new)


def _boxed(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    lines = data.decode("utf-8", "replace").split("\n")
    width = rng.choice((20, 60, 100))
    inside = [line[i:i + width] for line in lines for i in range(0, max(len(line), 1), width)][:200]
    box = "╭" + "─" * 10 + " Traceback (most recent call last) " + "─" * 10 + "╮"
    return "\n".join([box, *(f"│ {t:{width}} │" for t in inside), "╰" + "─" * 60 + "╯", "E: x"]).encode()


def _json_line(rng: Random, corpus: Sequence[bytes]) -> bytes:
    text = rng.choice(corpus).decode("utf-8", "replace")[: rng.choice((40, 400, 4000))]
    fields = [f"{json.dumps(rng.choice(KEYS))}: {_value(rng, text)}" for _n in range(rng.randint(0, 8))]
    line = "{" + ", ".join(fields) + "}"
    return (line[: _place(rng, line.encode())] if rng.random() < 0.15 else line).encode()


def _value(rng: Random, text: str, depth: int = 0) -> str:
    roll = rng.random()
    if roll < 0.5:
        return json.dumps(text, ensure_ascii=rng.random() < 0.5)
    if roll < 0.7:
        return rng.choice(NUMBERS)
    if roll < 0.75:
        return "[" * (deep := rng.choice((5, 500, 100_000))) + "]" * deep
    if roll < 0.8:
        return '"\\ud800\\udc00\\ud83d \\u0000\\u001b[2J"'
    if depth > 3:
        return "{}"
    inner: Any = "{" + f"{json.dumps(rng.choice(KEYS))}: {_value(rng, text, depth + 1)}" + "}"
    return json.dumps(inner) if rng.random() < 0.5 else inner


Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]
MUTATIONS: tuple[Mutation, ...] = (_flip, _cut, _cut, _splice, _interleave, _repeat, _insert, _insert, _starts,
    _breaks, _boxed)


def _encoded(rng: Random, data: bytes) -> bytes:
    out = data.decode("utf-8", "replace").encode(rng.choice(CODECS), "replace")
    return out[rng.choice((0, 0, 1)): len(out) - rng.choice((0, 0, 1))]


def _squeezed(rng: Random, data: bytes) -> bytes:
    """Compressed, often twice, cut or damaged, or with something behind it."""
    from gradio_doctor.logs.compressed import zstd_module

    squeeze = rng.choice((
        lambda d: gzip.compress(d, 1, mtime=0), lambda d: lzma.compress(d, preset=0), zstd_module().compress,
    ))
    out = bytearray(squeeze(data) if rng.random() < 0.7 else squeeze(data[:100]) + squeeze(data[100:]))
    roll = rng.random()
    if roll < 0.25:
        del out[rng.randint(0, len(out)):]
    elif roll < 0.5:
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif roll < 0.6:
        out += rng.randbytes(20)
    return bytes(out)


WRAPPINGS: tuple[Callable[[Random, bytes], bytes], ...] = (_encoded, _encoded, _squeezed)
