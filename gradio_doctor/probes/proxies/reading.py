"""Reading the files of another program's configuration: so many, so large, for so long, and only real files."""

from __future__ import annotations

import errno
import fnmatch
import os
import posixpath
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gradio_doctor.probes.redact import clean, redact_text

_MOST_FILES = 300
_MOST_BYTES = 2_000_000  # of all files together; crossplane reads about 1.5 MB a second
_MOST_ENTRIES = 10_000  # of all directories that globs look into
_MOST_LINKS = 40
_SECONDS = 3.0
_MAGIC = frozenset("*?[")


@dataclass
class Files:
    """The files that one proxy reads, under the root that it sees them in, and what is left of the budget for them.

    What could not be read is added to `unread` in words; `refused` becomes True when a permission was missing.
    """

    root: str = ""
    files: int = _MOST_FILES
    bytes: int = _MOST_BYTES
    entries: int = _MOST_ENTRIES
    deadline: float = field(default_factory=lambda: time.monotonic() + _SECONDS)
    unread: list[str] = field(default_factory=list)
    refused: bool = False
    _texts: dict[str, str | None] = field(default_factory=dict)

    @property
    def late(self) -> bool:
        """True when the time is up."""
        return time.monotonic() > self.deadline

    def text(self, path: str) -> str | None:
        """The text of a file, None when it cannot be read (it is then told in `unread`)."""
        if path not in self._texts:
            try:
                self._texts[path] = self._read(path)
            except (OSError, ValueError) as error:
                self.refused |= isinstance(error, PermissionError)
                why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
                self.skip(path, why.lower())
                self._texts[path] = None
        return self._texts[path]

    def skip(self, path: str, why: str) -> None:
        """Tell that something was not read."""
        told = redact_text(clean(f"{path}: {why}", 300))
        if told not in self.unread and len(self.unread) < 50:
            self.unread.append(told)

    def _read(self, path: str) -> str:
        if self.files <= 0 or self.late:
            raise ValueError("too many files, or too slow: not read")
        self.files -= 1
        descriptor = os.open(self.inside(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("no regular file")
            raw = file.read(self.bytes + 1)
        if len(raw) > self.bytes:
            raise ValueError("too large for a configuration")
        if b"\0" in raw:
            raise ValueError("no text")
        self.bytes -= len(raw)
        return raw.decode("utf-8-sig", "replace")

    def exists(self, path: str) -> bool:
        """True for something that is there, as far as we may see."""
        try:
            return os.path.lexists(self.inside(path))
        except OSError:
            return False

    def is_socket(self, path: str) -> bool | None:
        """Whether a Unix socket is at a path; None when we may not look there."""
        try:
            return stat.S_ISSOCK(Path(self.inside(path)).stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, ValueError):
            return None

    def inside(self, path: str) -> str:
        """Where we find what the proxy calls `path`: links in a container lead to places in that container."""
        if not self.root:
            return path
        done, left = "/", [p for p in path.split("/") if p]
        for _ in range(_MOST_LINKS * 50):
            if not left:
                return self.root + done
            here = posixpath.normpath(posixpath.join(done, left.pop(0)))
            link = Path(self.root + here)
            if link.is_symlink():
                target = str(link.readlink())
                left = [p for p in target.split("/") if p] + left
                done = "/" if target.startswith("/") else done
            else:
                done = here
        raise OSError(errno.ELOOP, "too many symbolic links")

    def matching(self, pattern: str) -> list[str]:
        """The paths that a pattern of an include names, sorted; the pattern itself when it has no wildcard."""
        if _MAGIC.isdisjoint(pattern):
            return [pattern]
        found = ["/"]
        for part in [p for p in pattern.split("/") if p]:
            if _MAGIC.isdisjoint(part):
                found = [posixpath.join(f, part) for f in found]
            else:
                found = [posixpath.join(f, n) for f in found for n in self._names(f, part)]
        return sorted(f for f in found if self.exists(f))

    def _names(self, directory: str, pattern: str) -> Iterator[str]:
        try:
            with os.scandir(self.inside(directory)) as entries:
                for entry in entries:
                    self.entries -= 1
                    if self.entries < 0 or self.late:
                        self.skip(directory, "too many files to look through")
                        return
                    hidden = entry.name.startswith(".") and not pattern.startswith(".")
                    if not hidden and fnmatch.fnmatchcase(entry.name, pattern):
                        yield entry.name
        except NotADirectoryError:
            return
        except OSError as error:
            self.refused |= isinstance(error, PermissionError)
            if not isinstance(error, FileNotFoundError):
                self.skip(directory, (error.strerror or str(error)).lower())
