"""Out of GPU memory, caught by the app: told from one that a handler failed of, by what Python and Gradio print."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.evidence import Absent, HttpAnswer, HttpAnswers, Run
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.said import causes, events, named

OOM = "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 23.65 GiB total capacity; 20.1 GiB already allocated)"
CAUGHT = f"""
import logging
logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
try:
    raise RuntimeError({OOM!r})
except RuntimeError as error:
    logging.warning("%s did not fit, retrying with half", error, exc_info=error)
"""
FAILED = f"""Traceback (most recent call last):
  File "/v/site-packages/gradio/queueing.py", line 870, in process_events
    response = await route_utils.call_process_api(
  File "/v/site-packages/gradio/blocks.py", line 1961, in call_function
    prediction = await anyio.to_thread.run_sync(
  File "/srv/app.py", line 7, in generate
    return pipe(prompt)
torch.cuda.OutOfMemoryError: {OOM}
"""
LINE = "2026-11-23 10:00:00,000 {} tile: CUDA out of memory with full frame, falling back to tiles\n"
NOBODY = Absent("nobody asked")
SERVING = Run(("python",), "/", 1, "serving", 2.0)
SERVES = HttpAnswers("http://x", (HttpAnswer("page", "GET", "http://x/", "answered", 0.1, 200),), is_gradio=True)


def printed(folder: Path) -> str:
    """What a real logging call prints."""
    (folder / "app.py").write_text(CAUGHT)
    return subprocess.run([sys.executable, "app.py"], cwd=folder, capture_output=True, text=True, timeout=60).stderr


def found(loaded: Loaded, folder: Path, text: str, run: Any = SERVING, http: Any = NOBODY) -> list[Finding]:
    return list(named(loaded, "gpu-handled")(events(text, loaded, folder), run, http))


def test_caught_and_logged(loaded: Loaded, tmp_path: Path) -> None:
    text = printed(tmp_path)
    (one,) = found(loaded, tmp_path, text * 3)
    assert one.id == "gpu.oom-handled" and int(one.facts["count"]) >= 3
    assert found(loaded, tmp_path, text, NOBODY, SERVES)
    log = events(text, loaded, tmp_path)
    seen = [Finding(m.signature, facts=dict(m.captures), source=m.source) for m in log.matches]
    kept = merged([*seen, one])
    assert not [name for name in rank(loaded.knowledge, kept).probability if name == "gpu.out-of-memory"]


@pytest.mark.parametrize(("level", "handled"), [("WARNING", True), ("INFO", True), ("ERROR", False)])
def test_a_line_alone(loaded: Loaded, tmp_path: Path, level: str, handled: bool) -> None:
    assert bool(found(loaded, tmp_path, LINE.format(level))) is handled


@pytest.mark.parametrize("text", [FAILED, LINE.format("WARNING") + FAILED, "nothing of that\n"])
def test_a_handler_failed_of_it(loaded: Loaded, tmp_path: Path, text: str) -> None:
    assert not found(loaded, tmp_path, text)


def test_of_an_app_that_does_not_serve_nobody_knows(loaded: Loaded, tmp_path: Path) -> None:
    text = printed(tmp_path)
    assert not found(loaded, tmp_path, text, NOBODY)
    assert not found(loaded, tmp_path, text, Run(("python",), "/", 1, "exited", 2.0, exit_code=1))
    assert next(iter(causes(text, loaded, tmp_path))) == "gpu.out-of-memory"
