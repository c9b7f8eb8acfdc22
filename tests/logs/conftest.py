"""What the tests of the log reader share: signatures, and ways to get real tracebacks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gradio_doctor.evidence import LogEvents
from gradio_doctor.knowledge.model import Prose, Signature
from gradio_doctor.logs import Limits, read_logs

PATTERNS: dict[str, tuple[str, ...]] = {
    "port.range": (r"Cannot find empty port in range: (?P<first>\d{1,5})-(?P<last>\d{1,5})",),
    "port.bind": (r"\[Errno (?:98|48|10048)\] error while attempting to bind on address \('(?P<host>[^']{1,80})', (?P<port>\d{1,5})\)",),  # noqa: E501
    "gpu.oom": (r"CUDA out of memory\. Tried to allocate (?P<want>[\d.]{1,9} [KMG]iB)", "cudaErrorMemoryAllocation"),
    "memory.killed": (r"^Killed$",),
    "memory.kernel": (r"Out of memory: Killed process (?P<pid>\d{1,7}) \((?P<name>[^)]{1,40})\)",),
    "proxy.refused": (r"connect\(\) failed \(111: Connection refused\) while connecting to upstream",),
    "server.timeout": (r"WORKER TIMEOUT \(pid:(?P<pid>\d{1,7})\)",),
    "memory.paging": (r"页面文件太小",),
    "app.boom": (r"boom happened in (?P<place>\w{1,40})",),
    "app.typographic": (r"Couldn.t start the app because",),
}


def make(name: str, *patterns: str, **options: object) -> Signature:
    """A signature with little around it."""
    return Signature(name, patterns or PATTERNS[name], Prose("x"), 0.002, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def signatures() -> tuple[Signature, ...]:
    """A handful of signatures of every shape."""
    return (
        *(make(name) for name in PATTERNS),
        make("app.shout", "segmentation fault", ignore_case=True),
        make("app.unless", r"disk is full", unless=("just kidding",)),
        make("proxy.only", r"upstream is gone", layers=("proxy",)),
    )


Read = Callable[..., LogEvents]


@pytest.fixture
def read(tmp_path: Path, signatures: tuple[Signature, ...]) -> Read:
    """Reads a text (or bytes) as one log."""
    def function(content: str | bytes, name: str = "app.log", limits: Limits | None = None) -> LogEvents:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_logs([str(path)], signatures, limits)

    return function


@pytest.fixture(scope="session")
def python_says(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs a program with a real Python and gives what it prints on stderr; the same program is run only once."""
    directory = tmp_path_factory.mktemp("programs")
    known: dict[tuple[str, str], str] = {}

    def function(code: str, python: str = sys.executable) -> str:
        if (code, python) not in known:
            script = directory / f"program{len(known)}.py"
            script.write_text(code)
            done = subprocess.run([python, str(script)], capture_output=True, text=True, timeout=60, check=False)
            known[code, python] = done.stderr
        return known[code, python]

    return function
