"""What the tests of limits share: control groups, a busy user, and readings of a report."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.lab.harness import until


def seen_in(cause: dict[str, Any]) -> set[str]:
    """The findings that speak for a cause."""
    return {e["finding"] for e in cause["evidence"] if e["seen"]}


def wait_up(app: Path) -> None:
    """Wait until an app has written into FILE.up, which it opened while it still could."""
    up = Path(f"{app}.up")
    until(lambda: up.exists() and up.stat().st_size, 60, f"{app} does not come up")


def bars_of(cause: dict[str, Any]) -> set[str]:
    """The resources whose holders are shown with it."""
    return {s["resource"] for e in cause["evidence"] for s in e.get("shares", ())}


class Group:
    """A control group of our own with one controller. Raises OSError where none can be made, or it has no say."""

    def __init__(self, controller: str, settings: Mapping[int, tuple[str, str]]) -> None:
        places = {1: Path("/sys/fs/cgroup") / controller, 2: Path("/sys/fs/cgroup")}
        version = 1 if (places[1] / "cgroup.procs").exists() else 2
        self.path = places[version] / f"gradio-doctor-{controller}-{os.getpid()}"
        self.file, self.value = settings[version]
        if version == 2:
            with suppress(OSError):  # it may be on already
                (places[2] / "cgroup.subtree_control").write_text(f"+{controller}")
        self.path.mkdir()
        if not (self.path / self.file).exists():
            self.path.rmdir()
            raise FileNotFoundError(self.path / self.file)

    def set(self) -> None:
        (self.path / self.file).write_text(self.value)

    def close(self) -> None:
        """End what is in it, and remove it."""
        remove_group(self.path)


def remove_group(path: Path) -> None:
    """End all processes of a control group, and remove it."""

    def gone() -> bool:
        for pid in (path / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            path.rmdir()
        except OSError:  # the kernel counts a process for a moment after its end
            return False
        return True

    until(gone, 20, f"{path} does not empty")


@contextmanager
def users(port: int) -> Iterator[None]:
    """Somebody who uses the app all the time, ten times a second."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            body = b'{"data": ["x"]}'
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/gradio_api/run/predict", body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                answer.read()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


_KEEPCAPS, _AMBIENT, _RAISE, _VERSION_3 = 8, 47, 2, 0x20080522  # linux/prctl.h, linux/capability.h


def as_user(uid: int, capability: int) -> Callable[[], None]:
    """A preexec function: go on as an ordinary user, who has one capability of root's left (to read our virtual
    environment wherever it is)."""
    libc = ctypes.CDLL(None, use_errno=True)

    def become() -> None:
        libc.prctl(_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        bit = 1 << capability
        libc.capset((ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0))
        libc.prctl(_AMBIENT, _RAISE, capability, 0, 0)

    return become
