"""What an app says about its start, picked out of its output while it arrives."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST_LINE = 4096
_URL = re.compile(rb"Running on local URL: {1,4}(https?)://([^\s,/]{1,255}):(\d{1,5})")
# printed after launch() has checked itself, or by servers that do not check themselves
_DONE = (
    b"To create a public link", b"Running on public URL", b"Could not create share link",
    b"Uvicorn running on", b"Listening at: http",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Announced:
    """An address the app printed. The host is as it was bound (0.0.0.0, ::1, a name)."""

    scheme: str
    host: str
    port: int


class StartLines:
    """Reads output in pieces of any size. `address` is the last one announced; `launched` when launch() has ended.

    Gradio prints its URL *before* launch() asks itself whether it is reachable, and can still end after that.
    """

    def __init__(self) -> None:
        self.address: Announced | None = None
        self.launched = False
        self._begun = b""

    def feed(self, data: bytes) -> None:
        """Look at the next piece."""
        *lines, begun = (self._begun + data).split(b"\n")
        self._begun = begun[:_LONGEST_LINE]
        for line in lines:
            if b"unning on" in line or b"ublic link" in line or b"share link" in line or b"Listening at" in line:
                self._read(line[:_LONGEST_LINE])

    def _read(self, line: bytes) -> None:
        if (seen := _URL.search(line)) and int(seen[3]) < 65536:
            self.address = Announced(seen[1].decode(), seen[2].decode("ascii", "replace"), int(seen[3]))
        self.launched = self.launched or any(words in line for words in _DONE)
