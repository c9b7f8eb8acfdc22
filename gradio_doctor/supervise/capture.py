"""Everything an app writes, in order, in one file of bounded size, without ever making the app wait."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

LIMIT = 64 << 20  # bytes; what is in between is left out when a file passes this
_PREFIX = "gradio-doctor-"
_NAME = "app.log"
_CHUNK = 1 << 16
_PIPE_SIZE = 1 << 20
_F_SETPIPE_SZ = 1031
_IDLE = 0.05  # seconds without a byte after which everything written so far counts as read


class Capture:
    """A pipe for the app to write to, and a thread of ours that moves what arrives to a file.

    The reader never stops reading: a full pipe would block the app inside print(), and so its event loop. When the
    file cannot be written (disk full), output is dropped and counted in `lost`. Raises OSError when no private
    directory can be made.
    """

    def __init__(self, watch: Callable[[bytes], None], limit: int = LIMIT) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX)) / _NAME  # mode 0700
        self.limit = limit
        self.lost = 0
        self._watch = watch
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._reader, self.writer = os.pipe()
        _enlarge(self._reader)
        os.set_blocking(self._reader, False)
        self._size = 0
        self._omitted = 0
        self._idle = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._drain, name="gradio-doctor capture", daemon=True)
        self._thread.start()

    def take_writer(self) -> int:
        """The app's end of the pipe, whose closing is the caller's business from now on."""
        writer, self.writer = self.writer, -1
        return writer

    def settle(self, seconds: float = 0.5) -> None:
        """Wait until all that has been written is in the file, at most that long."""
        self._idle.clear()
        if not self._stopped:  # read after clearing: the thread sets both, in the other order
            self._idle.wait(seconds)

    def close(self) -> None:
        """Stop capturing, after a last look at the pipe. Can be called again."""
        if self.writer >= 0:
            os.close(self.take_writer())
        self.settle()
        self._stopped = True
        self._thread.join(1.0)

    def _drain(self) -> None:
        poller = select.poll()
        poller.register(self._reader, select.POLLIN)
        while not self._stopped:
            if not poller.poll(_IDLE * 1000):
                self._idle.set()
                continue
            data = os.read(self._reader, _CHUNK)
            if not data:
                break
            self._keep(data)
        self._stopped = True
        self._idle.set()
        os.close(self._reader)
        os.close(self._file)

    def _keep(self, data: bytes) -> None:
        self._watch(data)
        try:
            _write_all(self._file, data)
            self._size += len(data)
            if self._size > self.limit:
                self._shorten()
        except OSError:
            self.lost += len(data)

    def _shorten(self) -> None:
        """Replace the file by its first and last quarter. Readers of the old one keep the old one."""
        quarter = self.limit // 4
        shorter = self.path.with_suffix(".new")
        head = os.pread(self._file, quarter, 0)
        tail = os.pread(self._file, quarter, self._size - quarter)
        head = head[: head.rfind(b"\n") + 1] or head
        tail = tail[tail.find(b"\n") + 1 :]
        omitted = self._omitted + self._size - len(head) - len(tail)
        notice = f"[gradio-doctor: about {omitted} bytes of output left out here]\n".encode()
        with contextlib.suppress(FileNotFoundError):
            shorter.unlink()
        new = os.open(shorter, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            _write_all(new, head + notice + tail)
            shorter.replace(self.path)
        except BaseException:
            os.close(new)
            raise
        os.close(self._file)
        self._file, self._omitted = new, omitted
        self._size = len(head) + len(notice) + len(tail)


def keep(output: str, wanted: bool) -> str:
    """Keep a captured log (returns its path), or delete it with the directory made for it (returns "").

    Deletes nothing but what a Capture made: anything else is kept, whatever is wanted.
    """
    path = Path(output)
    ours = path.name == _NAME and path.parent.name.startswith(_PREFIX) and not path.parent.is_symlink()
    if wanted or not ours:
        return output
    shutil.rmtree(path.parent, ignore_errors=True)
    return ""


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _enlarge(pipe: int) -> None:
    """A larger pipe rides out moments in which we are slow. Linux only, and only a wish."""
    import sys

    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_SIZE)
