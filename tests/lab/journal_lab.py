"""A real journal: systemd's journald, which runs without systemd, and control groups named like services."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.lab.harness import until
from tests.lab.resource_lab import remove_group

_JOURNALD = Path("/usr/lib/systemd/systemd-journald")
_LOCK = Path("/tmp/gradio-doctor-journal.lock")
_STDOUT = "/run/systemd/journal/stdout"
_GROUPS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup")


@contextlib.contextmanager
def journal() -> Iterator[None]:
    """The machine's own journal where it has one; else journald, and none any more afterwards. Needs root."""
    with _LOCK.open("w") as lock:  # another of pytest's workers may have started one, and would end it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _accepts():
            yield
        else:
            with _started():
                yield


@contextlib.contextmanager
def _started() -> Iterator[None]:
    for folder in ("/run/systemd/journal", "/run/log/journal"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    if not Path("/etc/machine-id").exists() or not Path("/etc/machine-id").read_text().strip():
        Path("/etc/machine-id").write_text(uuid.uuid4().hex + "\n")
    process = subprocess.Popen([_JOURNALD], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(_accepts, 20, "journald does not come up")
        yield
    finally:
        process.kill()
        process.wait(10)
        shutil.rmtree(Path("/run/log/journal") / Path("/etc/machine-id").read_text().strip(), ignore_errors=True)


def _accepts() -> bool:
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(_STDOUT)
        except OSError:
            return False
    return True


@contextlib.contextmanager
def service(name: str) -> Iterator[Callable[[], None]]:
    """A control group as systemd makes it for a service: what puts a process into it, before it runs its program."""
    top = next(Path(g) for g in _GROUPS if (Path(g) / "cgroup.procs").exists())
    group = top / "system.slice" / name
    group.mkdir(parents=True)

    def enter() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))

    try:
        yield enter
    finally:
        remove_group(group)
        with contextlib.suppress(OSError):
            group.parent.rmdir()


def written(unit: str) -> str:
    """What the journal has of a service."""
    command = ["journalctl", f"--unit={unit}", "-b", "-q", "--no-pager", "-o", "cat"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stdout
