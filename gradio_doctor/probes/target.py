"""Turns the TARGET argument into what it names, or one clear line that says what is wrong with it."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from gradio_doctor.errors import UsageError
from gradio_doctor.evidence import Target
from gradio_doctor.probes.redact import clean, redact_url
from gradio_doctor.probes.scripts import absolute

MOST_SCRIPT_BYTES = 5_000_000
_LOG_SUFFIXES = frozenset({".log", ".txt", ".out", ".err", ".gz", ".xz", ".zst"})
_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.%]{2,64}\]):\d{1,8}(?:/\S*)?")
_NUMBER_RULE = "a bare number is a listening port, else a running pid; write port:N or pid:N to mean one of them"


class TargetError(UsageError):
    """The TARGET argument names nothing that can be examined. The message is one line for the person."""


def resolve_target(text: str | None, logs: Sequence[str] = ()) -> Target:
    """What the person means by TARGET; without one, the logs they gave, else "none". Raises TargetError.

    Tried in this order: URL, `port:N` and `:N`, `pid:N`, a bare number, an existing file, host:port.
    """
    if text is None:
        return Target("log", ", ".join(logs), path=str(Path(logs[0]).absolute())) if logs else Target("none", "")
    if not text.strip():
        raise TargetError("the target is empty; give an app.py, a pid, a port, a URL or a bundle.zip")
    if "://" in text:
        return _url(text)
    prefix, colon, number = text.partition(":")
    if colon and prefix in ("", "port"):
        return _port(text, number)
    if colon and prefix == "pid":
        return _process(text, number)
    if text.isascii() and text.isdigit():
        return _bare_number(text)
    if _ADDRESS.fullmatch(text) and not os.path.lexists(text):
        return _url(f"http://{text}", typed=text)
    return _file(text)


def _show(text: str) -> str:
    return redact_url(clean(text, 200))


def _number(text: str, digits: str, what: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise TargetError(f"{_show(text)}: {_show(digits) or 'nothing'} is not a {what}; give a whole number")
    return int(digits)


def _port(text: str, digits: str) -> Target:
    port = _number(text, digits, "port")
    if not 1 <= port <= 65535:
        raise TargetError(f"{_show(text)}: ports go from 1 to 65535; give the port of the app, such as port:7860")
    return Target("port", text, port=port)


def _process(text: str, digits: str) -> Target:
    pid = _number(text, digits, "pid")
    if not _running(pid):
        raise TargetError(f"{_show(text)}: no process has pid {pid}; it may have ended, give app.py instead")
    return Target("process", text, pid=pid)


def _bare_number(text: str) -> Target:
    number = _number(text, text, "port or pid")
    if 1 <= number <= 65535 and _listening(number):
        return Target("port", text, port=number)
    if _running(number):
        return Target("process", text, pid=number)
    if number > 65535 or number < 1:
        raise TargetError(f"{number}: no process has pid {number}, and ports go from 1 to 65535 ({_NUMBER_RULE})")
    raise TargetError(f"{number}: nothing listens on port {number} and no process has pid {number} ({_NUMBER_RULE})")


def _running(pid: int) -> bool:
    import psutil

    try:
        return pid > 0 and psutil.pid_exists(pid)
    except (OverflowError, OSError):
        return False


def _listening(port: int) -> bool:
    from gradio_doctor.probes import sockets

    try:
        if sys.platform == "linux":
            return any(s.port == port for s in sockets.listening_sockets())
        return bool(sockets.portable_listeners().on(port))
    except (OSError, ValueError):
        return False


def _url(url: str, typed: str | None = None) -> Target:
    """A URL without credentials, query and fragment; with `port` when this machine itself serves it."""
    shown = _show(typed or url)
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise TargetError(f"{shown}: not a valid URL ({_reason(error)}); give one like http://host:7860") from error
    if parts.scheme not in ("http", "https"):
        raise TargetError(f"{shown}: only http:// and https:// URLs can be examined, not {clean(parts.scheme, 40)}://")
    host = parts.hostname or ""
    if not host or port == 0 or clean(url) != url or any(c.isspace() for c in host):
        raise TargetError(f"{shown}: the URL has no usable host and port; give one like http://127.0.0.1:7860")
    address = f"[{host}]" if ":" in host else host
    plain = SplitResult(parts.scheme, f"{address}:{port}" if port else address, parts.path, "", "").geturl()
    served = port or (443 if parts.scheme == "https" else 80)
    return Target("url", redact_url(typed or url), url=plain, port=served if _is_this_machine(host) else None)


def _is_this_machine(host: str) -> bool:
    """Without asking DNS, which may hang."""
    if host in ("localhost", "localhost.localdomain", socket.gethostname().lower()):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified or host in _own_addresses()


def _own_addresses() -> set[str]:
    import psutil

    try:
        return {a.address.partition("%")[0] for found in psutil.net_if_addrs().values() for a in found}
    except (OSError, psutil.Error):
        return set()


def _file(text: str) -> Target:
    path = _regular_file(text)
    head = _read_head(text, path)
    suffix = Path(path).suffix.lower()
    if suffix == ".zip":
        if not head.startswith(b"PK"):
            raise TargetError(f"{_show(text)}: not a zip file; give a bundle made by gradio-doctor collect")
        return Target("bundle", text, path=path)
    if suffix in _LOG_SUFFIXES:
        return Target("log", text, path=path)
    _require_source(text, suffix, head)
    return Target("script", text, script=path)


def _regular_file(text: str) -> str:
    """The absolute path. What is not a regular file is refused unopened: opening a FIFO or a device has effects."""
    try:
        path = absolute(text)
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TargetError(
            f"{_show(text)}: no such file; give the path of the app's main file (app.py), a pid, a port or a URL"
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise TargetError(f"{_show(text)}: cannot be read ({_reason(error)}); give a file you may read") from error
    if stat.S_ISDIR(mode):
        inside = _show(str(Path(text, "app.py")))
        raise TargetError(f"{_show(text)}: is a directory; give the app's main file, such as {inside}")
    if not stat.S_ISREG(mode):
        raise TargetError(f"{_show(text)}: is a FIFO, socket or device, not a file; give the app's main file")
    return path


def _read_head(text: str, path: str) -> bytes:
    """At most one byte more than a script may have, of a file that is still a regular one when it is open."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise TargetError(f"{_show(text)}: is no longer a regular file; give the app's main file")
            return file.read(MOST_SCRIPT_BYTES + 1)
    except OSError as error:
        raise TargetError(f"{_show(text)}: cannot be read ({_reason(error)}); give a file you may read") from error


def _require_source(text: str, suffix: str, head: bytes) -> None:
    if suffix == ".ipynb":
        raise TargetError(f"{_show(text)}: is a notebook; give the pid of its kernel or the port of its app")
    if len(head) > MOST_SCRIPT_BYTES:
        raise TargetError(f"{_show(text)}: larger than 5 MB, so no Python source; give the app's main file")
    if b"\0" in head:
        raise TargetError(f"{_show(text)}: has NUL bytes (a binary file, or UTF-16): not Python source")
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head[:8192])
    if controls * 20 > min(len(head), 8192):
        raise TargetError(f"{_show(text)}: not text, so no Python source; give the app's main file")


def _reason(error: Exception) -> str:
    return clean((error.strerror if isinstance(error, OSError) else "") or str(error), 100).lower()
