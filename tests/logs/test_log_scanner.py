"""What is found does not depend on the engine, the size of blocks, encodings, colours, bars or the length of lines."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import LogEvents
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs import Limits, LogInput, read_logs
from gradio_doctor.logs import engines as engines_module
from gradio_doctor.logs.compressed import kind_of
from gradio_doctor.logs.engines import SMALL, by_grams, by_hyperscan, by_search
from gradio_doctor.logs.merge import events
from gradio_doctor.logs.reading import open_log
from gradio_doctor.logs.rules import RuleSet
from gradio_doctor.logs.scanner import BLOCK, Scanner

Read = Callable[..., LogEvents]
ENGINES = {"search": by_search, "grams": by_grams, "hyperscan": by_hyperscan}

HITS = (
    "OSError: Cannot find empty port in range: 7860-7959.", "Killed", "boom happened in here",
    "ERROR:    [Errno 98] error while attempting to bind on address ('0.0.0.0', 7860): address already in use",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0",
    "SEGMENTATION Fault (core dumped)",
    "disk is full", "disk is full, just kidding", "页面文件太小，无法完成操作。", "Couldn’t start the app because",
    "[2026-11-22 10:00:00 +0000] [16] [CRITICAL] WORKER TIMEOUT (pid:17)",
)
NEAR = (
    "Cannot find empty port in range: none", "Not Killed by anything", "boom happened in ", "WORKER TIMEOUT (pid:x)",
    "CUDA out of memory", "", "Traceback (most recent call last):", '  File "/srv/a.py", line 3, in f',
    "ValueError: no", "100%|██████████| 20/20", "\x1b[31mred\x1b[0m", "{}", '{"log": "Killed\\n", "stream": "stderr"}',
)
LINES = st.lists(st.sampled_from(HITS + NEAR) | st.text(max_size=40).map(lambda t: t.replace("\n", " ")), max_size=60)


def with_engine(engine: str, content: bytes, signatures: tuple[Signature, ...]) -> LogEvents:
    rules = RuleSet(signatures)
    scanner = Scanner(rules, "log", Limits(), now=1.7e9, find=ENGINES[engine](rules.tokens))
    return events([scanner.run(open_log(LogInput("x", stream=BytesIO(content))))], signatures)


@settings(max_examples=120, deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n"]))
def test_engines_agree(signatures: tuple[Signature, ...], lines: list[str], end: str) -> None:
    content = end.join(lines).encode("utf-8", "replace")
    first, *others = (with_engine(e, content, signatures) for e in ENGINES)
    assert all(other == first for other in others)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(HITS + NEAR[:6]), min_size=1, max_size=40))
def test_counts_are_those_of_re(signatures: tuple[Signature, ...], lines: list[str]) -> None:
    """The brute force: every expression on every line."""
    found = with_engine("hyperscan", "\n".join(lines).encode(), signatures)
    for signature in signatures[:9]:
        flags = re.IGNORECASE if signature.ignore_case else 0
        hits = [n for n, line in enumerate(lines, 1) if any(re.search(p, line, flags) for p in signature.patterns)]
        match = found.get(signature.id)
        if signature.id == "server.timeout":
            assert (match.count if match else 0) == len(hits)
        assert (match is None) == (not hits)
        if match:
            assert match.count == len(hits) and [s.source.line for s in match.samples] == hits[:3]
            assert match.source.line == hits[0] and (match.last is None or match.last.line == hits[-1])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000) | st.lists(st.sampled_from([h.encode() for h in HITS + NEAR] + [
    b"\xff\xfe", b"\x1b[", b"\r", b"\n", b"\x00", b"\xe9", b'{"message": ', b"}", b"\x1b]0;title",
    b"+-+------- 1 -------",
    b"During handling of the above exception, another exception occurred:", b"Fatal Python error: Aborted", b"[" * 50,
    "╭──── Traceback (most recent call last) ────╮".encode(), b"| ", b"Nov 31 99:99:99 host x: ", b"9999999999.9 ",
])).map(b"".join))
def test_no_bytes_make_it_raise(signatures: tuple[Signature, ...], content: bytes) -> None:
    assume(kind_of(content) is None)
    found = with_engine("grams", content, signatures)
    if b"\0" not in content and not content.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        assert found.files[0].lines == content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


@pytest.mark.parametrize("engine", ENGINES)
def test_blocks_join_without_a_seam(signatures: tuple[Signature, ...], engine: str) -> None:
    """Lines across the borders of blocks are found once, with the right numbers."""
    line, filler = "boom happened in here", "x" * 97
    lines = [line if n % 50 == 0 else filler for n in range(1, 20_001)]
    lines[9_999] = "Cannot find empty port in range: 1-2"
    found = with_engine(engine, ("\n".join(lines) + "\n").encode(), signatures)
    boom, port = found.get("app.boom"), found.get("port.range")
    assert boom and port and boom.count == 399 and boom.last and boom.last.line == 20_000
    assert port.source.line == 10_000 and found.files[0].lines == 20_000


@pytest.mark.parametrize("shift", range(0, 40, 3))
def test_a_token_on_the_border_of_two_blocks(signatures: tuple[Signature, ...], shift: int) -> None:
    before = b"y" * (engines_module.SMALL - 20 + shift)
    found = with_engine("hyperscan", before + b" boom happened in here " + b"z" * SMALL, signatures)
    boom = found.get("app.boom")
    assert boom and boom.count == 1 and boom.captures == {"place": "here"} and boom.source.line == 1


def test_a_line_of_fifty_megabytes(signatures: tuple[Signature, ...]) -> None:
    """Bounded memory: a process of its own shows its peak."""
    program = textwrap.dedent("""
        import io, resource, sys
        sys.path.insert(0, sys.argv[1])
        from gradio_doctor.knowledge.model import Prose, Signature
        from gradio_doctor.logs import LogInput, read_logs
        class Endless(io.RawIOBase):
            left = 50 << 20
            def readable(self): return True
            def readinto(self, view):
                n = min(len(view), self.left); self.left -= n
                view[:n] = b"QUJD" * (n // 4) + b"=" * (n % 4)
                if n and self.left < 20 << 20 and not hasattr(self, "said"):
                    self.said = True; word = b" boom happened in here "; view[100:100 + len(word)] = word
                return n
        s = Signature("app.boom", (r"boom happened in (?P<place>\\w{1,40})",), Prose("x"), 0.01)
        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        e = read_logs([LogInput("x", stream=Endless())], [s])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        [file], [m] = e.files, e.matches
        print(file.bytes, file.lines, m.count, m.captures["place"], (peak - base) >> 10)
    """)
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", program, root], capture_output=True, text=True, timeout=60, check=True)
    size, lines, count, place, grown = done.stdout.split()
    assert (int(size), lines, count, place) == (50 << 20, "1", "1", "here")
    assert int(grown) < 30, "MB more than at the start"


def test_progress_bars(read: Read) -> None:
    bars = "\r".join(f"{n}%|{'█' * (n // 10)}| {n}/100" for n in range(101))
    found = read(f"start\n{bars}\rboom happened in bar\r100%|done|\nboom happened in line\n")
    boom = found.get("app.boom")
    assert boom and boom.count == 2 and [s.source.line for s in boom.samples] == [2, 3]
    assert boom.text == "boom happened in bar"
    assert found.tail[-2] == "100%|done|" and found.files[0].lines == 3


def test_colours_do_not_tear_tokens(read: Read) -> None:
    found = read("\x1b[1mboom \x1b[31mhappened\x1b[0m in \x1b[36mhere\x1b[0m\n\x1b]0;a title\x07Killed\n")
    boom, killed = found.get("app.boom"), found.get("memory.killed")
    assert boom and boom.text == "boom happened in here" and boom.captures == {"place": "here"}
    assert killed and killed.source.line == 2


@pytest.mark.parametrize("line", [
    "Killed", "web-1  | Killed", "Nov 22 10:00:00 host sh[1]: Killed", "2026-11-22T10:00:00Z stdout F Killed",
    "2026-11-22 10:00:00,123 - run - ERROR - Killed", '{"message": "Killed", "level": "error"}',
    "\x1b[31mKilled\x1b[0m",
    '{"log":"Killed\\n","stream":"stderr","time":"2026-11-22T10:00:00Z"}', "ERROR:root:Killed", "Killed\r",
])
def test_anchors_mean_the_content(read: Read, line: str) -> None:
    found = read(f"x\n{line}\n").get("memory.killed")
    assert found and found.source.line == 2


@pytest.mark.parametrize("line", ["Killed it", "not Killed", "Killed: 9", '{"message": "it was Killed"}'])
def test_anchors_still_anchor(read: Read, line: str) -> None:
    assert read(line + "\n").get("memory.killed") is None


def test_unless_and_layers(read: Read) -> None:
    found = read("disk is full\ndisk is full, just kidding\n").get("app.unless")
    assert found and found.count == 1
    assert read("[ 12.345678] kernel: upstream is gone\n").get("proxy.only") is None
    found = read("2026/11/22 10:00:00 [error] 28#28: *2 upstream is gone\n").get("proxy.only")
    assert found and found.layer == "proxy"


def test_json_quotes_and_escapes(read: Read) -> None:
    line = (
        r'{"msg": "bind: [Errno 98] error while attempting to bind on address (\u0027::1\u0027, 80)'
        r'\nboom happened in json"}'
    )
    found = read(line + "\n")
    bind, boom = found.get("port.bind"), found.get("app.boom")
    assert bind and bind.captures == {"host": "::1", "port": "80"} and boom and boom.text == "boom happened in json"
    escaped = read('{"msg": "\\u9875\\u9762\\u6587\\u4ef6\\u592a\\u5c0f"}\n').get("memory.paging")
    assert escaped and escaped.text == "页面文件太小"


@pytest.mark.parametrize("codec", ["utf-8", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_encodings(read: Read, codec: str) -> None:
    text = "starting the app now\nOSError: [WinError 1455] 页面文件太小，无法完成操作。\n" * 3 + "plain ascii\n" * 30
    found = read(text.encode(codec))
    paging = found.get("memory.paging")
    assert paging and paging.count == 3 and paging.source.line == 2 and "页面文件太小" in paging.text
    assert found.head[0] == "starting the app now" and found.files[0].lines == 36


def test_level_trace_and_context(read: Read) -> None:
    lines = [f"line {n}" for n in range(1, 10)]
    lines[4] = '{"event": "boom happened in api", "level": "error", "request_id": "abc", "timestamp": 1763805600}'
    found = read("\n".join(lines) + "\n", limits=Limits(context=2)).get("app.boom")
    assert found
    [sample] = found.samples
    assert (sample.level, sample.trace, sample.source.time) == ("ERROR", "abc", "2025-11-22T10:00:00+00:00")
    assert sample.before == ("line 3", "line 4") and sample.after == ("line 6", "line 7")


def test_context_across_blocks(signatures: tuple[Signature, ...]) -> None:
    start = b"x" * 99 + b"\n"
    content = start * (BLOCK // 100 + 160)
    content += b"boom happened in border\n" + b"behind one\nbehind two\n" + start * 4000
    for extra in range(0, 200, 23):
        rules = RuleSet(signatures)
        data = b"p" * extra + b"\n" + content
        scan = Scanner(rules, "log", Limits(context=2)).run(open_log(LogInput("x", stream=BytesIO(data))))
        found = events([scan], signatures)
        [sample] = found.matches[0].samples
        assert sample.after == ("behind one", "behind two")


def test_what_is_shown_is_clean_and_short(read: Read) -> None:
    found = read("a" * 3000 + "\x00\x08\u202e boom happened in here" + "b" * 3000 + "\n").get("app.boom")
    assert found and len(found.text) < 520 and "boom happened in here" in found.text
    assert not re.search("[\x00-\x1f\u202e]", found.text)


def test_a_time_limit(signatures: tuple[Signature, ...]) -> None:
    content = b"boom happened in here\n" * 200_000
    found = read_logs([LogInput("x", stream=BytesIO(content))], signatures, Limits(seconds=0))
    assert "0 s" in found.files[0].truncated and 0 < found.files[0].lines < 200_000


def test_empty(read: Read) -> None:
    found = read(b"")
    assert (found.matches, found.tracebacks, found.files[0].lines, found.head, found.tail) == ((), (), 0, (), ())
