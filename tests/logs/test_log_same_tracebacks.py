"""Tracebacks that come again and again are counted at once, and just as they would be when read line by line."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from bench.corpus import KINDS
from gradio_doctor.evidence import LogEvents
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs import Limits, LogInput, read, read_logs, shards
from gradio_doctor.logs.collector import Block
from gradio_doctor.logs.engines import by_grams, by_hyperscan, by_search
from gradio_doctor.logs.merge import events
from gradio_doctor.logs.reading import open_log
from gradio_doctor.logs.repeats import Repeats
from gradio_doctor.logs.rules import RuleSet
from gradio_doctor.logs.scanner import BLOCK, Scanner
from gradio_doctor.logs.tracebacks import TracebackParser
from tests.logs.conftest import make

ENGINES = {"hyperscan": by_hyperscan, "grams": by_grams, "search": by_search}
FULL = """\
import asyncio, resource, socket
async def main():
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    client, kept = socket.socket(), []
    client.setblocking(False)
    try:
        while True:
            kept.append(open("/dev/null"))
    except OSError:
        pass
    client.connect_ex(server.sockets[0].getsockname())
    await asyncio.sleep(0.05)
    kept.clear()
asyncio.run(main())
"""
REFUSED = """\
import traceback, urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:1/", timeout=5)
except OSError:
    traceback.print_exc()
"""
RULES = (
    make("os.full", r"\[Errno 24\] Too many open files"),
    make("os.refused", r"\[Errno (?:111|61)\] Connection refused"),
    make("net.urlopen", "urlopen error"),
    make("app.boom"),
)


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each traceback that began, whether it was counted at once."""
    done: list[bool] = []
    known = Repeats.again

    def noted(self: Repeats, start: int, number: int) -> Any:
        found = known(self, start, number)
        done.append(found is not None)
        return found

    monkeypatch.setattr(Repeats, "again", noted)
    return done


def scan(text: str, rules: Sequence[Signature] = RULES, engine: str = "grams", **limits: Any) -> LogEvents:
    ruleset = RuleSet(rules)
    scanner = Scanner(ruleset, "log", Limits(**limits), now=1.79e9, find=ENGINES[engine](ruleset.tokens))
    return events([scanner.run(open_log(LogInput("x", stream=BytesIO(text.encode()))))], rules)


def line_by_line(text: str, rules: Sequence[Signature] = RULES, **limits: Any) -> LogEvents:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Repeats, "again", lambda *_: None)
        return scan(text, rules, **limits)


def first_of(says: str, last: str) -> str:
    """The first traceback of a program's output, to its last line."""
    lines = says[says.index("Traceback"):].splitlines(keepends=True)
    return "".join(lines[: next(i for i, line in enumerate(lines) if line.startswith(last)) + 1])


@pytest.fixture
def full(python_says: Callable[..., str]) -> str:
    """What asyncio prints each time when it cannot accept a connection."""
    says = python_says(FULL)
    assert says.count("socket.accept() out of system resource") > 20
    return says[: says.index("socket.accept()", 10)]


@pytest.fixture
def refused(python_says: Callable[..., str]) -> str:
    """Two exceptions of a refused connection."""
    return first_of(python_says(REFUSED), "urllib.error.URLError")


def access(choose: random.Random) -> str:
    return f'INFO:     127.0.0.1:{choose.randint(1024, 65_000)} - "POST /queue/join HTTP/1.1" 200 OK\n'


@pytest.mark.parametrize("engine", ENGINES)
def test_an_app_out_of_descriptors(full: str, engine: str, again: list[bool]) -> None:
    lines = full.count("\n")
    found = scan("starts\n" + full * 3000, engine=engine)
    [traceback] = found.tracebacks
    assert (traceback.count, traceback.links[-1].type, traceback.links[-1].source.line) == (3000, "OSError", 4)
    match = found.get("os.full")
    assert match and match.last and (match.count, match.source.line) == (3000, 1 + lines)
    assert match.last.line == 1 + 3000 * lines == found.files[0].lines
    assert [s.source.line for s in match.samples] == [1 + lines, 1 + 2 * lines, 1 + 3 * lines]
    assert match.tracebacks == (0,)
    assert sum(again) > 2950


