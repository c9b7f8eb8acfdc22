"""The proxies that run here: told by their processes, with the configuration that their command line names."""

from __future__ import annotations

import os
import posixpath
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from gradio_doctor.evidence import Listeners, Process, Processes, ProxyProcess
from gradio_doctor.evidence.proxies import ProxyKind

_NAMES: Mapping[str, ProxyKind] = {
    "nginx": "nginx", "openresty": "nginx", "tengine": "nginx", "angie": "nginx", "caddy": "caddy",
    "haproxy": "haproxy", "apache2": "apache", "httpd": "apache", "traefik": "traefik", "envoy": "envoy",
}
_PLACES: Mapping[ProxyKind, tuple[str, ...]] = {
    "nginx": (
        "/etc/nginx/nginx.conf", "/usr/local/openresty/nginx/conf/nginx.conf", "/usr/local/nginx/conf/nginx.conf",
        "/usr/local/etc/nginx/nginx.conf", "/opt/homebrew/etc/nginx/nginx.conf",
    ),
    "caddy": ("/etc/caddy/Caddyfile",),
    "haproxy": ("/etc/haproxy/haproxy.cfg", "/usr/local/etc/haproxy/haproxy.cfg"),
    "apache": (
        "/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf", "/usr/local/apache2/conf/httpd.conf",
        "/opt/homebrew/etc/httpd/httpd.conf",
    ),
}
_FLAGS: Mapping[ProxyKind, tuple[str, ...]] = {
    "nginx": ("-c",), "caddy": ("--config", "-config", "-c"), "haproxy": ("-f", "--"), "apache": ("-f",),
}
_TITLE = ": master process "  # nginx writes this over its command line


@dataclass(frozen=True, slots=True)
class Running:
    """A running proxy, the files it may have been started with (best first), and how they are to be read.

    `prefix` is its own for relative paths; `root` is put before every path of one in a container, "" for others.
    """

    process: Process
    proxy: ProxyProcess
    places: tuple[str, ...]
    words: tuple[str, ...]
    prefix: str
    root: str


def running_proxies(processes: Processes, listeners: Listeners | None) -> Iterator[Running]:
    """Every proxy whose parent is not the same proxy (a worker), with the ports that it and its workers listen on."""
    for process in processes.table.values():
        kind = _kind(process)
        parent = processes.get(process.ppid)
        if kind is None or process.state == "zombie" or (parent is not None and _kind(parent) == kind):
            continue
        pids = [process.pid, *(c.pid for c in processes.children(process.pid))]
        ports = {s.port for pid in pids for s in (listeners.held_by(pid) if listeners else ())}
        words = _words(process)
        prefix = _prefix(process, kind, words)
        apart = _differs(process.pid, "net")
        yield Running(
            process, ProxyProcess(process.pid, kind, tuple(sorted(ports)), apart=apart),
            tuple(dict.fromkeys(_places(process, kind, words, prefix))), words, prefix,
            f"/proc/{process.pid}/root" if _differs(process.pid, "mnt") else "",
        )


def is_proxy(process: Process) -> bool:
    """True for a program that is known as a reverse proxy."""
    return _kind(process) is not None


def _kind(process: Process) -> ProxyKind | None:
    program = PurePosixPath(process.exe.removesuffix(" (deleted)")).name or process.name
    if program not in _NAMES and process.name in _NAMES and not process.exe:
        program = process.name  # another user's: only its name is told
    return _NAMES.get(program)


def _words(process: Process) -> tuple[str, ...]:
    """The command line as it was given."""
    line = " ".join(process.command)
    if _TITLE not in line:
        return process.command
    try:
        return tuple(shlex.split(line.partition(_TITLE)[2]))
    except ValueError:
        return tuple(line.partition(_TITLE)[2].split())


def option(words: tuple[str, ...], *names: str) -> str:
    """The value of the first of these options: `-c X`, `-cX` for one letter, `--config X`, `--config=X`."""
    for at, word in enumerate(words[1:], 1):
        for name in names:
            if word == name and at + 1 < len(words):
                return words[at + 1]
            if name.startswith("--") and word.startswith(f"{name}="):
                return word.partition("=")[2]
            if len(name) == 2 and word.startswith(name) and len(word) > 2 and not word.startswith("--"):
                return word[2:]
    return ""


def _prefix(process: Process, kind: ProxyKind, words: tuple[str, ...]) -> str:
    cwd = process.cwd or "/"
    if kind == "nginx" and (given := option(words, "-p")):
        return posixpath.join(cwd, given)
    if kind == "apache" and (given := option(words, "-d")):
        return posixpath.join(cwd, given)
    return cwd


def _places(process: Process, kind: ProxyKind, words: tuple[str, ...], prefix: str) -> Iterator[str]:
    given = option(words, *_FLAGS.get(kind, ()))
    if given:
        yield posixpath.normpath(posixpath.join(prefix, given))
        return
    if kind == "nginx":
        if option(words, "-p"):
            yield from (posixpath.join(prefix, "conf/nginx.conf"), posixpath.join(prefix, "nginx.conf"))
        above = PurePosixPath(process.exe).parent.parent
        if str(above) not in ("/usr", "/", "."):
            yield str(above / "conf/nginx.conf")
    elif kind == "caddy":
        yield posixpath.join(prefix, "Caddyfile")
    yield from _PLACES.get(kind, ())
    if kind == "nginx":
        yield posixpath.join(prefix, "nginx.conf")


def _differs(pid: int, kind: str) -> bool:
    """True when a process lives in another namespace of that kind than we do; False when that cannot be told."""
    read: Callable[[str], str] = os.readlink
    try:
        return read(f"/proc/{pid}/ns/{kind}") != read(f"/proc/self/ns/{kind}")
    except (OSError, AttributeError):
        return False
