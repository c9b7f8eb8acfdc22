"""Words of faults in lines that an app logs as a matter of course: news, tickets, optional imports."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from gradio_doctor.evidence import LogEvents, LogMatch, LogSample, Source
from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab, Read
from tests.checks.said import named

FAULTS = [
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
    "ModuleNotFoundError: No module named 'flash_attn'",
    "OSError: [Errno 24] Too many open files",
]
TALK = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
for line in sys.argv[2:]:
    logging.log(getattr(logging, sys.argv[1]), "%s", line)
"""


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("passing"))


def logged(level: str, *lines: str) -> str:
    """What a real program with the usual set-up of logging prints."""
    command = [sys.executable, "-c", TALK, level, *lines]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert level in done.stderr
    return done.stderr


def says(read: Read) -> bool:
    return "vitals.said-in-passing" in read.findings


@pytest.mark.parametrize("line", FAULTS)
def test_the_same_words_as_news_and_as_a_fault(line: str, reader: Lab) -> None:
    """The level alone tells them apart, so the cause of the one must vanish and that of the other stay."""
    fault, news = reader.read(logged("ERROR", line)), reader.read(logged("INFO", line))
    assert not says(fault) and fault.first
    assert says(news) and not news.first
    assert not set(news.findings) & {n for n in fault.findings if n.startswith(("gpu.", "dependency.", "limits."))}
    assert news.findings["vitals.said-in-passing"].facts["level"] == "INFO"
    assert line.partition(": ")[2][:20] in news.findings["vitals.said-in-passing"].facts["text"]


@pytest.mark.parametrize("level", ["WARNING", "CRITICAL"])
def test_from_warning_on_it_is_meant(level: str, reader: Lab) -> None:
    assert not says(reader.read(logged(level, FAULTS[0])))


def test_a_fault_among_the_news_is_kept(reader: Lab) -> None:
    """One line of the same kind that was not logged in passing, and all of them count."""
    text = logged("INFO", FAULTS[0]) + logged("ERROR", FAULTS[0])
    read = reader.read(text)
    assert not says(read) and read.first.startswith("gpu.")


def test_what_is_printed_without_a_level_is_a_fault(reader: Lab) -> None:
    assert not says(reader.read(FAULTS[0] + "\n"))


def test_an_optional_import_that_is_logged_with_its_traceback(reader: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """logging.info(..., exc_info=True): the exception was raised; that it was harmless is not for us to say."""
    with caplog.at_level(logging.INFO):
        try:
            import flash_attn_of_nobody  # type: ignore[import-not-found]  # noqa: F401
        except ImportError:
            logging.getLogger("app").info("optional import", exc_info=True)
    assert "Traceback" in caplog.text
    assert not says(reader.read(caplog.text))


def test_an_app_that_goes_on_is_healthy(reader: Lab) -> None:
    before = "INFO:     Uvicorn running on http://127.0.0.1:7860 (Press CTRL+C to quit)\n"
    after = "INFO:     127.0.0.1:50412 - \"GET / HTTP/1.1\" 200 OK\n"
    read = reader.read(before + logged("INFO", *FAULTS) + after)
    assert says(read) and read.first == ""


def match(signature: str, *levels: str, layer: str = "app", tracebacks: tuple[int, ...] = ()) -> LogMatch:
    """A match made by hand, one sample for each level."""
    source = Source("log", "app.log", 3)
    samples = tuple(LogSample({}, "text", source, level) for level in levels)
    return LogMatch(signature, {}, "  a line  ", source, layer, len(levels), None, samples, tracebacks)  # type: ignore[arg-type]


@pytest.mark.parametrize(("made", "passing"), [
    (match("gpu.oom", "INFO"), True), (match("gpu.oom", "debug", "Info"), True), (match("gpu.oom", "SUCCESS"), True),
    (match("gpu.oom", "INFO", "ERROR"), False), (match("gpu.oom", ""), False), (match("gpu.oom"), False),
    (match("gpu.oom", "INFO", layer="kernel"), False), (match("gpu.oom", "INFO", layer="proxy"), False),
    (match("gpu.oom", "INFO", layer="unknown"), True), (match("gpu.oom", "INFO", tracebacks=(0,)), False),
    (match("queue.full", "INFO"), False), (match("network.x", "INFO"), False), (match("memory.x", "TRACE"), True),
])
def test_the_borders(made: LogMatch, passing: bool, loaded: Loaded) -> None:
    """Other families (queue, network) tell of faults at INFO by their nature; a kernel has no news."""
    found = list(named(loaded, "vitals-passing")(LogEvents((), (made,))))
    assert bool(found) is passing
    if found:
        assert (found[0].replaces, found[0].facts["text"]) == ((made.signature,), "a line")


def test_all_that_was_said_in_passing_is_replaced_at_once(loaded: Loaded, tmp_path: Path) -> None:
    made = (match("gpu.a", "INFO"), match("dependency.b", "INFO"), match("gpu.c", "ERROR"))
    [found] = named(loaded, "vitals-passing")(LogEvents((), made))
    assert found.replaces == ("gpu.a", "dependency.b")