@pytest.mark.parametrize("engine", ENGINES)
def test_handlers_whose_service_is_away(refused: str, engine: str, again: list[bool]) -> None:
    choose = random.Random(1)
    text = "".join(refused + "".join(access(choose) for _ in range(choose.randint(1, 8))) for _ in range(600))
    found = scan(text, engine=engine)
    [traceback] = found.tracebacks
    assert traceback.count == 600 and [k.type for k in traceback.links] == [
        "ConnectionRefusedError", "urllib.error.URLError"
    ]
    assert [(m.signature, m.count) for m in found.matches] == [("os.refused", 1200), ("net.urlopen", 600)]
    at = text.rindex("urllib.error.URLError")
    for match in found.matches:
        assert match.last and match.last.line == text.count("\n", 0, at) + 1
    assert len(again) == 600 and sum(again) > 550


def test_few_lines_are_fed_to_the_parser(full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    begin = TracebackParser.begin

    def noted(self: TracebackParser, number: int, *rest: Any) -> None:
        begun.append(number)
        begin(self, number, *rest)

    monkeypatch.setattr(TracebackParser, "begin", noted)
    scan(full * 5000)
    blocks = len(full) * 5000 // BLOCK + 1
    assert len(begun) <= 8 + blocks  # a traceback on the border of two blocks is read line by line


def stamped(text: str, choose: random.Random) -> str:
    clock = f"2026-11-22T10:{choose.randint(10, 59)}:{choose.randint(10, 59)}.{choose.randrange(10**9):09}Z "
    return "".join(clock + line for line in text.splitlines(keepends=True))


def journal(text: str, choose: random.Random) -> str:
    front = f"Nov 22 10:{choose.randint(10, 59)}:{choose.randint(10, 99)} box python[4711]: "  # some are no times
    return "".join(front + line for line in text.splitlines(keepends=True))


DRESSES: dict[str, Callable[[str, random.Random], str]] = {
    "plain": lambda text, _: text,
    "stamped": stamped,
    "journal": journal,
    "carriage returns": lambda text, _: text.replace("\n", "\r\n"),
    "compose": lambda text, _: "".join(f"web_1      | {line}" for line in text.splitlines(keepends=True)),
    "epoch": lambda text, choose: "".join(f"17{choose.randrange(10**8):08} {k}" for k in text.splitlines(True)),
    "levels": lambda text, _: "".join(f"ERROR: {line}" for line in text.splitlines(keepends=True)),
    "numbers": lambda text, choose: text.replace("refused>", f"refused> after {choose.randrange(90)} s"),
}
BEHIND = (
    "", "\n", "\n\n", "\n\n\n", "a loose line\n", "  an odd one 12\n", '  File "x.py", line 3\n', "KeyError: 'x'\n",
    "1732000000 epoch\n", "2026-11-22 10:00:00,111 ERROR app: boom happened in api\n", "boom happened in here\n",
    "\x1b[31mred\x1b[0m\n", '{"message": "[Errno 24] Too many open files"}\n', "[Errno 24] Too many open files\n",
    "\nThe above exception was the direct cause of the following exception:\n\n",
    "\nDuring handling of the above exception, another exception occurred:\n\n", "    indented\n", "x" * 9000 + "\n",
    '{"exc_info": "Traceback (most recent call last):\\n  File \\"/a.py\\", line 1, in f\\nValueError: x"}\n',
    "Traceback (most recent call last):\n", '  File "/srv/app.py", line 3, in f\n    raise OSError(24)\n',
)


def pieces(choose: random.Random, tracebacks: Sequence[str], dress: str) -> Iterator[str]:
    wear = DRESSES[dress]
    while True:
        yield wear(choose.choice(tracebacks), choose)
        if choose.random() < 0.6:
            yield wear(access(choose), choose)
        if choose.random() < 0.2:
            yield wear(choose.choice(BEHIND), choose)


@pytest.mark.parametrize("dress", DRESSES)
def test_what_comes_between(full: str, refused: str, dress: str, again: list[bool]) -> None:
    """Real tracebacks, some with another number, and all that a log may hold between them."""
    tracebacks = (full, refused, full, refused.replace("Errno 111", "Errno 24"), full.replace("in accept", "in take"))
    for seed in range(3):
        made = pieces(random.Random(f"{dress} {seed}"), tracebacks, dress)
        text = "".join(next(made) for _ in range(1500))
        expected = line_by_line(text)
        assert sum(t.count for t in expected.tracebacks) > 500
        again.clear()
        assert scan(text) == expected
        assert any(again) == (dress != "epoch")
        assert scan(text, engine="hyperscan") == expected


def test_digits_of_frames_and_messages_count(full: str, again: list[bool]) -> None:
    other = full.replace("[Errno 24] Too", "[Errno 23] Too")
    moved = full.replace(", line ", ", line 7")
    found = scan((full + other + moved) * 200)
    assert sum(again) > 550
    match = found.get("os.full")
    assert match and match.count == 400
    assert [t.count for t in found.tracebacks] == [400, 200]  # folded whatever number the message has


def test_times_above_are_those_of_line_by_line(full: str) -> None:
    """A match behind many tracebacks is dated by the nearest time above, if that is near enough."""
    for gap in (1, 2, 3, 5, 200):
        text = full * 10 + "2026-11-22 10:00:00,111 - app - INFO - hello\n" + full * gap + "boom happened in x\n"
        assert scan(text) == line_by_line(text)
    text = full * 10 + "2026-11-22 10:00:00,111 - app - INFO - hello\n" + full * 5 + "boom happened in x\n"
    found = scan(text).get("app.boom")
    assert found and found.source.time == "2026-11-22T10:00:00.111"


def test_within_a_span_of_time(full: str, again: list[bool]) -> None:
    text = stamped(full, random.Random(1)).replace("T10:", "T09:") * 40 + stamped(full, random.Random(2)) * 40
    found = scan(text, since="2026-11-22T10:00:00")
    assert [t.count for t in found.tracebacks] == [40] and not any(again)
    assert [(m.signature, m.count) for m in found.matches] == [("os.full", 40)]


def test_lines_around_samples(full: str) -> None:
    text = full * 50 + "boom happened in x\n" + full * 50
    assert scan(text, context=4) == line_by_line(text, context=4)


@pytest.mark.parametrize("engine", ENGINES)
def test_on_the_borders_of_blocks(full: str, engine: str) -> None:
    expected = None
    for extra in range(0, len(full), 83):
        text = "p" * extra + "\n" + full * (BLOCK * 2 // len(full) + 9)
        found = scan(text, engine=engine)
        counts = found.tracebacks[0].count, [(m.count, m.last and m.last.line) for m in found.matches]
        expected = expected or counts
        assert counts == expected and len(found.tracebacks) == 1


def test_more_than_are_kept(full: str, again: list[bool]) -> None:
    """When a traceback is dropped to make room for others, its return is a new one."""
    others = [full.replace("in accept", f"in f{chr(97 + n // 26)}{chr(97 + n % 26)}") for n in range(300)]
    text = full * 5 + "".join(o * 5 for o in others) + "".join(others) + full * 5
    found, expected = scan(text), line_by_line(text)
    assert found == expected and len(found.tracebacks) == 200
    assert any(again) and again.count(False) > 900


def test_memory_is_bounded(full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Repeats] = []
    enter = Repeats.enter

    def noted(self: Repeats, block: Block) -> None:
        kept.append(self)
        enter(self, block)

    monkeypatch.setattr(Repeats, "enter", noted)
    names = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(400)]
    scan("".join(full.replace("in accept", f"in {n}") * 4 + f"{n} {n}\n" for n in names))
    assert 0 < sum(map(len, kept[-1]._noted.values())) <= 256
    scan("".join(full + f"{n} is said\n" for n in names))
    [known] = kept[-1]._noted.values()
    assert all(len(r.closers) <= 64 for r in known)


def test_parts_of_a_file(full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.log"
    path.write_text("starts\n" + full * 4000)
    whole = read_logs([path], RULES)
    monkeypatch.setattr(read, "LARGE", 1)
    monkeypatch.setattr(shards, "_LEAST", 1)
    monkeypatch.setattr(shards, "_processors", lambda: 4)
    parts = read_logs([path], RULES)
    assert [t.count for t in parts.tracebacks] == [t.count for t in whole.tracebacks] == [4000]
    assert (parts.matches, parts.files[0].lines) == (whole.matches, whole.files[0].lines)


@pytest.mark.parametrize("kind", ["accept", "handler"])
def test_logs_of_the_benchmark_repeat(kind: str, again: list[bool]) -> None:
    made = KINDS[kind](random.Random(3))
    text = "".join(next(made) for _ in range(4000))
    assert scan(text) == line_by_line(text)
    assert again.count(True) > 0.95 * len(again) > 500
