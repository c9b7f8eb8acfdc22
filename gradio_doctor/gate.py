"""The health gate for CI: what the files foretell, then a start of the app's own, looked at, and stopped again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType

from gradio_doctor.assemble import assemble
from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.engine import Examination
from gradio_doctor.errors import UsageError
from gradio_doctor.evidence import AppSource, Deployment, Target
from gradio_doctor.examine import examine, facts_of, notes_of
from gradio_doctor.flags import Chosen, Wish
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.snippet import read_snippet
from gradio_doctor.probes.table import live_probes
from gradio_doctor.registry import Loaded
from gradio_doctor.tree import Walk

_PORT = "GRADIO_SERVER_PORT"


def run_gate(target: Target, options: Options, chosen: Chosen, wish: Wish) -> int:
    """Examine, report, return the exit status; predictions count as causes do. Without `options.run` nothing starts.

    An instance that runs already is left alone and not looked at. Raises UsageError on bad input.
    """
    from gradio_doctor.commands import exit_status, notice, prepared, write

    if target.kind != "script":
        raise UsageError(f"{target.text}: gate starts an app, so it wants its main file, such as app.py")
    wish = replace(wish, foreseen=True)
    options = replace(options, fresh=True)
    loaded = prepared(chosen, wish)
    if options.run:
        with _ended_by_signals(), _own_directory(), _own_port():
            diagnosis = examine(target, options, loaded, note=notice(wish), select=chosen.select, ignore=chosen.ignore)
    else:
        diagnosis = foretell(target, options, loaded, chosen)
    for output in wish.outputs:
        write(diagnosis, output, wish)
    status = exit_status(diagnosis, wish)
    notice(wish)(f"gate: {_outcome(diagnosis, status)}")
    return status


def _outcome(diagnosis: Diagnosis, status: int) -> str:
    if status == 0:
        return "open"
    if status == 3:
        return "could not tell"
    count = len(diagnosis.predictions)
    foreseen = f", {count} foreseen (read off the files)" if count else ""
    return f"closed: {len(diagnosis.causes)} found{foreseen}"


def foretell(target: Target, options: Options, loaded: Loaded, chosen: Chosen) -> Diagnosis:
    """What the source and the deployment files say by themselves: nothing is started, asked or sent."""
    started = time.monotonic()
    every = live_probes(())
    kinds: tuple[type, ...] = (AppSource, Deployment)
    probes = {kind: every[kind] for kind in kinds}
    checks = loaded.kept(chosen.ignore)
    with Examination(target, options, probes, loaded.knowledge, checks) as examination:
        for kind in kinds:
            examination.get(kind)
        examination.run_at_hand(final=True)
        walked = Walk((), (), ())
        diagnosis = assemble(
            examination, walked, facts_of(examination), read_snippet, chosen.select, chosen.ignore
        )
        notes = loaded.broken + notes_of(examination)
    return replace(diagnosis, notes=notes, seconds=time.monotonic() - started)


@contextlib.contextmanager
def _own_port() -> Iterator[None]:
    """A free port for an app that does not fix its own; what the person set stays."""
    if os.environ.get(_PORT):
        yield
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        os.environ[_PORT] = str(free.getsockname()[1])
    try:
        yield
    finally:
        os.environ.pop(_PORT, None)


@contextlib.contextmanager
def _own_directory() -> Iterator[None]:
    """What is captured goes into a directory of its own. It goes away, but for the log that a report names."""
    before = tempfile.tempdir
    own = tempfile.mkdtemp(prefix="gradio-doctor-gate-")
    tempfile.tempdir = own
    try:
        yield
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)
        raise
    finally:
        tempfile.tempdir = before
        with contextlib.suppress(OSError):
            Path(own).rmdir()


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the gate as Ctrl-C does: the app is stopped, and the exit status is 130."""
    numbers = [n for name in ("SIGTERM", "SIGHUP") if (n := getattr(signal, name, None))]
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
